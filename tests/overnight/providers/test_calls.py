"""Requests to providers have names that hold nobody's id."""

import asyncio

import httpx2
import pytest

from overnight.providers.calls import CallMeter, path_template
from overnight.telemetry.metrics import REGISTRY

BASE = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/batches", "/batches"),
        ("/batches/batch_68/cancel", "/batches/{id}/cancel"),
        ("/files/file-1/content", "/files/{id}/content"),
        (
            "/projects/mine/locations/us-central1/batchPredictionJobs/12:cancel",
            "/projects/{id}/locations/{id}/batchPredictionJobs/{id}:cancel",
        ),
    ],
)
def test_ids_are_left_out_of_a_path(path: str, template: str) -> None:
    assert path_template(path) == template


def asked(operation: str, status: str) -> float:
    labels = {"provider": "test", "operation": operation, "status": status}
    return REGISTRY.get_sample_value("overnight_provider_requests_total", labels) or 0


def test_a_request_is_counted_with_the_status_of_its_answer() -> None:
    meter = CallMeter(provider="test", base=BASE)
    with meter.call(httpx2.Request("GET", f"{BASE}/batches/b-1?key=secret")) as call:
        call.answered(503)
    assert asked("GET /batches/{id}", "503") == 1


def test_a_request_that_is_lost_is_counted_too() -> None:
    meter = CallMeter(provider="test", base=BASE)
    with pytest.raises(httpx2.ReadError), meter.call(httpx2.Request("POST", f"{BASE}/batches")):
        raise httpx2.ReadError("gone")
    assert asked("POST /batches", "lost") == 1


def test_a_request_that_is_given_up_is_not_counted_as_lost() -> None:
    meter = CallMeter(provider="test", base=BASE)
    with pytest.raises(asyncio.CancelledError), meter.call(httpx2.Request("GET", f"{BASE}/files")):
        raise asyncio.CancelledError
    assert (asked("GET /files", "cancelled"), asked("GET /files", "lost")) == (1, 0)


def test_where_a_download_is_redirected_to_has_no_name() -> None:
    meter = CallMeter(provider="test", base=BASE)
    with meter.call(httpx2.Request("GET", "http://signed.example/v1/files?sig=secret")) as call:
        call.answered(200)
    assert asked("GET /(elsewhere)", "200") == 1

"""What becomes of a provider's result: answers in the client's words, failures in the provider's."""

import json
from typing import Any

import pytest

from overnight.domain.errors import Untranslatable
from overnight.domain.status import BatchStatus, StopReason
from overnight.native_lane import Translation
from overnight.outcomes.record import Record
from overnight.providers.protocol import LineFault, Result

BATCH = "batch_1"
TRANSLATION = Translation(batch_id=BATCH, client_model="gpt", provider_model="my-deployment")
ODD_IDS = [
    "x" * 512,
    "😀" * 512,
    'a "quoted" \\ id',
    "line\nbreak\r\n and \u2028 and \u0000",
    " ",
    "",
    "%s %b {0}",
    "null",
    "مرحبا",
]


def answer(model: object = "my-deployment", **fields: Any) -> bytes:
    usage = {"prompt_tokens": 5, "completion_tokens": 7}
    return json.dumps({"model": model, "usage": usage, **fields}).encode()


def recorded(result: Result, *, index: int = 0, by: Translation = TRANSLATION) -> Record:
    return by.record(result, index=index, custom_id=result.key)


def test_an_answer_is_for_the_output_file_with_its_usage_and_the_client_s_model() -> None:
    result = Result(key="r-1", status=200, request_id="req_9", body=answer())
    record = recorded(result, index=3)
    assert (record.index, record.ok, record.tokens) == (3, True, 12)
    line = json.loads(record.line)
    assert line["custom_id"] == "r-1"
    assert line["error"] is None
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (200, "req_9")
    assert line["response"]["body"]["model"] == "gpt"


def test_the_record_keeps_the_model_as_the_provider_calls_it() -> None:
    assert recorded(Result(key="r", status=200, body=answer())).model == "my-deployment"


@pytest.mark.parametrize("model", ["gpt-5-2025-08-07", "", None, 5, ["my-deployment"]])
def test_a_model_that_is_not_the_deployment_s_name_stays_as_it_is(model: object) -> None:
    body = answer(model)
    record = recorded(Result(key="r", status=200, body=body))
    assert record.ok
    assert body in record.line


@pytest.mark.parametrize(
    ("client", "provider"), [(None, "my-deployment"), (None, None), ("gpt", None)], ids=str
)
def test_a_deployment_for_any_model_renames_nothing(client: str | None, provider: str | None) -> None:
    translation = Translation(batch_id=BATCH, client_model=client, provider_model=provider)
    assert answer() in recorded(Result(key="r", status=200, body=answer()), by=translation).line


def test_renaming_leaves_every_other_value_as_it_was_written() -> None:
    body = b'{"n":1.50,"model":"my-deployment","big":12345678901234567890123,"t":"\\u00e9 \xc3\xa9"}'
    line = recorded(Result(key="r", status=200, body=body)).line
    assert body.replace(b"my-deployment", b"gpt") in line


@pytest.mark.parametrize("custom_id", ODD_IDS, ids=range(len(ODD_IDS)))
@pytest.mark.parametrize(
    "outcome",
    [
        {"status": 200, "body": answer()},
        {"status": 200, "body": b""},
        {"status": 429, "body": b'{"error":{}}'},
        {"fault": LineFault("request_timeout", "no")},
    ],
    ids=["answered", "empty", "refused", "fault"],
)
def test_any_custom_id_comes_back_as_it_was_on_one_line(custom_id: str, outcome: dict[str, Any]) -> None:
    line = recorded(Result(key=custom_id, **outcome)).line
    assert json.loads(line)["custom_id"] == custom_id
    assert b"\n" not in line
    assert b"\r" not in line


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 302, 199])
def test_a_failure_keeps_the_provider_s_status_and_words(status: int) -> None:
    body = b'{"error":{"message":"too long","code":"x"}}'
    record = recorded(Result(key="r", status=status, body=body))
    assert (record.ok, record.tokens) == (False, 0)
    response = json.loads(record.line)["response"]
    assert (response["status_code"], response["body"]["error"]["message"]) == (status, "too long")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"text"', b'{"half":'])
@pytest.mark.parametrize("status", [200, 0])
def test_a_result_that_holds_no_answer_is_a_failure_whatever_its_status(status: int, body: bytes) -> None:
    record = recorded(Result(key="r", status=status, body=body))
    assert not record.ok
    response = json.loads(record.line)["response"]
    assert (response["status_code"], response["body"]["error"]["code"]) == (502, "invalid_response")


def test_status_0_with_a_body_is_a_failure_with_that_body() -> None:
    record = recorded(Result(key="r", status=0, body=b'{"error":{"code":"odd"}}'))
    assert not record.ok
    response = json.loads(record.line)["response"]
    assert (response["status_code"], response["body"]["error"]["code"]) == (502, "odd")


def test_a_body_on_several_lines_becomes_one() -> None:
    record = recorded(Result(key="r", status=200, body=b'{\r\n "model": "m",\n "n": 1.50\n}'))
    assert b'{"model":"m","n":1.50}' in record.line


def test_a_fault_is_told_in_the_provider_s_words() -> None:
    fault = LineFault("request_timeout", "The request timed out.")
    record = recorded(Result(key="r", fault=fault))
    assert not record.ok
    line = json.loads(record.line)
    assert line["response"] is None
    assert line["error"] == {"code": "request_timeout", "message": "The request timed out."}


@pytest.mark.parametrize("said", ["batch_cancelled", "batch_expired"])
@pytest.mark.parametrize("stopped", [*StopReason])
def test_a_line_that_our_stop_left_unanswered_says_why_we_stopped(said: str, stopped: StopReason) -> None:
    translation = Translation(batch_id=BATCH, client_model="gpt", provider_model="m", stopped=stopped)
    record = recorded(Result(key="r", fault=LineFault(said, "no")), by=translation)
    assert json.loads(record.line)["error"] == {"code": stopped.value, "message": stopped.message}


def test_what_the_provider_stopped_by_itself_it_explains_itself() -> None:
    fault = LineFault("batch_expired", "This request could not be executed in time, sorry.")
    record = recorded(Result(key="r", fault=fault))
    assert json.loads(record.line)["error"]["message"] == fault.message


def test_a_stop_changes_nothing_about_another_fault() -> None:
    translation = Translation(
        batch_id=BATCH, client_model="gpt", provider_model="m", stopped=StopReason.CANCELLED
    )
    record = recorded(Result(key="r", fault=LineFault("request_timeout", "no")), by=translation)
    assert json.loads(record.line)["error"]["code"] == "request_timeout"
    assert BatchStatus.CANCELLED.value not in record.line.decode()


def test_a_result_is_told_under_the_line_s_own_id_whatever_its_key_was() -> None:
    record = TRANSLATION.record(Result(key="k-7f3a", status=200, body=answer()), index=0, custom_id="Ä 1")
    assert json.loads(record.line)["custom_id"] == "Ä 1"


def test_a_line_that_could_not_be_asked_names_the_field() -> None:
    error = Untranslatable("logit_bias can't be expressed.", param="logit_bias")
    record = TRANSLATION.refused(error, index=2, custom_id="r-1")
    assert (record.index, record.ok) == (2, False)
    line = json.loads(record.line)
    assert (line["custom_id"], line["response"]["status_code"]) == ("r-1", 400)
    assert line["response"]["body"]["error"] == {
        "message": "logit_bias can't be expressed.",
        "type": "invalid_request_error",
        "param": "logit_bias",
        "code": "unsupported_by_provider",
    }

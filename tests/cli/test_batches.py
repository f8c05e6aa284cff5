"""The client commands, against a gateway that answers over real HTTP."""

import json
from pathlib import Path

import pytest

from cli import client, watching
from tests.cli.conftest import Overnight, StubGateway

LINE = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n'
COMPLETED = {
    "status": "completed",
    "completed_at": 1_700_000_065,
    "model": "m",
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "usage": {"input_tokens": 20, "output_tokens": 7},
    "output_file_id": "file-out",
    "error_file_id": "file-err",
}


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FIRST_PAUSE", watching.FIRST_PAUSE / 100)
    monkeypatch.setattr(client, "FIRST_PAUSE", client.FIRST_PAUSE / 100)


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(LINE * 3)
    return path


def test_submit_uploads_the_file_creates_the_batch_and_prints_its_id(
    overnight: Overnight, gateway: StubGateway, requests: Path
) -> None:
    out, _ = overnight("submit", requests, "--metadata", "team=search", "--metadata", "note=a=b")

    ((order, key),) = gateway.orders
    assert out == "batch_1\n"
    assert gateway.files["file-in"] == LINE * 3
    assert order == {
        "input_file_id": "file-in",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"team": "search", "note": "a=b"},
    }
    assert key
    assert gateway.bearers == {"Bearer sk-test"}


def test_submit_can_run_every_line_on_another_model_and_leaves_bad_lines_to_the_gateway(
    overnight: Overnight, gateway: StubGateway, tmp_path: Path
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(LINE + b"no JSON\n" + LINE.removesuffix(b"\n"))
    overnight("submit", path, "--model", "other")

    first, second, third = gateway.files["file-in"].splitlines()
    assert json.loads(first)["body"] == json.loads(third)["body"] == {"model": "other"}
    assert json.loads(first)["custom_id"] == "1"
    assert second == b"no JSON"


def test_submit_passes_the_idempotency_key_and_endpoint_on(
    overnight: Overnight, gateway: StubGateway, requests: Path
) -> None:
    overnight("submit", requests, "--idempotency-key", "k1", "--endpoint", "/v1/embeddings")

    ((order, key),) = gateway.orders
    assert (order["endpoint"], key) == ("/v1/embeddings", "k1")
    assert "metadata" not in order


def test_submit_waits_sums_up_and_writes_both_files(
    overnight: Overnight, gateway: StubGateway, requests: Path, tmp_path: Path
) -> None:
    gateway.changes = [{"status": "in_progress"}, {}, COMPLETED]
    gateway.files |= {"file-out": b"good\n", "file-err": b"bad\n"}

    out, err = overnight("submit", requests, "-o", tmp_path / "out.jsonl")

    assert out == "batch_1\n"
    assert "batch_1 completed: 2 of 3 lines answered, 1 failed, 20 tokens in, 7 out, took 0:01:05" in err
    assert (tmp_path / "out.jsonl").read_bytes() == b"good\n"
    assert (tmp_path / "out.errors.jsonl").read_bytes() == b"bad\n"
    assert not list(tmp_path.glob(".*"))


def test_a_create_whose_answer_is_lost_is_repeated_with_the_same_key(
    overnight: Overnight, gateway: StubGateway, requests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = client.GatewayClient.upload

    def upload_then_hang_up(*args: object, **kwargs: object) -> object:
        uploaded = upload(*args, **kwargs)
        gateway.hang_ups = 2
        return uploaded

    monkeypatch.setattr(client.GatewayClient, "upload", upload_then_hang_up)

    overnight("submit", requests)

    assert gateway.hang_ups == 0
    assert len(gateway.orders) == 1


def test_metadata_that_is_no_pair_is_refused_before_anything_is_sent(
    overnight: Overnight, gateway: StubGateway, requests: Path
) -> None:
    _, err = overnight("submit", requests, "--metadata", "nonsense", code=2)

    assert "KEY=VALUE" in err
    assert gateway.files == {}


def test_watch_rides_out_a_gateway_that_restarts(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.changes = [{"status": "in_progress"}]
    first_look = gateway.look

    def look_then_go_away() -> dict[str, object]:
        if gateway.looks == 1:
            gateway.hang_ups = 3
            gateway.changes = [{}, COMPLETED]
        return first_look()

    gateway.look = look_then_go_away  # type: ignore[method-assign] - this stub may change its mind

    _, err = overnight("watch", "batch_1")

    assert gateway.hang_ups == 0
    assert "batch_1 completed" in err


def test_watch_of_a_failed_batch_says_what_is_wrong_and_fails(
    overnight: Overnight, gateway: StubGateway
) -> None:
    fault = {"code": "invalid_json_line", "message": "This line is not parseable.", "line": 2, "param": None}
    gateway.batch |= {"status": "failed", "failed_at": 1_700_000_001, "errors": {"data": [fault] * 25}}
    gateway.batch["overnight"]["errors_total"] = 700

    _, err = overnight("watch", "batch_1", code=1)

    assert "line 2: This line is not parseable. (invalid_json_line)" in err
    assert "and 680 more" in err


def test_list_is_a_table(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.batch |= COMPLETED

    out, _ = overnight("list")

    assert "batch_1" in out
    assert "completed" in out
    assert "3/3" in out


def test_an_id_in_a_list_is_never_cut_short(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.batch["id"] = "batch_" + 32 * "a"

    assert gateway.batch["id"] in overnight("list")[0]


def test_list_says_how_to_see_more(overnight: Overnight, gateway: StubGateway) -> None:
    _, err = overnight("list", "--limit", "1")

    assert "overnight list --after batch_1" in err


def test_list_as_json_is_one_batch_a_line(overnight: Overnight, gateway: StubGateway) -> None:
    out, _ = overnight("list", "--json")

    assert [json.loads(line) for line in out.splitlines()] == [gateway.batch]


def test_show_says_what_there_is_to_say(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.batch |= {"status": "in_progress", "metadata": {"team": "search"}}
    gateway.batch["overnight"]["waiting_on"] = "http://gpu [refused]"

    out, _ = overnight("show", "batch_1")

    assert "in_progress" in out
    assert "http://gpu [refused]" in out
    assert "metadata.team" in out


def test_show_as_json_is_what_the_gateway_says(overnight: Overnight, gateway: StubGateway) -> None:
    out, _ = overnight("show", "batch_1", "--json")

    assert json.loads(out) == gateway.batch


def test_cancel_says_what_becomes_of_the_batch(overnight: Overnight, gateway: StubGateway) -> None:
    out, _ = overnight("cancel", "batch_1")

    assert gateway.cancelled
    assert out == "batch_1 cancelling\n"


def test_results_go_to_stdout_as_they_are(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.batch |= COMPLETED
    gateway.files |= {"file-out": "good ü\n".encode(), "file-err": b"bad\n"}

    assert overnight("results", "batch_1")[0] == "good ü\n"
    assert overnight("results", "batch_1", "--errors")[0] == "bad\n"


def test_results_go_to_a_file(overnight: Overnight, gateway: StubGateway, tmp_path: Path) -> None:
    gateway.batch |= COMPLETED
    gateway.files |= {"file-out": b"good\n"}

    overnight("results", "batch_1", "-o", tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_bytes() == b"good\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "in_progress"}, "its results are there when it has ended"),
        ({"status": "cancelled"}, "is cancelled and has no output file"),
    ],
)
def test_results_that_are_not_there_are_an_error(
    overnight: Overnight, gateway: StubGateway, change: dict[str, str], said: str
) -> None:
    gateway.batch |= change

    assert said in overnight("results", "batch_1", code=1)[1]


def test_a_refusal_is_one_line(overnight: Overnight, gateway: StubGateway) -> None:
    _, err = overnight("show", "batch_nope", code=1)

    assert err == "overnight: No batch found with id 'batch_nope'. (404)\n"


def test_an_answer_that_is_not_a_gateways_is_one_line(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.refusal = (200, b"<html>")
    assert "is not an Overnight gateway" in overnight("show", "batch_1", code=1)[1]

    gateway.refusal = (418, b"<html>")
    assert "418" in overnight("show", "batch_1", code=1)[1]


def test_a_gateway_that_is_not_there_is_said_with_how_to_start_it(overnight: Overnight) -> None:
    _, err = overnight("list", "--url", "http://127.0.0.1:9", code=1)

    assert "nobody answers at http://127.0.0.1:9" in err
    assert "overnight serve" in err


def test_a_url_may_end_in_v1_as_an_sdks_does(overnight: Overnight, gateway: StubGateway) -> None:
    assert "batch_1" in overnight("list", "--url", f"{gateway.url}/v1/")[0]


def test_a_gateway_on_this_machine_is_not_looked_for_behind_a_proxy(
    overnight: Overnight, gateway: StubGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    overnight("show", "batch_1")

    assert gateway.looks == 1

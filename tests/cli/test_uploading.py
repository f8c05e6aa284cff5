"""A large file goes in parts, and one that broke off goes on where it was."""

import _thread
import os
import threading
from pathlib import Path

import pytest

from cli import client, in_parts, uploading
from tests.cli.conftest import Overnight, StubGateway

LINE = b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}\n'
CONTENT = b"".join(LINE.replace(b'"1"', f'"{number}"'.encode()) for number in range(100))
PART = 1_000
PARTS = -(-len(CONTENT) // PART)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "IN_PARTS_ABOVE", 2 * PART)
    monkeypatch.setattr(in_parts, "PART_BYTES", PART)
    monkeypatch.setattr(client, "FIRST_PAUSE", client.FIRST_PAUSE / 1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(CONTENT)
    return path


def broken_off(overnight: Overnight, gateway: StubGateway, path: Path, *, after: int = 3) -> None:
    """Submit the file to a gateway that goes away after so many parts, and comes back when it is over."""
    gateway.uploads.breaks_after = after
    _, err = overnight("submit", path, code=1)
    assert "the same command goes on from there" in err
    assert len(gateway.uploads.received) == after
    gateway.uploads.breaks_after = None


def test_a_large_file_is_sent_in_parts_and_put_together_in_order(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    out, _ = overnight("submit", path)

    assert out == "batch_1\n"
    assert gateway.files["file-in"] == CONTENT
    assert gateway.uploads.begun == [
        {
            "filename": "requests.jsonl",
            "bytes": len(CONTENT),
            "purpose": "batch",
            "mime_type": "application/jsonl",
        }
    ]
    assert len(gateway.uploads.received) == PARTS
    assert max(map(len, gateway.uploads.received)) == PART
    assert [order["input_file_id"] for order, _ in gateway.orders] == ["file-in"]
    assert list(cache.iterdir()) == []


def test_a_smaller_file_is_sent_whole(overnight: Overnight, gateway: StubGateway, path: Path) -> None:
    path.write_bytes(LINE)

    overnight("submit", path)

    assert gateway.files["file-in"] == LINE
    assert gateway.uploads.begun == []


def test_parts_are_sent_at_the_same_time(overnight: Overnight, gateway: StubGateway, path: Path) -> None:
    together = threading.Barrier(in_parts.PARALLEL, timeout=30)
    whole = PARTS // in_parts.PARALLEL * in_parts.PARALLEL
    gateway.uploads.on_part = lambda: together.wait() if len(gateway.uploads.received) <= whole else None

    overnight("submit", path)

    assert not together.broken


def test_a_broken_upload_goes_on_with_the_parts_that_are_missing(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    broken_off(overnight, gateway, path)

    out, err = overnight("submit", path)

    assert out == "batch_1\n"
    assert f"going on with an upload that broke off: 3 of {PARTS} parts are there" in err
    assert gateway.files["file-in"] == CONTENT
    assert len(gateway.uploads.begun) == 1
    assert len(gateway.uploads.received) == PARTS


def test_a_note_that_was_cut_off_counts_as_none(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    broken_off(overnight, gateway, path)
    (notes,) = cache.iterdir()
    notes.write_bytes(notes.read_bytes()[:-5])

    _, err = overnight("submit", path)

    assert f"2 of {PARTS} parts are there" in err
    assert gateway.files["file-in"] == CONTENT
    assert len(gateway.uploads.received) == PARTS + 1


@pytest.mark.parametrize("spoilt", [b"", b"no JSON", b"[]\n{}"])
def test_notes_that_can_not_be_read_are_no_notes(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path, spoilt: bytes
) -> None:
    broken_off(overnight, gateway, path)
    (notes,) = cache.iterdir()
    notes.write_bytes(spoilt)

    overnight("submit", path)

    assert len(gateway.uploads.begun) == 2
    assert gateway.files["file-in"] == CONTENT


def test_a_part_whose_answer_is_lost_is_sent_again(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    def hang_up_once() -> None:
        if len(gateway.uploads.received) == 2:
            gateway.hang_ups = 1

    gateway.uploads.on_part = hang_up_once

    overnight("submit", path)

    assert gateway.hang_ups == 0
    assert gateway.files["file-in"] == CONTENT


@pytest.mark.parametrize("change", ["content", "size", "mtime"])
def test_a_changed_file_starts_anew(
    overnight: Overnight, gateway: StubGateway, path: Path, change: str
) -> None:
    broken_off(overnight, gateway, path)
    changed = CONTENT + LINE if change == "size" else CONTENT.replace(b"chat", b"CHAT")
    if change != "mtime":
        path.write_bytes(changed)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    overnight("submit", path)

    assert gateway.files["file-in"] == path.read_bytes()
    assert len(gateway.uploads.begun) == 2
    assert len(gateway.uploads.received) == 3 + -(-path.stat().st_size // PART)


def test_a_file_that_has_changed_without_a_trace_is_found_out_and_starts_anew(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    broken_off(overnight, gateway, path)
    before = path.stat().st_mtime_ns
    path.write_bytes(CONTENT.replace(b"chat", b"CHAT"))
    os.utime(path, ns=(before, before))

    _, err = overnight("submit", path)

    assert "beginning anew: The md5 is another." in err
    assert gateway.files["file-in"] == path.read_bytes()
    assert len(gateway.uploads.begun) == 2


def test_a_file_that_changes_while_it_is_sent_makes_no_batch(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    def spoil() -> None:
        gateway.uploads.parts = {part_id: b"x" * len(part) for part_id, part in gateway.uploads.parts.items()}

    gateway.uploads.on_part = spoil

    _, err = overnight("submit", path, code=1)

    assert "the file has changed while it was uploaded" in err
    assert gateway.orders == []
    assert list(cache.iterdir()) == []


def test_a_file_that_is_cut_short_while_it_is_sent_makes_no_batch(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    gateway.uploads.on_part = lambda: path.write_bytes(LINE)

    _, err = overnight("submit", path, code=1)

    assert "the file has changed while it was uploaded" in err
    assert gateway.orders == []


def test_an_upload_that_has_expired_meanwhile_starts_anew(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    broken_off(overnight, gateway, path)
    gateway.uploads.over = True

    overnight("submit", path)

    assert len(gateway.uploads.begun) == 2
    assert gateway.files["file-in"] == CONTENT


def test_a_file_that_was_complete_when_the_command_was_killed_is_not_sent_again(
    overnight: Overnight, gateway: StubGateway, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = client.GatewayClient.complete_upload

    def die(*args: object, **kwargs: object) -> object:
        complete(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(client.GatewayClient, "complete_upload", die)
    _, err = overnight("submit", path, code=130)
    monkeypatch.setattr(client.GatewayClient, "complete_upload", complete)
    assert "the same command goes on from there" in err

    overnight("submit", path)

    assert len(gateway.uploads.received) == PARTS
    assert len(gateway.orders) == 1


def test_ctrl_c_keeps_what_has_arrived(overnight: Overnight, gateway: StubGateway, path: Path) -> None:
    def interrupt() -> None:
        if len(gateway.uploads.received) == 3:
            _thread.interrupt_main()

    gateway.uploads.on_part = interrupt
    _, err = overnight("submit", path, code=130)
    assert "the same command goes on from there" in err

    _, err = overnight("submit", path)

    assert "going on with an upload that broke off" in err
    assert gateway.files["file-in"] == CONTENT
    assert len(gateway.uploads.begun) == 1
    # What was under way when it was interrupted may have arrived without being noted.
    assert len(gateway.uploads.received) <= PARTS + in_parts.PARALLEL


def test_another_model_is_another_upload(overnight: Overnight, gateway: StubGateway, path: Path) -> None:
    broken_off(overnight, gateway, path)

    overnight("submit", path, "--model", "other")

    assert len(gateway.uploads.begun) == 2
    assert gateway.files["file-in"] == CONTENT.replace(b'"m"', b'"other"')


def test_another_gateway_is_another_upload(
    overnight: Overnight, gateway: StubGateway, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(overnight, gateway, path)
    elsewhere = StubGateway()

    overnight("submit", path, "--url", elsewhere.url)

    assert len(elsewhere.uploads.received) == PARTS
    assert elsewhere.files["file-in"] == CONTENT
    elsewhere.close()


def test_a_model_is_put_into_every_line_of_a_broken_upload_too(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    gateway.uploads.breaks_after = 3
    overnight("submit", path, "--model", "other", code=1)
    gateway.uploads.breaks_after = None

    overnight("submit", path, "--model", "other")

    assert len(gateway.uploads.begun) == 1
    assert gateway.files["file-in"] == CONTENT.replace(b'"m"', b'"other"')


def test_two_commands_that_send_one_file_at_once_do_not_share_an_upload(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    first = uploading.UploadNotes.of(path, url=gateway.url, model=None)
    source = in_parts.Source(size=len(CONTENT), mtime_ns=path.stat().st_mtime_ns, part_bytes=PART)
    first.begin(source, "upload_of_the_first")

    overnight("submit", path)

    assert gateway.files["file-in"] == CONTENT
    begun = first.read(source)
    assert begun is not None
    assert (begun.upload_id, begun.parts) == ("upload_of_the_first", {})
    first.close()


def test_where_no_notes_can_be_kept_the_file_is_sent_all_the_same(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    cache.parent.parent.mkdir()
    cache.parent.write_text("no folder")

    overnight("submit", path)

    assert gateway.files["file-in"] == CONTENT


def test_notes_of_long_ago_are_removed(
    overnight: Overnight, gateway: StubGateway, path: Path, cache: Path
) -> None:
    cache.mkdir(parents=True)
    for name, age in (("old", 2 * 86_400), ("new", 3_600)):
        (cache / f"{name}.jsonl").touch()
        then = path.stat().st_mtime - age
        os.utime(cache / f"{name}.jsonl", (then, then))

    overnight("submit", path)

    assert [notes.name for notes in cache.iterdir()] == ["new.jsonl"]


def test_what_is_no_jsonl_is_refused_before_it_is_sent(
    overnight: Overnight, gateway: StubGateway, path: Path
) -> None:
    path.write_bytes(b"hello, " + CONTENT)

    _, err = overnight("submit", path, code=1)

    assert "Must be .jsonl (the first line is not a JSON object)" in err
    assert gateway.uploads.begun == []

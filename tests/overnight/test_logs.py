"""Log lines: one shape for ours and the libraries', and nothing that should not be in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from overnight.logs import configure_logging


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with structlog.contextvars.bound_contextvars():
        yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_off_a_terminal_a_line_is_json_with_what_is_bound() -> None:
    stream = io.StringIO()
    configure_logging(process="worker", stream=stream)

    with structlog.contextvars.bound_contextvars(batch_id="batch_1"):
        structlog.stdlib.get_logger("somewhere").info("chunk sent", lines=20)

    (line,) = lines(stream)
    assert line["event"] == "chunk sent"
    assert line["lines"] == 20
    assert line["batch_id"] == "batch_1"
    assert line["process"] == "worker"
    assert line["level"] == "info"


@pytest.mark.parametrize("name", ["azure.identity.aio", "httpx2", "alembic.runtime.migration"])
def test_what_libraries_say_of_each_call_is_left_out(name: str) -> None:
    stream = io.StringIO()
    configure_logging(process="worker", stream=stream)

    logging.getLogger(name).info("GET https://somewhere/")

    assert lines(stream) == []


def test_what_gcsfs_quotes_of_an_answer_is_left_out() -> None:
    stream = io.StringIO()
    configure_logging(process="worker", stream=stream)

    logging.getLogger("gcsfs").error("non-retriable exception: night@example.com does not have access")

    assert lines(stream) == []


@pytest.mark.parametrize("name", ["uvicorn.error", "temporalio.worker", "anything"])
def test_the_libraries_lines_look_the_same(name: str) -> None:
    stream = io.StringIO()
    configure_logging(process="worker", stream=stream)

    logging.getLogger(name).warning("%d of %d", 1, 2, extra={"queue": "lines"})

    (line,) = lines(stream)
    assert line["event"] == "1 of 2"
    assert line["logger"] == name
    assert line["queue"] == "lines"


def test_on_a_terminal_a_line_is_for_people() -> None:
    stream = Terminal()
    configure_logging(process="worker", stream=stream)

    structlog.stdlib.get_logger("somewhere").info("chunk sent")

    assert "chunk sent" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_traceback_never_shows_local_variables(stream: io.StringIO) -> None:
    configure_logging(process="worker", stream=stream)

    def fail(prompt: str) -> None:
        raise ValueError(len(prompt))

    try:
        fail("a-prompt-of-" + "somebody")
    except ValueError:
        structlog.stdlib.get_logger("somewhere").exception("failed")

    assert "ValueError" in stream.getvalue()
    assert "a-prompt-of-somebody" not in stream.getvalue()


def test_what_is_below_the_level_is_dropped() -> None:
    stream = io.StringIO()
    configure_logging(process="worker", level="warning", stream=stream)

    structlog.stdlib.get_logger("somewhere").info("chatter")

    assert stream.getvalue() == ""

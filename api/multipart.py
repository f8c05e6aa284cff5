"""A multipart form taken apart as it arrives: small fields are kept, the file's bytes pass through."""

from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers
from streaming_form_data.parser import (
    ParseFailedException,
    StreamingFormDataParser,
    parse_content_boundary,
)
from streaming_form_data.targets import BaseTarget

from overnight.domain.errors import InvalidRequest

FILE = "file"
MAX_FIELD = 4 * 2**10
"""Bytes a text field may have; what is asked for is a word or a number."""

MAX_FILENAME = 255

MAX_SILENCE = 2**20
"""Bytes that may pass and be part of no field and no file: mostly headers, which the parser keeps."""

_TAIL = 4 * 2**10
_NOT_WHOLE = (
    "The multipart form is not whole: its closing boundary is missing (the upload ended early), or something "
    "follows it."
)


class _Part(BaseTarget):  # type: ignore[misc]  # the parser has no types
    """A named part of the form that may come once; it tells `notice` whenever something of it arrives."""

    def __init__(self, name: str, notice: Callable[[], None]) -> None:
        super().__init__()
        self.complete = False
        self._name = name
        self.begun = False
        self._notice = notice

    def on_start(self) -> None:
        self._notice()
        if self.begun:
            message = f"Expected one '{self._name}' in the form, but got several."
            raise InvalidRequest(message, param=self._name, code="duplicate_parameter")
        self.begun = True

    def on_data_received(self, chunk: bytes) -> None:
        self._notice()
        self.receive(chunk)

    def on_finish(self) -> None:
        self.complete = True

    def receive(self, chunk: bytes) -> None:
        raise NotImplementedError


class _TextPart(_Part):
    def __init__(self, name: str, notice: Callable[[], None]) -> None:
        super().__init__(name, notice)
        self._content = b""

    @property
    def text(self) -> str:
        return self._content.decode()

    def receive(self, chunk: bytes) -> None:
        self._content += chunk
        if len(self._content) > MAX_FIELD:
            message = f"Invalid '{self._name}': more than {MAX_FIELD} bytes."
            raise InvalidRequest(message, param=self._name, code="string_above_max_length")

    def on_finish(self) -> None:
        super().on_finish()
        try:
            self._content.decode()
        except UnicodeDecodeError as error:
            message = f"Invalid '{self._name}': not UTF-8."
            raise InvalidRequest(message, param=self._name, code="invalid_value") from error


class _FilePart(_Part):
    def __init__(self, notice: Callable[[], None]) -> None:
        super().__init__(FILE, notice)
        self.size = 0
        self.filename: str | None = None
        self._pieces: list[bytes] = []

    def on_start(self) -> None:
        super().on_start()
        self.filename = _plain_name(self.multipart_filename)

    def receive(self, chunk: bytes) -> None:
        self._pieces.append(chunk)
        self.size += len(chunk)

    def take(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return content


class _IgnoredPart(_Part):
    def on_start(self) -> None:
        self._notice()

    def receive(self, chunk: bytes) -> None:
        """Let it go: other clients send fields that mean nothing here."""


def _plain_name(filename: str | None) -> str:
    # Some clients send the path a file had on their machine; both kinds of slash occur.
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    if not name or not name.isprintable() or len(name) > MAX_FILENAME:
        message = f"The file must have a name of 1 to {MAX_FILENAME} printable characters."
        raise InvalidRequest(message, param=FILE, code="invalid_value")
    return name


class MultipartForm:
    """Feed it the body; take the file's bytes out as they come. All errors are InvalidRequest.

    `fields` and `filename` are complete once `finish()` has returned. It holds the bytes of the file that
    were fed and not yet taken, and nothing else that grows.
    """

    def __init__(self, headers: Headers, *, fields: tuple[str, ...]) -> None:
        self._parser, self._end = _parser_for(headers)
        self._file = _FilePart(self._notice)
        self._texts = {name: _TextPart(name, self._notice) for name in fields}
        self._silence = 0
        self._tail = b""
        self._register()

    @property
    def fields(self) -> dict[str, str]:
        """The text fields that have arrived whole."""
        return {name: part.text for name, part in self._texts.items() if part.complete}

    @property
    def filename(self) -> str | None:
        """The name the client gave the file, without folders; None as long as there was no file."""
        return self._file.filename

    @property
    def buffered(self) -> int:
        """Bytes of the file that wait to be taken."""
        return self._file.size

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the body."""
        self._silence += len(chunk)
        try:
            self._parser.data_received(chunk)
        except ParseFailedException as error:
            raise InvalidRequest("The body is not a well-formed multipart form.") from error
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            # Headers go through the email package, which has no one error for what it can't read.
            raise InvalidRequest("A header of the multipart form can't be read.") from error
        if self._silence > MAX_SILENCE:
            raise InvalidRequest("The multipart form has headers without end.")
        self._tail = chunk[-_TAIL:] if len(chunk) >= _TAIL else (self._tail + chunk)[-_TAIL:]

    def take(self) -> bytes:
        """Return the bytes of the file that have come since the last time."""
        return self._file.take()

    def finish(self) -> None:
        """Say that the body has ended."""
        # The parser does not tell an end from the middle, and takes what follows the end for more of the
        # last part (streaming-form-data 2.1). A form that is whole has its end in sight and no part open.
        parts = (self._file, *self._texts.values())
        if self._end not in self._tail or any(part.begun and not part.complete for part in parts):
            raise InvalidRequest(_NOT_WHOLE)
        if self.filename is None:
            message = f"Missing required parameter: '{FILE}'."
            raise InvalidRequest(message, param=FILE, code="missing_required_parameter")

    def _notice(self) -> None:
        self._silence = 0

    def _register(self) -> None:
        self._parser.register(FILE, self._file)
        for name, part in self._texts.items():
            self._parser.register(name, part)
        # Registered last, so it gets what none of the others is for.
        self._parser.register("", _IgnoredPart("", self._notice), matches=lambda *_: True)


def _parser_for(headers: Headers) -> tuple[Any, bytes]:
    try:
        parser = StreamingFormDataParser(headers=headers)
        boundary = parse_content_boundary(headers)
    except ParseFailedException as error:
        message = f"The file must be sent as multipart/form-data with a boundary ({error})."
        raise InvalidRequest(message) from error
    return parser, b"--" + boundary + b"--"

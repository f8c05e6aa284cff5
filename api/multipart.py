"""A multipart form taken apart as it arrives: small fields are kept, the file's bytes pass through."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers

from api.filenames import plain_name
from overnight.domain.errors import InvalidRequest

FILE = "file"
MAX_FIELD = 4 * 2**10
"""Bytes a text field may have; what is asked for is a word or a number."""

_FORM = b"multipart/form-data"
_DISPOSITION = b"content-disposition"
_NOT_WHOLE = "The multipart form is not whole: its closing boundary is missing (the upload ended early)."


class _Part:
    """A named part of the form that may come once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun = False
        self.complete = False

    def begin(self, filename: str | None) -> None:  # noqa: ARG002 - only the file has one
        if self.begun:
            message = f"Expected one '{self.name}' in the form, but got several."
            raise InvalidRequest(message, param=self.name, code="duplicate_parameter")
        self.begun = True

    def receive(self, content: bytes) -> None:
        raise NotImplementedError

    def end(self) -> None:
        self.complete = True


class _TextPart(_Part):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._content = b""

    @property
    def text(self) -> str:
        return self._content.decode()

    def receive(self, content: bytes) -> None:
        self._content += content
        if len(self._content) > MAX_FIELD:
            message = f"Invalid '{self.name}': more than {MAX_FIELD} bytes."
            raise InvalidRequest(message, param=self.name, code="string_above_max_length")

    def end(self) -> None:
        super().end()
        try:
            self._content.decode()
        except UnicodeDecodeError as error:
            message = f"Invalid '{self.name}': not UTF-8."
            raise InvalidRequest(message, param=self.name, code="invalid_value") from error


class _FilePart(_Part):
    def __init__(self, name: str, *, named: bool) -> None:
        super().__init__(name)
        self.filename: str | None = None
        self._named = named
        self._pieces: list[bytes] = []

    def begin(self, filename: str | None) -> None:
        super().begin(filename)
        if self._named:
            self.filename = plain_name(filename, param=self.name)

    def receive(self, content: bytes) -> None:
        self._pieces.append(content)

    def take(self) -> bytes:
        # One piece, as it mostly is, is not copied: joining it returns it.
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content


class _IgnoredPart(_Part):
    """What other clients send that means nothing here."""

    def begin(self, filename: str | None) -> None:
        """May come any number of times."""

    def receive(self, content: bytes) -> None:
        """Let it go."""


class _PartHeaders:
    """The headers of the part that is arriving, of which one is read: which field it is, of what name."""

    def __init__(self) -> None:
        self._name = b""
        self._value = b""
        self._disposition = b""

    def begin_part(self) -> None:
        self._disposition = b""

    def begin_header(self) -> None:
        self._name = self._value = b""

    def extend_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def extend_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._name.lower() == _DISPOSITION:
            self._disposition = self._value

    def names(self) -> tuple[str, str | None]:
        """Return the field's name, and the file's if there is one. Raises InvalidRequest."""
        _, options = parse_options_header(self._disposition)
        try:
            name, filename = options[b"name"].decode(), options.get(b"filename")
            return name, None if filename is None else filename.decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise InvalidRequest("A header of the multipart form can't be read.") from error


class MultipartForm:
    """Feed it the body; take the file's bytes out as they come. All errors are InvalidRequest.

    `file` is the field they are in, which has to have a filename where it is `named`. `fields` and `filename`
    are complete once `finish()` has returned. It holds the bytes of the file that were fed and not yet taken,
    and nothing else that grows.
    """

    def __init__(
        self, headers: Headers, *, fields: tuple[str, ...] = (), file: str = FILE, named: bool = True
    ) -> None:
        self._file = _FilePart(file, named=named)
        self._texts = {name: _TextPart(name) for name in fields}
        self._ignored = _IgnoredPart("")
        self._arriving: _Part = self._ignored
        self._headers = _PartHeaders()
        self._ended = False
        self._parser = self._parser_for(headers)

    @property
    def fields(self) -> dict[str, str]:
        """The text fields that have arrived whole."""
        return {name: part.text for name, part in self._texts.items() if part.complete}

    @property
    def filename(self) -> str | None:
        """The name the client gave the file, without folders; None as long as none was read."""
        return self._file.filename

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the body. What follows the form's end is let go, as RFC 2046 has it."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequest("The body is not a well-formed multipart form.") from error

    def take(self) -> bytes:
        """Return the bytes of the file that have come since the last time."""
        return self._file.take()

    def finish(self) -> None:
        """Say that the body has ended."""
        if not self._ended:
            raise InvalidRequest(_NOT_WHOLE)
        if not self._file.begun:
            message = f"Missing required parameter: '{self._file.name}'."
            raise InvalidRequest(message, param=self._file.name, code="missing_required_parameter")

    def _parser_for(self, headers: Headers) -> MultipartParser:
        kind, options = parse_options_header(headers.get("content-type"))
        boundary = options.get(b"boundary")
        if kind != _FORM or not boundary:
            raise InvalidRequest("The file must be sent as multipart/form-data with a boundary.")
        part_headers = self._headers
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": part_headers.begin_part,
                    "on_header_begin": part_headers.begin_header,
                    "on_header_field": part_headers.extend_name,
                    "on_header_value": part_headers.extend_value,
                    "on_header_end": part_headers.end_header,
                    "on_headers_finished": self._begin_part,
                    "on_part_data": self._receive,
                    "on_part_end": self._end_part,
                    "on_end": self._note_end,
                },
            )
        except FormParserError as error:
            raise InvalidRequest("The boundary of the multipart form is too long.") from error

    def _begin_part(self) -> None:
        name, filename = self._headers.names()
        self._arriving = self._file if name == self._file.name else self._texts.get(name, self._ignored)
        self._arriving.begin(filename)

    def _receive(self, data: bytes, start: int, end: int) -> None:
        self._arriving.receive(data[start:end])

    def _end_part(self) -> None:
        self._arriving.end()

    def _note_end(self) -> None:
        self._ended = True

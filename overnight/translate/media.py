"""Media types: what a `data:` address holds, what a name's ending says, what OpenAI's audio formats are."""

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from overnight.domain.errors import Untranslatable

_PDF = "application/pdf"
AUDIO_TYPES = {
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "flac": "audio/flac",
    "m4a": "audio/m4a",
    "mp3": "audio/mp3",
    "ogg": "audio/ogg",
    "opus": "audio/opus",
    "wav": "audio/wav",
    "webm": "audio/webm",
}
_TYPES_BY_ENDING = {
    **AUDIO_TYPES,
    "avi": "video/avi",
    "csv": "text/csv",
    "flv": "video/x-flv",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "pdf": _PDF,
    "png": "image/png",
    "txt": "text/plain",
    "webm": "video/webm",
    "webp": "image/webp",
    "wmv": "video/wmv",
    "xml": "text/xml",
    "3gp": "video/3gpp",
}
"""Not the `mimetypes` module's table: that one is read from the machine, and differs from one to the next."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Content in base64, and what it is."""

    media_type: str
    data: str


def type_by_name(name: str) -> str | None:
    """Return the media type that the ending of a file's name, or of an address, tells, if any."""
    try:
        path = urlsplit(name).path if "://" in name else name
    except ValueError:
        # Whether it is an address is for whoever fetches it to say.
        return None
    ending = path.rpartition(".")[2].lower() if "." in path else ""
    return _TYPES_BY_ENDING.get(ending)


def read_data_url(url: str, *, param: str) -> Blob:
    """Return what a `data:` address holds. Raises Untranslatable."""
    head, comma, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    if not comma or not media_type:
        raise Untranslatable(f"{param}: A data address is `data:<media type>;base64,<content>`.", param=param)
    if "base64" in options:
        return Blob(media_type, checked_base64(data, param=param))
    return Blob(media_type, base64.b64encode(unquote(data).encode()).decode())


def read_file_data(file_data: str, filename: str | None, *, param: str) -> Blob:
    """Return a file's content, of the type that it says itself or that its name tells; else it is a PDF.

    Raises Untranslatable.
    """
    if file_data.startswith("data:"):
        return read_data_url(file_data, param=param)
    return Blob(type_by_name(filename or "") or _PDF, checked_base64(file_data, param=param))


def checked_base64(data: str, *, param: str) -> str:
    """Return `data`, if it is base64. Raises Untranslatable."""
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Untranslatable(f"{param}: This is not base64.", param=param) from None
    return data

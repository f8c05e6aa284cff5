"""What a file may be called, however it is sent."""

from overnight.domain.errors import InvalidRequest

MAX_FILENAME = 255

_NOT_JSONL = "Invalid file format for Batch API. Must be .jsonl"


def plain_name(filename: str | None, *, param: str) -> str:
    """Return a file's name without folders. Raises InvalidRequest for one that no file should have."""
    # Some clients send the path a file had on their machine; both kinds of slash occur.
    name = (filename or "").replace("\\", "/").rpartition("/")[2]
    if not name or not name.isprintable() or len(name) > MAX_FILENAME:
        message = f"The file must have a name of 1 to {MAX_FILENAME} printable characters."
        raise InvalidRequest(message, param=param, code="invalid_value")
    return name


def require_jsonl(filename: str, *, param: str) -> None:
    """Raise InvalidRequest for a name that a batch's input can't have."""
    if not filename.endswith(".jsonl"):
        raise InvalidRequest(_NOT_JSONL, param=param)

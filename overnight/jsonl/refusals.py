"""Every reason to refuse a batch's input, in OpenAI's words where they are known.

`mismatched_model` and `duplicate_custom_id` are known only from Alibaba Cloud's compatible API,
`invalid_method` and `empty_file` by their codes only (Groq, Azure).
"""

from collections.abc import Callable

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import InvalidRequest, UnknownModel
from overnight.domain.plan import MAX_LINE_BYTES

MAX_CUSTOM_ID_CHARS = 512
_SHOWN_CHARS = 200


def problem(refusal: InvalidRequest, *, line: int | None) -> BatchError:
    """Return `refusal` as an entry of `errors.data`, for a 1-based line or for the input as a whole."""
    code = refusal.code or "invalid_request"
    return BatchError(code=code, message=refusal.message, param=refusal.param, line=line)


def empty_file() -> InvalidRequest:
    """Refuse an input without a single request."""
    return InvalidRequest("The input file is empty: it holds no request.", code="empty_file")


def unparseable() -> InvalidRequest:
    """Refuse what is not JSON."""
    return InvalidRequest("This line is not parseable as valid JSON.", code="invalid_json_line")


def byte_order_mark() -> InvalidRequest:
    """Refuse what an editor put before the first line."""
    return InvalidRequest(
        "This line is not parseable as valid JSON: the file begins with a UTF-8 byte order mark (BOM). "
        "Save it as UTF-8 without BOM.",
        code="invalid_json_line",
    )


def not_an_object() -> InvalidRequest:
    """Refuse JSON that is a list, a string or a number."""
    return InvalidRequest(
        "This line is not parseable as a request: it must be a JSON object.", code="invalid_json_line"
    )


def too_long() -> InvalidRequest:
    """Refuse a line that is larger than a request may be."""
    return InvalidRequest(
        f"This line is longer than {MAX_LINE_BYTES // 2**20} MiB ({MAX_LINE_BYTES} bytes), the most that one "
        "request may have.",
        code="invalid_request",
    )


def too_deep() -> InvalidRequest:
    """Refuse a line that nobody could read later."""
    return InvalidRequest("This line is nested too deeply to be read.", code="invalid_json_line")


def missing(name: str) -> InvalidRequest:
    """Refuse a line without the field `name`."""
    message = f"Missing required parameter: '{name}'."
    return InvalidRequest(message, param=name, code="missing_required_parameter")


def unusable_custom_id() -> InvalidRequest:
    """Refuse an id that is no string, or empty, or too long."""
    message = f"The custom_id must be a string of 1 to {MAX_CUSTOM_ID_CHARS} characters."
    return InvalidRequest(message, param="custom_id", code="invalid_request")


def duplicate(custom_id: str) -> InvalidRequest:
    """Refuse the second and every later use of an id."""
    return InvalidRequest(
        f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch.",
        param="custom_id",
        code="duplicate_custom_id",
    )


def wrong_method() -> InvalidRequest:
    """Refuse anything but POST."""
    return InvalidRequest(
        "The method for this request must be 'POST'.", param="method", code="invalid_method"
    )


def wrong_url() -> InvalidRequest:
    """Refuse a line that is for another endpoint than the batch."""
    message = "The URL provided for this request does not match the batch endpoint."
    return InvalidRequest(message, param="url", code="invalid_url")


def body_not_an_object() -> InvalidRequest:
    """Refuse a body that is not what an endpoint takes."""
    return InvalidRequest("The body must be a JSON object.", param="body", code="invalid_request")


def no_model() -> InvalidRequest:
    """Refuse a body that names no model."""
    return InvalidRequest("Model parameter is required.", param="body.model", code="invalid_request")


def unknown_model(model: str, *, why: Callable[[str], str] | None = None) -> InvalidRequest:
    """Refuse a model that no deployment serves; `why` puts it in words, where there is more to say."""
    shown = _shown(model)
    return UnknownModel(shown, why=why(shown) if why else None)


def mismatched_model(model: str) -> InvalidRequest:
    """Refuse a second model in one batch."""
    return InvalidRequest(
        f"The model '{_shown(model)}' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model.",
        param="body.model",
        code="mismatched_model",
    )


def streaming(endpoint: Endpoint) -> InvalidRequest:
    """Refuse to stream into a file."""
    name = endpoint.name.replace("_", " ").title()
    message = f"{name}: Streaming is not supported in the Batch API."
    return InvalidRequest(message, param="body.stream", code="streaming_unsupported")


def _shown(model: str) -> str:
    """Return as much of a name as belongs in a message."""
    return model if len(model) <= _SHOWN_CHARS else f"{model[:_SHOWN_CHARS]}…"

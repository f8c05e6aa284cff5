"""What a request says about how to answer, as Claude's settings: length, sampling, thinking, form.

Since Claude 4.6 a model thinks as much as it sees fit, within an effort; before, it is given a number of
tokens to think with. Since 4.7 nobody sets how it samples. Which of these a model knows is told by the
version in its name; a name without one counts as the newest.

Source: Anthropic's API, Messages; platform.claude.com, adaptive thinking, structured outputs.
"""

import re

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, Json, ResponseFormat
from overnight.translate.chat_tools import read_choice

DEFAULT_MAX_TOKENS = 8_192
"""Claude must be told a limit, OpenAI need not. This one every Claude takes; thinking comes on top of it."""

_LEAST_BUDGET = 1_024
_BUDGETS = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 16_384,
    "xhigh": 20_480,
    "max": 20_480,
}
"""Tokens to think with. The most of it and `DEFAULT_MAX_TOKENS` fit into what every Claude 4 may write."""

_EFFORTS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
_ADAPTIVE_SINCE = (4, 6)
_FORMS_SINCE = (4, 5)
_UNSAMPLED_SINCE = (4, 7)
_NEWEST = (99, 0)
_VERSION = re.compile(r"claude-(?:[a-z]+-)*(?P<major>\d{1,2})(?:-(?P<minor>\d{1,2}))?(?![0-9])")
_USUAL = {"temperature": 1, "top_p": 1, "top_k": None}
"""What sampling is like when nothing is said about it."""


def claude_settings(request: ChatRequest, *, model: str, thinking: Json | None, output: Json | None) -> Json:
    """Return Claude's settings; `thinking` and `output` are what it is told in its own words.

    Raises Untranslatable.
    """
    _require_expressible(request)
    limit = _limit(request)
    settings: Json = {"max_tokens": limit}
    settings |= _sampling(request, model)
    if request.stop:
        settings["stop_sequences"] = _stops(request.stop)
    config = {**(output or {})}
    if request.response_format is not None:
        config |= _form(request.response_format, model)
    effort = request.reasoning_effort
    if thinking is not None:
        settings["thinking"] = thinking
        settings["max_tokens"] = limit or DEFAULT_MAX_TOKENS + _whole(thinking.get("budget_tokens"))
    elif effort is not None and effort != "none":
        _require_free_to_think(request)
        settings |= _thinking(effort, model, request)
        if version_of(model) >= _ADAPTIVE_SINCE:
            config.setdefault("effort", _EFFORTS[effort])
    if settings["max_tokens"] is None:
        settings["max_tokens"] = DEFAULT_MAX_TOKENS
    return {**settings, "output_config": config} if config else settings


def version_of(model: str) -> tuple[int, int]:
    """Return a Claude's version: (4, 5) of `claude-sonnet-4-5@20250929`, (3, 7) of `claude-3-7-sonnet`."""
    match = _VERSION.match(model)
    return (int(match["major"]), int(match["minor"] or 0)) if match else _NEWEST


def _require_expressible(request: ChatRequest) -> None:
    """Raise Untranslatable for what Claude has no setting for."""
    wanted: Json = {
        "n": request.n not in {None, 1},
        "seed": request.seed is not None,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "logprobs": request.logprobs,
    }
    for name, is_wanted in wanted.items():
        if is_wanted:
            raise Untranslatable(f"{name}: Claude has no such setting; leave it out.", param=name)
    if request.temperature is not None and request.temperature > 1:
        raise Untranslatable("temperature: Claude's goes from 0 to 1.", param="temperature")


def _sampling(request: ChatRequest, model: str) -> Json:
    """Return the settings of sampling. Raises Untranslatable where a model takes none any more."""
    given = {name: value for name in _USUAL if (value := getattr(request, name)) is not None}
    if version_of(model) < _UNSAMPLED_SINCE:
        return given
    for name, value in given.items():
        if value != _USUAL[name]:
            raise Untranslatable(f"{name}: {model} takes no settings of sampling; leave it out.", param=name)
    return {}


def _require_free_to_think(request: ChatRequest) -> None:
    """Raise Untranslatable for what Claude does not do while it thinks."""
    if request.temperature not in {None, 1}:
        why = "temperature: Claude thinks at 1 only; leave it or reasoning_effort out."
        raise Untranslatable(why, param="temperature")
    if request.top_k is not None:
        why = "top_k: Claude can't think with it; leave it or reasoning_effort out."
        raise Untranslatable(why, param="top_k")
    if read_choice(request).mode == "required":
        why = "tool_choice: Claude can't think and be made to call a tool; leave it or reasoning_effort out."
        raise Untranslatable(why, param="tool_choice")


def _limit(request: ChatRequest) -> int | None:
    return request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens


def _thinking(effort: str, model: str, request: ChatRequest) -> Json:
    """Return `thinking`, and a `max_tokens` that leaves room for it."""
    budget = _BUDGETS[effort]
    whole = _limit(request) or DEFAULT_MAX_TOKENS + budget
    if version_of(model) >= _ADAPTIVE_SINCE:
        return {"thinking": {"type": "adaptive"}, "max_tokens": whole}
    if whole <= _LEAST_BUDGET:
        named = "max_tokens" if request.max_completion_tokens is None else "max_completion_tokens"
        why = f"{named}: To think, Claude needs more than {_LEAST_BUDGET:,} tokens."
        raise Untranslatable(why, param=named)
    if _limit(request) is not None:
        # The answer itself must fit into the client's limit too.
        budget = max(_LEAST_BUDGET, min(budget, whole // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": whole}


def _stops(stop: str | list[str]) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop
    for place, text in enumerate(stops):
        if not text.strip():
            param = "stop" if isinstance(stop, str) else f"stop[{place}]"
            raise Untranslatable(f"{param}: Claude stops at no blanks alone.", param=param)
    return stops


def _form(response_format: ResponseFormat, model: str) -> Json:
    if response_format.type == "text":
        return {}
    described = response_format.json_schema
    if response_format.type == "json_object" or described is None or not described.schema:
        why = "response_format: Claude needs a schema; use json_schema, or ask for JSON in the instructions."
        raise Untranslatable(why, param="response_format")
    if version_of(model) < _FORMS_SINCE:
        why = f"response_format: {model} can't be held to a schema (since Claude 4.5); offer a tool instead."
        raise Untranslatable(why, param="response_format")
    return {"format": {"type": "json_schema", "schema": _closed(described.schema)}}


def _closed(schema: object) -> object:
    """Return a schema whose objects have no fields but those it names, as Claude demands."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if closed.get("type") == "object" and "additionalProperties" not in closed:
        closed["additionalProperties"] = False
    return closed


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0

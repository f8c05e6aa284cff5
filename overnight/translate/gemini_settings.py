"""What a request says about how to answer, as Gemini's `generationConfig`."""

import re

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, Json, ResponseFormat
from overnight.translate.gemini_schema import gemini_schema

_COPIED = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_USUAL = {"n": 1, "presence_penalty": 0, "frequency_penalty": 0}
"""What need not be said, since it is so anyway; some models refuse to be told."""

_SCHEMA_DEPTH = 3
"""request · generationConfig · responseSchema: so many objects deep is a schema in a row."""

_VERSION = re.compile(r"gemini-(?P<major>\d+)(?:\.(?P<minor>\d+))?")
_NEWEST = (99, 0)

_LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_BUDGETS = {
    "none": 0,
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
"""Tokens, as Google's own OpenAI endpoint has them; 24,576 is the most that every Gemini 2.5 takes."""


def gemini_settings(request: ChatRequest, *, model: str, thinking: Json | None) -> Json:
    """Return `generationConfig`; `thinking` is its thinkingConfig where given. Raises Untranslatable."""
    settings: Json = {
        theirs: value
        for ours, theirs in _COPIED.items()
        if (value := getattr(request, ours)) is not None and value != _USUAL.get(ours)
    }
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    if limit is not None:
        settings["maxOutputTokens"] = limit
    if request.stop:
        settings["stopSequences"] = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.logprobs:
        settings["responseLogprobs"] = True
        if request.top_logprobs:
            settings["logprobs"] = request.top_logprobs
    if request.response_format is not None:
        settings |= _form(request.response_format)
    if thinking is None and request.reasoning_effort is not None:
        thinking = _thinking(request.reasoning_effort, model)
    if thinking:
        settings["thinkingConfig"] = thinking
    return settings


def version_of(model: str) -> tuple[int, int]:
    """Return a Gemini's version. A name that tells none (a tuned model's, an alias) counts as the newest."""
    match = _VERSION.search(model)
    return (int(match["major"]), int(match["minor"] or 0)) if match else _NEWEST


def _form(response_format: ResponseFormat) -> Json:
    if response_format.type == "text":
        return {}
    form: Json = {"responseMimeType": "application/json"}
    described = response_format.json_schema
    if response_format.type == "json_schema" and described is not None and described.schema:
        param = "response_format.json_schema.schema"
        form["responseSchema"] = gemini_schema(
            described.schema, param=param, depth=_SCHEMA_DEPTH, ordered=True
        )
    return form


def _thinking(effort: str, model: str) -> Json:
    """Return how much to think: in levels since Gemini 3, in tokens before. A Pro can't be told not to."""
    is_pro = "-pro" in model
    if effort == "none" and is_pro:
        why = f"reasoning_effort: {model} can't be kept from thinking; ask for little."
        raise Untranslatable(why, param="reasoning_effort")
    if version_of(model) < (3, 0):
        return {"thinkingBudget": _BUDGETS[effort]}
    level = _LEVELS[effort]
    return {"thinkingLevel": "LOW" if is_pro and level == "MINIMAL" else level}

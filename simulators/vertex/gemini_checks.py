"""What is wrong with a Gemini request, in the order and the words in which Vertex AI says so.

Source: the reference of `generateContent`, and what users of it report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulators.vertex.rows import both_ways, field_of, listed, snake

_REQUEST = both_ways(
    (
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "safetySettings",
        "generationConfig",
        "cachedContent",
        "labels",
        "modelArmorConfig",
    )
)
_CONFIG = both_ways(
    (
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "responseLogprobs",
        "logprobs",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "routingConfig",
        "audioTimestamp",
        "responseModalities",
        "mediaResolution",
        "speechConfig",
        "thinkingConfig",
        "modelConfig",
        "imageConfig",
    )
)
_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)
_PART = both_ways((*_DATA, "videoMetadata", "thought", "thoughtSignature", "mediaResolution"))
_CONTENT = frozenset({"role", "parts"})
_RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, 65_536),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "logprobs": (0, 20),
}
_MOST_STOPS = 5
_MOST_LABELS = 64
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_JSON = ("application/json", "text/x.enum")


def request_fault(request: object) -> str | None:
    """Say what is wrong with a request; None: nothing."""
    if not isinstance(request, Mapping):
        return 'Invalid value at "request": it has to be an object.'
    return next(_faults(request), None)


def _faults(request: Mapping[str, Any]) -> Iterator[str]:
    yield from _unknown(request, _REQUEST, "request")
    contents = request.get("contents")
    if not isinstance(contents, Sequence) or isinstance(contents, str) or not contents:
        yield "Unable to submit request because at least one contents field is required."
        return
    for content in contents:
        yield from _content_faults(content)
    system = field_of(request, "systemInstruction")
    if system is not None:
        yield from _parts_faults(system, "system_instruction")
    yield from _turn_faults(contents)
    yield from _tool_faults(listed(request.get("tools")))
    yield from _config_faults(field_of(request, "generationConfig") or {})
    yield from _label_faults(request.get("labels") or {})


def _content_faults(content: object) -> Iterator[str]:
    if not isinstance(content, Mapping):
        yield 'Invalid value at "request.contents": it has to be a list of objects.'
        return
    yield from _unknown(content, _CONTENT, "request.contents")
    if content.get("role") not in {"user", "model"}:
        yield "Please use a valid role: user, model."
    yield from _parts_faults(content, "contents")


def _parts_faults(content: Mapping[str, Any], where: str) -> Iterator[str]:
    parts = listed(content.get("parts"))
    for part in parts:
        if not isinstance(part, Mapping):
            yield f'Invalid value at "request.{where}.parts": it has to be a list of objects.'
            return
        yield from _unknown(part, _PART, f"request.{where}.parts")
        data = [name for name in _DATA if field_of(part, name) is not None]
        if not data:
            yield f"{where}.parts must not be empty."
        elif len(data) > 1:
            yield f"Invalid value: oneof field 'data' is already set. Cannot set '{snake(data[1])}'."
        if part.get("text") == "":
            yield (
                "Unable to submit request because it has an empty text parameter. "
                "Add a value to the parameter and try again."
            )
    if not parts:
        yield (
            "Unable to submit request because it must include at least one parts field, "
            "which describes the prompt input."
        )


def _turn_faults(contents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every turn of function calls is answered by the next one, call by call."""
    owed = 0
    for content in contents:
        responses = _count(content, "functionResponse")
        if responses and not owed:
            yield "Please ensure that function response turn comes immediately after a function call turn."
        if responses != owed:
            yield (
                "Please ensure that the number of function response parts is equal to the number of function "
                "call parts of the function call turn."
            )
        owed = _count(content, "functionCall")


def _tool_faults(tools: Sequence[object]) -> Iterator[str]:
    names: set[str] = set()
    for number, tool in enumerate(tools):
        if not isinstance(tool, Mapping):
            yield 'Invalid value at "request.tools": it has to be a list of objects.'
            return
        for index, function in enumerate(field_of(tool, "functionDeclarations") or ()):
            name = str(function.get("name", ""))
            where = f"tools[{number}].function_declarations[{index}].name"
            if not _FUNCTION.fullmatch(name):
                yield (
                    f"The GenerateContentRequest proto is invalid:\n  * {where}: [FIELD_INVALID] "
                    "Invalid function name."
                )
            if name in names:
                yield f"Duplicate function declaration found: {name}"
            names.add(name)


def _config_faults(config: object) -> Iterator[str]:
    if not isinstance(config, Mapping):
        yield 'Invalid value at "request.generation_config": it has to be an object.'
        return
    yield from _unknown(config, _CONFIG, "request.generation_config")
    for name, (least, most) in _RANGES.items():
        value = field_of(config, name)
        if value is not None and not (isinstance(value, int | float) and least <= value <= most):
            yield (
                f"Unable to submit request because it has a {name} value of {value} but the supported range "
                f"is from {least} to {most}. Update the value and try again."
            )
    if len(field_of(config, "stopSequences") or ()) > _MOST_STOPS:
        yield f"Unable to submit request because it has more than {_MOST_STOPS} stop sequences."
    schema = field_of(config, "responseSchema") or field_of(config, "responseJsonSchema")
    if schema and field_of(config, "responseMimeType") not in _JSON:
        yield (
            "Unable to submit request because a response schema needs the response mime type "
            "application/json."
        )


def _label_faults(labels: object) -> Iterator[str]:
    if not isinstance(labels, Mapping) or len(labels) > _MOST_LABELS:
        yield f"Labels have to be an object of at most {_MOST_LABELS} entries."
        return
    for key, value in labels.items():
        if not (_LABEL_KEY.fullmatch(key) and isinstance(value, str) and _LABEL_VALUE.fullmatch(value)):
            yield (
                "Label keys and values can only contain lowercase letters, numbers, dashes and underscores. "
                "Label keys must start with a letter, and both must be less than 64 characters in length."
            )


def _unknown(said: Mapping[str, Any], known: frozenset[str], where: str) -> Iterator[str]:
    for name in said:
        if name not in known:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."


def _count(content: Mapping[str, Any], name: str) -> int:
    return sum(field_of(part, name) is not None for part in listed(content.get("parts")))

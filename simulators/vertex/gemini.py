"""Rows for Gemini: `{"request": {"contents": […], …}}`, answered as `generateContent` answers.

The text is `echo <first 16 hex digits of the SHA-256 of the request's bytes>: <what the user said last>`. A
token is a word. A function is called when the request leaves no choice, JSON comes when it is asked for.
Whatever else a row has beside its request, a key perhaps, comes back with it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from simulators.answers import identity_of
from simulators.native.manner import Json
from simulators.vertex.gemini_checks import request_fault
from simulators.vertex.inventing import invented
from simulators.vertex.rows import (
    Failure,
    Occasion,
    Row,
    decoded,
    echoed,
    field_of,
    google_failure,
    listed,
    told,
)

_SEEN = -0.5
"""The logarithm of every token's probability."""


class GeminiRows:
    """How Gemini's models take and answer rows."""

    most_rows = 200_000

    def fault(self, row: Row) -> str | None:
        """Say what is wrong with a row."""
        return request_fault(decoded(row.get("request")))

    def failure(self, status: int, message: str) -> Failure:
        """Word a failure in Google's envelope."""
        return google_failure(status, message)

    def answered(self, row: Row, occasion: Occasion) -> Json:
        """Return the row with a response."""
        request = decoded(row["request"])
        identity = identity_of(bytes(row["request"]))
        response = Answer(request, identity, occasion).response()
        return {**told(occasion), **echoed(row), "response": response}

    def failed(self, row: Row, failure: Failure, occasion: Occasion) -> Json:
        """Return the row with an empty response, and why in its status."""
        return {**told(occasion, failure), **echoed(row), "response": {}}

    def instance(self, row: Row) -> Json:
        """Return all of it."""
        return echoed(row)


class Answer:
    """What Gemini says to one request."""

    def __init__(self, request: Mapping[str, Any], identity: str, occasion: Occasion) -> None:
        self._request = request
        self._config: Mapping[str, Any] = field_of(request, "generationConfig") or {}
        self._identity = identity
        self._occasion = occasion
        self._said = last_said(request.get("contents") or ())

    def response(self) -> Json:
        """Return a `GenerateContentResponse`."""
        count = int(field_of(self._config, "candidateCount") or 1)
        candidates = [self._candidate(index) for index in range(count)]
        return {
            "candidates": candidates,
            "createTime": self._occasion.create_time,
            "modelVersion": self._occasion.model,
            "responseId": base64.urlsafe_b64encode(bytes.fromhex(self._identity)).decode()[:22],
            "usageMetadata": self._usage(candidates),
        }

    def _candidate(self, index: int) -> Json:
        parts, cut = self._parts()
        candidate: Json = {
            "avgLogprobs": _SEEN,
            "content": {"parts": [*self._thoughts_shown(), *parts], "role": "model"},
            "finishReason": "MAX_TOKENS" if cut else "STOP",
        }
        if index:
            # As everywhere in Google's JSON, a zero is not said.
            candidate["index"] = index
        if field_of(self._config, "responseLogprobs"):
            candidate["logprobsResult"] = self._logprobs(parts)
        return candidate

    def _parts(self) -> tuple[list[Json], bool]:
        """Return the parts of an answer, and whether it was cut short."""
        if function := self._forced_function():
            schema = field_of(function, "parameters") or field_of(function, "parametersJsonSchema")
            arguments = invented(schema, text=self._echo()) if schema else {}
            return [{"functionCall": {"name": function["name"], "args": arguments}}], False
        words = self._text().split(" ")
        most = int(field_of(self._config, "maxOutputTokens") or len(words))
        return [{"text": " ".join(words[:most])}], most < len(words)

    def _text(self) -> str:
        kind = field_of(self._config, "responseMimeType")
        schema = field_of(self._config, "responseSchema") or field_of(self._config, "responseJsonSchema")
        if kind == "application/json":
            value = invented(schema, text=self._echo()) if schema else {"echo": self._echo()}
            return json.dumps(value, ensure_ascii=False)
        if kind == "text/x.enum" and schema:
            return str(invented(schema, text=self._echo()))
        return self._echo()

    def _echo(self) -> str:
        return f"echo {self._identity[:16]}: {self._said}"

    def _forced_function(self) -> Mapping[str, Any] | None:
        """Return the function that has to be called: the first that is declared and allowed."""
        choice = field_of(field_of(self._request, "toolConfig") or {}, "functionCallingConfig") or {}
        if str(choice.get("mode", "")).upper() != "ANY":
            return None
        declared = [
            function
            for tool in listed(self._request.get("tools"))
            for function in field_of(tool, "functionDeclarations") or ()
        ]
        allowed = field_of(choice, "allowedFunctionNames")
        fitting = [function for function in declared if not allowed or function["name"] in allowed]
        return next(iter(fitting or declared), None)

    def _thoughts(self) -> int:
        thinking = field_of(self._config, "thinkingConfig") or {}
        budget = field_of(thinking, "thinkingBudget")
        if budget == 0 or not (thinking or _thinks(self._occasion.model)):
            return 0
        return len(self._said.split()) + 1

    def _thoughts_shown(self) -> list[Json]:
        thinking = field_of(self._config, "thinkingConfig") or {}
        shown = field_of(thinking, "includeThoughts") and self._thoughts()
        return [{"text": f"thinking of: {self._said}", "thought": True}] if shown else []

    def _usage(self, candidates: list[Json]) -> Json:
        prompt, thoughts = _words(_all_said(self._request)), self._thoughts()
        told = sum(_tokens(part) for each in candidates for part in each["content"]["parts"])
        usage = {
            "candidatesTokenCount": told,
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": told}],
            "promptTokenCount": prompt,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": prompt + told + thoughts,
            "trafficType": "ON_DEMAND",
        }
        return usage if thoughts else {name: n for name, n in usage.items() if name != "thoughtsTokenCount"}

    def _logprobs(self, parts: list[Json]) -> Json:
        words = " ".join(part.get("text", "") for part in parts).split(" ")
        chosen = [{"token": word, "logProbability": _SEEN} for word in words]
        top = int(self._config.get("logprobs") or 0)
        return {
            "chosenCandidates": chosen,
            "topCandidates": [{"candidates": [each] * min(top, 1)} for each in chosen],
        }


def last_said(contents: Any) -> str:  # noqa: ANN401 - JSON
    """Return the text of the last turn."""
    return _said(contents[-1]) if contents else ""


def _all_said(request: Mapping[str, Any]) -> str:
    system = field_of(request, "systemInstruction") or {}
    return " ".join(_said(content) for content in (system, *(request.get("contents") or ())))


def _said(content: Mapping[str, Any]) -> str:
    texts = [part.get("text", "") for part in listed(content.get("parts"))]
    return " ".join(text for text in texts if text)


def _thinks(model: str) -> bool:
    return not model.startswith(("gemini-1", "gemini-2.0")) and "lite" not in model


def _tokens(part: Json) -> int:
    if part.get("thought"):
        return 0
    return _words(part["text"]) if "text" in part else len(part["functionCall"]["args"]) + 1


def _words(text: str) -> int:
    return len(text.split())

"""Rows for Claude: `{"custom_id": …, "request": {…, "anthropic_version": …}}`, answered with a message.

The text is `echo <first 16 hex digits of the SHA-256 of the request's bytes>: <what the user said last>`. A
token is a word. A tool is used when the request leaves no choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulators.answers import identity_of
from simulators.native.manner import Json
from simulators.vertex.inventing import invented
from simulators.vertex.rows import Failure, Occasion, Row, decoded, echoed

_VERSION = "vertex-2023-10-16"
_KINDS = {
    400: "invalid_request_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_FIELDS = {
    "anthropic_version",
    "anthropic_beta",
    "messages",
    "max_tokens",
    "metadata",
    "output_config",
    "output_format",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
}
_REQUIRED = ("anthropic_version", "messages", "max_tokens")


class ClaudeRows:
    """How Anthropic's models take and answer rows."""

    most_rows = 200_000

    def fault(self, row: Row) -> str | None:
        """Say what is wrong with a row."""
        if not isinstance(decoded(row.get("custom_id")), str):
            return "custom_id: Field required"
        request = decoded(row.get("request"))
        return next(_faults(request), None) if isinstance(request, dict) else "request: Field required"

    def failure(self, status: int, message: str) -> Failure:
        """Word a failure in Anthropic's envelope."""
        error = {"type": _KINDS.get(status, "api_error"), "message": message}
        return Failure(status=status, message=message, body={"type": "error", "error": error})

    def answered(self, row: Row, occasion: Occasion) -> Json:
        """Return the row with a response."""
        response = _message(decoded(row["request"]), identity_of(bytes(row["request"])), occasion.model)
        return {**echoed(row), "response": response, "status": ""}

    def failed(self, row: Row, failure: Failure, occasion: Occasion) -> Json:  # noqa: ARG002 - tells no time
        """Return the row with an empty response, and why in its status."""
        return {**echoed(row), "response": {}, "status": failure.told}

    def instance(self, row: Row) -> Json:
        """Return all of it."""
        return echoed(row)


def _faults(request: Mapping[str, Any]) -> Iterator[str]:
    for name in _REQUIRED:
        if name not in request:
            yield f"{name}: Field required"
    for name in request:
        if name not in _FIELDS:
            yield f"{name}: Extra inputs are not permitted"
    if request["anthropic_version"] != _VERSION:
        yield f'anthropic_version: "{request["anthropic_version"]}" is not supported. Use "{_VERSION}"'
    if not isinstance(request["max_tokens"], int) or request["max_tokens"] < 1:
        yield "max_tokens: Input should be greater than or equal to 1"
    messages = request["messages"]
    if not isinstance(messages, list) or not messages:
        yield "messages: at least one message is required"
        return
    for number, message in enumerate(messages):
        yield from _message_faults(message, f"messages.{number}")
    if messages[0]["role"] != "user":
        yield 'messages: first message must use the "user" role'
    yield from _use_faults(messages)


def _message_faults(message: object, where: str) -> Iterator[str]:
    if not isinstance(message, Mapping):
        yield f"{where}: Input should be an object"
        return
    if message.get("role") not in {"user", "assistant"}:
        yield f"{where}.role: Input should be 'user' or 'assistant'"
    content = message.get("content")
    if not isinstance(content, str | list):
        yield f"{where}.content: Field required"
    elif not content and message["role"] == "user":
        yield f"{where}: user messages must have non-empty content"
    for number, block in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(block, Mapping) or "type" not in block:
            yield f"{where}.content.{number}.type: Field required"
        elif block["type"] == "text" and not block.get("text"):
            yield f"{where}: text content blocks must be non-empty"


def _use_faults(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Every use of a tool has its result in the next message."""
    owed: set[Any] = set()
    for number, message in enumerate(messages):
        results = {block.get("tool_use_id") for block in _blocks(message, "tool_result")}
        if results - owed:
            yield (
                f"messages.{number}: unexpected `tool_use_id` found in `tool_result` blocks. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message."
            )
        if owed - results:
            yield (
                f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after"
            )
        owed = {block.get("id") for block in _blocks(message, "tool_use")}


def _blocks(message: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    content = message["content"]
    return [] if isinstance(content, str) else [block for block in content if block["type"] == kind]


def _message(request: Mapping[str, Any], identity: str, model: str) -> Json:
    said = _said(request["messages"][-1]["content"])
    content, reason = _content(request, f"echo {identity[:16]}: {said}", identity)
    told = sum(_words(str(block.get("text") or block.get("input") or "")) for block in content)
    return {
        "id": f"msg_vrtx_{identity[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model.replace("@", "-"),
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": _words(_all_said(request)),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": told,
        },
    }


def _content(request: Mapping[str, Any], text: str, identity: str) -> tuple[list[Json], str]:
    if tool := _forced_tool(request):
        arguments = invented(tool.get("input_schema", {"type": "object"}), text=text)
        use = {"type": "tool_use", "id": f"toolu_vrtx_{identity[:24]}", "name": tool["name"]}
        return [{**use, "input": arguments}], "tool_use"
    words = text.split(" ")
    most = request["max_tokens"]
    told = {"type": "text", "text": " ".join(words[:most])}
    return [*_thoughts(request, text), told], "max_tokens" if most < len(words) else "end_turn"


def _thoughts(request: Mapping[str, Any], text: str) -> list[Json]:
    asked = (request.get("thinking") or {}).get("type") in {"enabled", "adaptive"}
    return [{"type": "thinking", "thinking": f"thinking of: {text}", "signature": "c2ln"}] if asked else []


def _forced_tool(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choice = request.get("tool_choice") or {}
    tools = request.get("tools") or ()
    if choice.get("type") == "any":
        return next(iter(tools), None)
    if choice.get("type") == "tool":
        return next((tool for tool in tools if tool["name"] == choice.get("name")), None)
    return None


def _all_said(request: Mapping[str, Any]) -> str:
    contents = [request.get("system") or "", *(message["content"] for message in request["messages"])]
    return " ".join(_said(content) for content in contents)


def _said(content: str | list[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(block.get("text", "")) for block in content if block.get("text"))


def _words(text: str) -> int:
    return len(text.split())

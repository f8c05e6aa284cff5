"""What a simulated model answers: always the same to the same request, and traceable to it.

The text is `echo <first 16 hex digits of the body's SHA-256>: <the last thing the user said>`. A token is
a word.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]

_CREATED = 1_700_000_000
_EMBEDDING_SIZE = 8


def identity_of(body: bytes) -> str:
    """Return the SHA-256 of a request's body, in hex: what the simulator knows a request by."""
    return hashlib.sha256(body).hexdigest()


def chat_completion(request: Mapping[str, Any], identity: str) -> Json:
    """Answer `POST /v1/chat/completions`."""
    said = _last_message(request.get("messages"))
    text = _echo(identity, said)
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": f"chatcmpl-{identity[:24]}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(_words(said), _words(text)),
    }


def completion(request: Mapping[str, Any], identity: str) -> Json:
    """Answer `POST /v1/completions`."""
    said = str(request.get("prompt", ""))
    text = _echo(identity, said)
    return {
        "id": f"cmpl-{identity[:24]}",
        "object": "text_completion",
        "created": _CREATED,
        "model": request.get("model"),
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(_words(said), _words(text)),
    }


def response(request: Mapping[str, Any], identity: str) -> Json:
    """Answer `POST /v1/responses`."""
    given = request.get("input")
    said = given if isinstance(given, str) else _last_message(given)
    text = _echo(identity, said)
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": f"resp_{identity[:24]}",
        "object": "response",
        "created_at": _CREATED,
        "status": "completed",
        "model": request.get("model"),
        "output": [
            {"type": "message", "id": f"msg_{identity[:24]}", "role": "assistant", "content": content}
        ],
        "usage": {
            "input_tokens": _words(said),
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": _words(text),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": _words(said) + _words(text),
        },
    }


def embeddings(request: Mapping[str, Any], _identity: str) -> Json:
    """Answer `POST /v1/embeddings`: numbers in [0, 1) made from the hash of each input."""
    given = request.get("input", "")
    inputs = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(str(text))}
        for index, text in enumerate(inputs)
    ]
    used = sum(_words(str(text)) for text in inputs)
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": data, "model": request.get("model"), "usage": usage}


def moderation(request: Mapping[str, Any], identity: str) -> Json:
    """Answer `POST /v1/moderations`: what contains the word "bad" is flagged."""
    flagged = "bad" in str(request.get("input", "")).split()
    result = {"flagged": flagged, "categories": {"violence": flagged}, "category_scores": {}}
    return {"id": f"modr-{identity[:24]}", "model": request.get("model"), "results": [result]}


ANSWERS: Mapping[str, Callable[[Mapping[str, Any], str], Json]] = {
    "/v1/chat/completions": chat_completion,
    "/v1/completions": completion,
    "/v1/responses": response,
    "/v1/embeddings": embeddings,
    "/v1/moderations": moderation,
}


def error(message: str, *, kind: str = "invalid_request_error", code: str | None = None) -> Json:
    """Return OpenAI's error envelope."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _echo(identity: str, said: str) -> str:
    return f"echo {identity[:16]}: {said}"


def _last_message(messages: object) -> str:
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return ""
    content = messages[-1].get("content", "")
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _words(text: str) -> int:
    return len(text.split())


def _usage(prompt: int, answer: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _vector(text: str) -> list[float]:
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:_EMBEDDING_SIZE]]

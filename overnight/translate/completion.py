"""OpenAI's answers as we write them, whoever gave them: a chat completion, and the error envelope."""

import hashlib

import msgspec

from overnight.translate.chat_request import Json
from overnight.translate.protocol import Reply

encode = msgspec.json.Encoder().encode
_UNREADABLE_STATUS = 502
_CALL_ID_HEX = 24


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """What an answer used. `cached` and `written` are parts of `input`, `reasoning` of `output`.

    `written_1h` is the part of `written` that the cache keeps for an hour, and `cached_audio` the part of
    `cached` that is audio. `inputs` and `outputs` are what is known of kinds (text, audio, image, …), in
    tokens of each.
    """

    input: int = 0
    output: int = 0
    total: int | None = None
    cached: int = 0
    written: int | None = None
    written_1h: int | None = None
    reasoning: int | None = None
    inputs: dict[str, int] = {}
    outputs: dict[str, int] = {}
    cached_audio: int = 0

    def as_usage(self) -> Json:
        """Return OpenAI's `usage`."""
        inputs: Json = {"cached_tokens": self.cached, "audio_tokens": 0, **_by_kind(self.inputs)}
        if self.cached_audio:
            inputs["cached_tokens_details"] = {"audio_tokens": self.cached_audio}
        if self.written is not None:
            inputs["cache_write_tokens"] = self.written
        if self.written_1h:
            inputs["cache_write_1h_tokens"] = self.written_1h
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.input + self.output if self.total is None else self.total,
            "prompt_tokens_details": inputs,
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning or 0,
                "audio_tokens": 0,
                **_by_kind(self.outputs),
            },
        }


def completion(
    key: str, *, answer_id: str | None, created: int, model: str, choices: list[Json], tokens: Tokens
) -> Reply:
    """Return a chat completion. `answer_id` is the provider's; without one the key serves."""
    body: Json = {
        "id": f"chatcmpl-{answer_id or key}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": choices,
        "usage": tokens.as_usage(),
    }
    return Reply(key=key, status=200, body=encode(body), request_id=answer_id)


def failure(key: str, *, status: int, message: str, code: str | None) -> Reply:
    """Return OpenAI's error envelope."""
    error = {"message": message, "type": _kind(status), "param": None, "code": code}
    return Reply(key=key, status=status, body=encode({"error": error}))


def unreadable(key: str) -> Reply:
    """Return the reply for a row that says it went well, and holds no answer that can be read."""
    message = "The provider's result holds no answer."
    return failure(key, status=_UNREADABLE_STATUS, message=message, code="invalid_response")


def call_id(answer_id: str, choice: int, place: int) -> str:
    """Return an id for a tool call that came without one: the same however often the row is read."""
    named = hashlib.sha256(f"{answer_id}/{choice}/{place}".encode()).hexdigest()
    return f"call_{named[:_CALL_ID_HEX]}"


def tool_call(name: str, arguments: str, *, id_: str) -> Json:
    """Return a call of a function."""
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def url_citation(url: str, title: str, *, start: int, end: int) -> Json:
    """Return where a piece of the answer comes from; `start` and `end` count characters of the content."""
    citation = {"url": url, "title": title, "start_index": start, "end_index": end}
    return {"type": "url_citation", "url_citation": citation}


def _by_kind(tokens: dict[str, int]) -> Json:
    return {f"{kind.lower()}_tokens": count for kind, count in tokens.items()}


def _kind(status: int) -> str:
    match status:
        case 401:
            return "authentication_error"
        case 403:
            return "permission_error"
        case 404:
            return "not_found_error"
        case 429:
            return "rate_limit_error"
        case _:
            return "invalid_request_error" if status < 500 else "server_error"

"""Chat completions by a Gemini: Vertex AI's `{"request": GenerateContentRequest}` rows.

What comes back has the request in it again, labels and all; a label of ours is what correlates the two.
Source: docs.cloud.google.com, batch inference from Cloud Storage.
"""

from dataclasses import dataclass

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_limits import require_expressible
from overnight.translate.chat_request import ChatRequest, Json
from overnight.translate.completion import Tokens, completion, encode, unreadable
from overnight.translate.gemini_answer import ModalityCount, Response, Usage
from overnight.translate.gemini_choices import blocked_choice, choices
from overnight.translate.gemini_messages import Conversation
from overnight.translate.gemini_settings import gemini_settings, version_of
from overnight.translate.gemini_tools import gemini_tools
from overnight.translate.importable import require_importable, without_nothing
from overnight.translate.moments import unix_seconds
from overnight.translate.protocol import Reply, Shape
from overnight.translate.reading import read_body
from overnight.translate.result_rows import read_row
from overnight.translate.row_status import read_status

LABEL = "overnight_key"
_SIGNED_SINCE = (3, 0)
_REQUEST_DEPTH = 2


class _Google(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    safety_settings: list[Json] | None = None
    cached_content: str | None = None
    thinking_config: Json | None = None
    labels: dict[str, str] | None = None


class _ExtraBody(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    google: _Google | None = None


class GeminiRequest(ChatRequest, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A request for a Gemini: OpenAI's fields, and Gemini's own.

    Those stand beside OpenAI's, or where Google's OpenAI endpoint has them: under `extra_body.google`.
    """

    safety_settings: list[Json] | None = None
    cached_content: str | None = None
    thinking_config: Json | None = None
    labels: dict[str, str] | None = None
    extra_body: _ExtraBody | None = None


_EXTRAS = {
    "safety_settings": "safetySettings",
    "cached_content": "cachedContent",
    "thinking_config": "thinkingConfig",
    "labels": "labels",
}
"""Gemini's own settings, as a client writes them and as Gemini does."""


class _Labelled(msgspec.Struct, gc=False):
    labels: dict[str, object] | None = None


_requests = msgspec.json.Decoder(GeminiRequest)
_echoes = msgspec.json.Decoder(_Labelled)
_responses = msgspec.json.Decoder(Response, strict=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeminiChat(Shape):
    """`model` is the Gemini's name, or that of a tuned one."""

    model: str

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return a chat completion request as a row. Raises Untranslatable."""
        request = read_body(body, _requests)
        try:
            return encode({"request": self._request(request, key)})
        except RecursionError:
            raise Untranslatable("The request's body is nested too deeply.", param=None) from None

    def reply(self, row: bytes) -> Reply | None:
        """Return what a row of a prediction file says: an answer, or why there is none."""
        read = read_row(row)
        key = _key(read.request) if read else None
        if read is None or key is None:
            return None
        if failed := read_status(key, read.status, read.error):
            return failed
        try:
            response = _responses.decode(read.response)
        except (msgspec.DecodeError, RecursionError):
            return unreadable(key)
        return self._answer(key, response, read.processed_at)

    def _request(self, request: GeminiRequest, key: str) -> Json:
        require_expressible(request)
        extras = _extras(request)
        conversation = Conversation(sign_calls=version_of(self.model) >= _SIGNED_SINCE)
        conversation.add(request.messages)
        tools, tool_config = gemini_tools(request)
        fields: Json = {
            "contents": conversation.contents,
            "systemInstruction": conversation.instructions,
            "tools": tools,
            "toolConfig": tool_config,
            "safetySettings": extras.get("safetySettings"),
            "generationConfig": gemini_settings(request, model=self.model, thinking=_thinking(extras)),
            "cachedContent": extras.get("cachedContent"),
            "labels": {**_labels(extras), LABEL: key},
        }
        return {name: value for name, value in fields.items() if value}

    def _answer(self, key: str, response: Response, processed_at: str | None) -> Reply:
        feedback = response.prompt_feedback
        if response.candidates:
            answered = choices(response.candidates, answer_id=response.response_id or key)
        elif feedback and feedback.block_reason:
            answered = [blocked_choice(feedback)]
        else:
            return unreadable(key)
        return completion(
            key,
            answer_id=response.response_id or None,
            created=unix_seconds(response.create_time, processed_at),
            model=(response.model_version or self.model).removesuffix("@default"),
            choices=answered,
            tokens=_tokens(response.usage_metadata or Usage()),
        )


def _key(request: msgspec.Raw) -> str | None:
    try:
        labels = _echoes.decode(request).labels or {}
    except (msgspec.DecodeError, RecursionError):
        return None
    key = labels.get(LABEL)
    return key if isinstance(key, str) and key else None


def _extras(request: GeminiRequest) -> Json:
    """Return Gemini's own settings under Gemini's names. Raises Untranslatable."""
    extras: Json = {}
    google = request.extra_body.google if request.extra_body else None
    for place, source in (("extra_body.google.", google), ("", request)):
        for name, theirs in _EXTRAS.items():
            if (value := getattr(source, name, None)) is not None:
                extras[theirs] = _importable(value, param=f"{place}{name}")
    return extras


def _importable(value: object, *, param: str) -> object:
    kept = without_nothing({"it": value}).get("it")
    require_importable(kept, depth=_REQUEST_DEPTH, param=param)
    return kept


def _thinking(extras: Json) -> Json | None:
    thinking = extras.get("thinkingConfig")
    return {_camel(name): value for name, value in thinking.items()} if isinstance(thinking, dict) else None


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _labels(extras: Json) -> Json:
    labels = extras.get("labels")
    return labels if isinstance(labels, dict) else {}


def _tokens(usage: Usage) -> Tokens:
    return Tokens(
        input=(usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        total=usage.total_token_count,
        cached=usage.cached_content_token_count or 0,
        reasoning=usage.thoughts_token_count,
        inputs=_kinds(usage.prompt_tokens_details),
        outputs=_kinds(usage.candidates_tokens_details),
        cached_audio=_kinds(usage.cache_tokens_details).get("AUDIO", 0),
    )


def _kinds(details: list[ModalityCount] | None) -> dict[str, int]:
    return {count.modality: count.token_count or 0 for count in details or [] if count.modality}

"""Chat completions by a Claude on Vertex AI: `{"custom_id": …, "request": <a Messages request>}` rows.

Source: docs.cloud.google.com, batch predictions with Anthropic Claude models.
"""

from dataclasses import dataclass

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_limits import require_expressible
from overnight.translate.chat_request import ChatRequest, Json
from overnight.translate.claude_answer import Block, Message, Outcome, Usage
from overnight.translate.claude_choice import choice
from overnight.translate.claude_messages import Conversation
from overnight.translate.claude_settings import claude_settings
from overnight.translate.claude_tools import claude_tools
from overnight.translate.completion import Tokens, completion, encode, unreadable
from overnight.translate.moments import unix_seconds
from overnight.translate.protocol import Reply, Shape
from overnight.translate.reading import read_body
from overnight.translate.result_rows import ResultRow, read_row
from overnight.translate.row_status import read_status

_ANTHROPIC_VERSION = "vertex-2023-10-16"


class ClaudeRequest(ChatRequest, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A request for a Claude: OpenAI's fields, and Claude's own beside them."""

    thinking: Json | None = None
    output_config: Json | None = None
    anthropic_beta: list[str] | None = None


_requests = msgspec.json.Decoder(ClaudeRequest)
_messages = msgspec.json.Decoder(Message, strict=False)
_blocks = msgspec.json.Decoder(Block)
_outcomes = msgspec.json.Decoder(Outcome)
_texts = msgspec.json.Decoder(str)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeChat(Shape):
    """`model` is the Claude's name at Vertex AI, `claude-sonnet-4-5@20250929` say."""

    model: str

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return a chat completion request as a row. Raises Untranslatable."""
        request = read_body(body, _requests)
        try:
            return encode({"custom_id": key, "request": self._request(request)})
        except RecursionError:
            raise Untranslatable("The request's body is nested too deeply.", param=None) from None

    def reply(self, row: bytes) -> Reply | None:
        """Return what a row of a prediction file says: an answer, or why there is none."""
        read = read_row(row)
        if read is None or not isinstance(key := read.custom_id, str) or not key:
            return None
        if failed := read_status(key, read.status, read.error):
            return failed
        response = _response(read)
        if failed := _failed(key, response):
            return failed
        try:
            message = _messages.decode(response)
            blocks = [_blocks.decode(block) for block in message.content]
        except (msgspec.DecodeError, RecursionError):
            return unreadable(key)
        return self._answer(key, message, blocks, read.processed_at)

    def _request(self, request: ClaudeRequest) -> Json:
        require_expressible(request)
        conversation = Conversation()
        conversation.add(request.messages)
        tools, tool_choice = claude_tools(request)
        fields: Json = {
            "anthropic_version": _ANTHROPIC_VERSION,
            "anthropic_beta": request.anthropic_beta,
            "messages": conversation.messages,
            "system": conversation.system,
            "tools": tools,
            "tool_choice": tool_choice,
            **claude_settings(
                request, model=self.model, thinking=request.thinking, output=request.output_config
            ),
        }
        return {name: value for name, value in fields.items() if value not in (None, [])}

    def _answer(self, key: str, message: Message, blocks: list[Block], processed_at: str | None) -> Reply:
        return completion(
            key,
            answer_id=message.id or None,
            created=unix_seconds(processed_at),
            model=message.model or self.model,
            choices=[choice(message, blocks)],
            tokens=_tokens(message.usage or Usage()),
        )


def _response(read: ResultRow) -> bytes:
    """Return the response: an object, or the text of one, as rows that went through a table have it."""
    response = bytes(read.response)
    return _texts.decode(response).encode() if response.startswith(b'"') else response


def _failed(key: str, response: bytes) -> Reply | None:
    """Return the error that stands where an answer would."""
    try:
        outcome = _outcomes.decode(response)
    except (msgspec.DecodeError, RecursionError):
        return None
    if outcome.type != "error":
        return None
    return read_status(key, msgspec.json.decode(outcome.error)) or unreadable(key)


def _tokens(usage: Usage) -> Tokens:
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    details, kept = usage.output_tokens_details, usage.cache_creation
    return Tokens(
        input=(usage.input_tokens or 0) + cached + written,
        output=usage.output_tokens or 0,
        cached=cached,
        written=written,
        written_1h=kept.ephemeral_1h_input_tokens if kept else None,
        reasoning=details.thinking_tokens if details else None,
    )

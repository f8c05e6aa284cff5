"""A Claude's answer as OpenAI's one choice.

Thoughts stand beside the content, as `reasoning_content` and, for a client that goes on with the conversation
and must give them back as they were, as `thinking_blocks`. What tools of Anthropic's did stands under
`vertex`.
"""

import msgspec

from overnight.translate.chat_request import Json
from overnight.translate.claude_answer import Block, Message
from overnight.translate.completion import tool_call, url_citation
from overnight.translate.result_rows import is_given

_FINISHED = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_READ = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})


def choice(message: Message, blocks: list[Block]) -> Json:
    """Return the choice; `blocks` are the message's, read."""
    reason = message.stop_reason or "end_turn"
    return {
        "index": 0,
        "message": _message(message, blocks),
        "finish_reason": _FINISHED.get(reason, "stop"),
        "logprobs": None,
        **_beyond(message, blocks),
    }


def _message(message: Message, blocks: list[Block]) -> Json:
    calls = [_call(block) for block in blocks if block.type == "tool_use"]
    texts = [block for block in blocks if block.type == "text"]
    content = "".join(block.text or "" for block in texts)
    refused = message.stop_reason == "refusal"
    said: Json = {
        "role": "assistant",
        "content": None if not content and (calls or refused) else content,
        "refusal": _refusal(message) if refused and not content else None,
    }
    if calls:
        said["tool_calls"] = calls
    if thoughts := "".join(block.thinking or "" for block in blocks if block.type == "thinking"):
        said["reasoning_content"] = thoughts
    if kept := _written(message, blocks, _THOUGHTS):
        said["thinking_blocks"] = kept
    if cited := _annotations(texts):
        said["annotations"] = cited
    return said


def _call(block: Block) -> Json:
    arguments = bytes(block.input).decode() if is_given(block.input) else "{}"
    return tool_call(block.name or "", arguments, id_=block.id or "")


def _refusal(message: Message) -> str:
    details = message.stop_details
    why = (details.explanation or details.category) if details else None
    return f"The model refused: {why}" if why else "The model refused to answer."


def _annotations(texts: list[Block]) -> list[Json]:
    annotations: list[Json] = []
    start = 0
    for block in texts:
        end = start + len(block.text or "")
        annotations += [
            url_citation(citation.url, citation.title or "", start=start, end=end)
            for citation in block.citations or []
            if citation.url
        ]
        start = end
    return annotations


def _beyond(message: Message, blocks: list[Block]) -> Json:
    """Return what OpenAI has no place for."""
    told: Json = {}
    if message.stop_reason not in {None, "end_turn", "max_tokens", "tool_use"}:
        told["stop_reason"] = message.stop_reason
        if message.stop_sequence is not None:
            told["stop_sequence"] = message.stop_sequence
    if others := _written(message, blocks, {block.type for block in blocks} - _READ):
        told["content"] = others
    return {"vertex": told} if told else {}


def _written(message: Message, blocks: list[Block], types: frozenset[str] | set[str]) -> list[msgspec.Raw]:
    """Return the blocks of some types as they were written."""
    pairs = zip(message.content, blocks, strict=True)
    return [written for written, block in pairs if block.type in types]

"""A conversation as Claude's: instructions apart, then the user and the assistant in turn.

Contents are always lists of blocks, never plain texts: one form in all rows of a job.
"""

import re
from dataclasses import dataclass, field

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_limits import refuse_name
from overnight.translate.chat_request import (
    AssistantMessage,
    DeveloperMessage,
    FunctionMessage,
    Json,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from overnight.translate.claude_parts import text_blocks, user_blocks
from overnight.translate.reading import read_arguments

_NO_ID_CHARACTER = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(slots=True)
class Conversation:
    """Claude's `system` and `messages`."""

    system: list[Json] = field(default_factory=list)
    messages: list[Json] = field(default_factory=list)
    _blocks: list[Json] = field(default_factory=list)
    _speaker: str | None = None

    def add(self, messages: list[Message]) -> None:
        """Take in a request's messages. Raises Untranslatable."""
        for place, message in enumerate(messages):
            self._add(message, f"messages[{place}]")
        if not self.messages:
            # Claude answers no instructions alone, OpenAI does.
            self._say("user", self.system)
            self.system = []
        if not self.messages:
            raise Untranslatable("messages: Claude answers no empty message.", param="messages")

    def _add(self, message: Message, param: str) -> None:
        refuse_name(message, param=param)
        match message:
            case SystemMessage() | DeveloperMessage():
                self.system.extend(text_blocks(message.content))
            case UserMessage():
                self._say("user", user_blocks(message.content, param=f"{param}.content"))
            case AssistantMessage():
                self._say("assistant", _said(message, param))
            case ToolMessage():
                self._say("user", [_tool_result(message)])
            case FunctionMessage():
                why = f"{param}.role: Use a `tool` message, with the id of the call that it answers."
                raise Untranslatable(why, param=f"{param}.role")

    def _say(self, speaker: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if speaker == self._speaker:
            self._blocks.extend(blocks)
            return
        self._speaker, self._blocks = speaker, [*blocks]
        self.messages.append({"role": speaker, "content": self._blocks})


def _said(message: AssistantMessage, param: str) -> list[Json]:
    if message.audio:
        raise Untranslatable(f"{param}.audio: Give its transcript as `content`.", param=f"{param}.audio")
    if message.function_call:
        why = f"{param}.function_call: Use `tool_calls`."
        raise Untranslatable(why, param=f"{param}.function_call")
    text = text_blocks(message.content) or text_blocks(message.refusal)
    calls = message.tool_calls or []
    return [
        *(message.thinking_blocks or []),
        *text,
        *(_tool_use(call, f"{param}.tool_calls[{place}]") for place, call in enumerate(calls)),
    ]


def _tool_use(call: ToolCall, param: str) -> Json:
    if call.function is None:
        raise Untranslatable(f"{param}.type: Claude calls functions only.", param=f"{param}.type")
    arguments = read_arguments(call.function.arguments, param=f"{param}.function.arguments")
    return {"type": "tool_use", "id": _id(call.id), "name": call.function.name, "input": arguments}


def _tool_result(message: ToolMessage) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id)}
    content = text_blocks(message.content)
    return {**result, "content": content} if content else result


def _id(id_: str) -> str:
    """Return a call's id as Claude takes it."""
    return _NO_ID_CHARACTER.sub("_", id_) or "_"

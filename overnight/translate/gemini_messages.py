"""A conversation as Gemini's contents: turns of the user and of the model, in turn.

Instructions stand apart, wherever in the conversation they were given. What a tool answers is said by the
user, in a part that names the function; neighbouring messages of one side are one turn.
"""

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
from overnight.translate.gemini_parts import text_of, user_parts
from overnight.translate.importable import require_importable, without_nothing
from overnight.translate.reading import read_arguments

NO_SIGNATURE = "skip_thought_signature_validator"
"""What Google gives out for calls whose thoughts were never signed: those that another model made."""

_ARGS_DEPTH = 5
"""request · contents · parts · functionCall · args: so many objects deep are a call's arguments in a row."""


@dataclass(slots=True)
class Conversation:
    """Gemini's `contents` and `systemInstruction`. With `sign_calls` the model wants its calls signed."""

    sign_calls: bool
    contents: list[Json] = field(default_factory=list)
    _instructions: list[Json] = field(default_factory=list)
    _functions: dict[str, str] = field(default_factory=dict)
    _parts: list[Json] = field(default_factory=list)
    _speaker: str | None = None

    def add(self, messages: list[Message]) -> None:
        """Take in a request's messages. Raises Untranslatable."""
        for place, message in enumerate(messages):
            self._add(message, f"messages[{place}]")
        if not self.contents:
            # Gemini answers no instructions alone, OpenAI does.
            self._say("user", self._instructions)
            self._instructions = []

    @property
    def instructions(self) -> Json | None:
        """Gemini's `systemInstruction`."""
        return {"parts": self._instructions} if self._instructions else None

    def _add(self, message: Message, param: str) -> None:
        refuse_name(message, param=param)
        match message:
            case SystemMessage() | DeveloperMessage():
                if text := text_of(message.content):
                    self._instructions.append({"text": text})
            case UserMessage():
                self._say("user", user_parts(message.content, param=f"{param}.content"))
            case AssistantMessage():
                self._say("model", self._model_parts(message, param))
            case ToolMessage():
                self._say("user", [self._function_response(message, param)])
            case FunctionMessage():
                why = f"{param}.role: Use a `tool` message, with the id of the call that it answers."
                raise Untranslatable(why, param=f"{param}.role")

    def _say(self, speaker: str, parts: list[Json]) -> None:
        if not parts:
            return
        if speaker == self._speaker:
            self._parts.extend(parts)
            return
        self._speaker, self._parts = speaker, [*parts]
        self.contents.append({"role": speaker, "parts": self._parts})

    def _model_parts(self, message: AssistantMessage, param: str) -> list[Json]:
        if message.audio:
            raise Untranslatable(f"{param}.audio: Give its transcript as `content`.", param=f"{param}.audio")
        if message.function_call:
            why = f"{param}.function_call: Use `tool_calls`."
            raise Untranslatable(why, param=f"{param}.function_call")
        text = text_of(message.content) or message.refusal or ""
        parts: list[Json] = [{"text": text}] if text else []
        calls = message.tool_calls or []
        for place, call in enumerate(calls):
            # Of calls made at once, the first bears the signature.
            part = self._function_call(call, f"{param}.tool_calls[{place}]", first=place == 0)
            parts.append(part)
        return parts

    def _function_call(self, call: ToolCall, param: str, *, first: bool) -> Json:
        if call.function is None:
            raise Untranslatable(f"{param}.type: Gemini calls functions only.", param=f"{param}.type")
        self._functions[call.id] = call.function.name
        called: Json = {"name": call.function.name}
        if arguments := _arguments(call.function.arguments, f"{param}.function.arguments"):
            called["args"] = arguments
        part: Json = {"functionCall": called}
        google = call.extra_content.google if call.extra_content else None
        if google and google.thought_signature:
            part["thoughtSignature"] = google.thought_signature
        elif first and self.sign_calls:
            part["thoughtSignature"] = NO_SIGNATURE
        return part

    def _function_response(self, message: ToolMessage, param: str) -> Json:
        name = self._functions.get(message.tool_call_id)
        if name is None:
            why = f"{param}.tool_call_id: No call before this message has this id."
            raise Untranslatable(why, param=f"{param}.tool_call_id")
        return {"functionResponse": {"name": name, "response": {"output": text_of(message.content)}}}


def _arguments(arguments: str | None, param: str) -> Json:
    kept = without_nothing(read_arguments(arguments, param=param))
    if kept:
        require_importable(kept, depth=_ARGS_DEPTH, param=param)
    return kept

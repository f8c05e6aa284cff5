"""A conversation as Gemini's contents: turns of the user and of the model, in turn.

Instructions stand apart, wherever in the conversation they were given; neighbouring messages of one side are
one turn. What tools answer is said by the user, in parts that name the function, in the order of the calls:
two calls of one function are told apart by nothing else.
"""

from dataclasses import dataclass, field
from itertools import groupby

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
from overnight.translate.importable import Columns, without_nothing
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
    _calls: dict[str, tuple[int, str]] = field(default_factory=dict)
    _columns: Columns = field(default_factory=Columns)
    _parts: list[Json] = field(default_factory=list)
    _speaker: str | None = None

    def add(self, messages: list[Message]) -> None:
        """Take in a request's messages. Raises Untranslatable."""
        placed = enumerate(messages)
        for are_results, run in groupby(placed, lambda pair: isinstance(pair[1], ToolMessage)):
            if are_results:
                self._add_results([*run])
                continue
            for place, message in run:
                self._add(message, f"messages[{place}]")
        if not self.contents:
            # Gemini answers no instructions alone, OpenAI does.
            self._say("user", self._instructions)
            self._instructions = []
        if not self.contents:
            raise Untranslatable("messages: Gemini answers no empty conversation.", param="messages")

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
            case ToolMessage() | FunctionMessage():
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
        self._calls[call.id] = (len(self._calls), call.function.name)
        called: Json = {"name": call.function.name}
        if arguments := self._arguments(call.function.arguments, f"{param}.function.arguments"):
            called["args"] = arguments
        part: Json = {"functionCall": called}
        google = call.extra_content.google if call.extra_content else None
        if google and google.thought_signature:
            part["thoughtSignature"] = google.thought_signature
        elif first and self.sign_calls:
            part["thoughtSignature"] = NO_SIGNATURE
        return part

    def _add_results(self, run: list[tuple[int, Message]]) -> None:
        """Take in what tools answered, one message after the other."""
        results: list[tuple[int, Json]] = []
        for place, message in run:
            if isinstance(message, ToolMessage):
                number, name = self._called(message.tool_call_id, f"messages[{place}].tool_call_id")
                response = {"name": name, "response": {"output": text_of(message.content)}}
                results.append((number, {"functionResponse": response}))
        self._say("user", [part for _, part in sorted(results, key=lambda result: result[0])])

    def _called(self, call_id: str, param: str) -> tuple[int, str]:
        if call_id not in self._calls:
            raise Untranslatable(f"{param}: No call before this message has this id.", param=param)
        return self._calls[call_id]

    def _arguments(self, arguments: str | None, param: str) -> Json:
        kept = without_nothing(read_arguments(arguments, param=param))
        if kept:
            self._columns.require(kept, depth=_ARGS_DEPTH, param=param)
        return kept

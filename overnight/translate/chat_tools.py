"""A request's tools: OpenAI's functions apart from the tools that a vendor runs itself."""

from dataclasses import dataclass

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, Json, ToolChoice
from overnight.translate.reading import read_part


class Function(msgspec.Struct, gc=False):
    """A function that the model may call. `strict` asks for arguments of exactly the schema's form."""

    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OfferedFunction:
    """A function, where it stands in the request, and what the vendor's models may read beside it."""

    function: Function
    param: str
    cache_control: object = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model must call: anything or nothing as it likes, something, nothing, or the one named."""

    mode: str
    name: str | None = None


def split_tools(request: ChatRequest) -> tuple[list[OfferedFunction], list[Json]]:
    """Return the functions that the model may call now, and the tools that are none of OpenAI's.

    Raises Untranslatable.
    """
    functions, others = [], []
    allowed = _allowed(request)
    for place, tool in enumerate(request.tools or []):
        param = f"tools[{place}]"
        if tool.get("type") == "function":
            function = read_part(tool.get("function"), Function, param=f"{param}.function")
            if allowed is None or function.name in allowed:
                functions.append(OfferedFunction(function, f"{param}.function", tool.get("cache_control")))
        elif tool.get("type") == "custom" and "custom" in tool:
            why = f"{param}.type: Only OpenAI's models call custom tools; offer a function."
            raise Untranslatable(why, param=f"{param}.type")
        else:
            others.append(tool)
    return functions, others


def read_choice(request: ChatRequest) -> Choice:
    """Return what the model must call. Raises Untranslatable."""
    choice = request.tool_choice
    match choice:
        case None:
            return Choice("auto")
        case str():
            return Choice(choice)
        case ToolChoice(function=function) if function is not None:
            return Choice("required", function.name)
        case ToolChoice(allowed_tools=allowed) if allowed is not None:
            return Choice(allowed.mode)
        case _:
            why = "tool_choice: This must be a mode, a function, or the functions that are allowed."
            raise Untranslatable(why, param="tool_choice")


def _allowed(request: ChatRequest) -> set[str] | None:
    choice = request.tool_choice
    if not isinstance(choice, ToolChoice) or choice.allowed_tools is None:
        return None
    functions = (tool.get("function") for tool in choice.allowed_tools.tools)
    return {str(function.get("name")) for function in functions if isinstance(function, dict)}

"""Functions, and which of them to call, as Gemini's `tools` and `toolConfig`."""

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, Json
from overnight.translate.chat_tools import Choice, OfferedFunction, read_choice, split_tools
from overnight.translate.gemini_schema import gemini_schema
from overnight.translate.importable import require_importable, without_nothing

_MODES = {"auto": "AUTO", "required": "ANY", "none": "NONE"}
_PARAMETERS_DEPTH = 4
"""request · tools · functionDeclarations · parameters: so many objects deep are they in a row."""

_TOOL_DEPTH = 2
_SEARCH = ("googleSearch", "google_search")
SEARCH: Json = {"googleSearch": {"timeRangeFilter": None}}
"""A search with Google. The import takes no object without fields, but one whose only field is null.

Source: what users of Google's SDK found out.
"""


def gemini_tools(request: ChatRequest) -> tuple[list[Json], Json | None]:
    """Return `tools` and `toolConfig`. Raises Untranslatable."""
    functions, others = split_tools(request)
    tools = [_own(tool, f"tools[{place}]") for place, tool in enumerate(others)]
    if request.web_search_options is not None:
        tools.append(_search(request.web_search_options))
    if functions:
        tools.insert(0, {"functionDeclarations": [_declaration(offered) for offered in functions]})
    if not tools:
        return [], None
    if request.parallel_tool_calls is False and functions:
        why = "parallel_tool_calls: Gemini can't be kept from calling several functions at once."
        raise Untranslatable(why, param="parallel_tool_calls")
    return tools, _config(read_choice(request)) if functions and request.tool_choice else None


def _declaration(offered: OfferedFunction) -> Json:
    function = offered.function
    declaration: Json = {"name": function.name}
    if function.description:
        declaration["description"] = function.description
    if function.parameters and function.parameters.get("properties"):
        param = f"{offered.param}.parameters"
        declaration["parameters"] = gemini_schema(function.parameters, param=param, depth=_PARAMETERS_DEPTH)
    return declaration


def _config(choice: Choice) -> Json:
    calling: Json = {"mode": _MODES[choice.mode]}
    if choice.name is not None:
        calling["allowedFunctionNames"] = [choice.name]
    return {"functionCallingConfig": calling}


def _own(tool: Json, param: str) -> Json:
    """Return a tool of Gemini's own, written as Gemini does: a search, say, or the running of code."""
    if "type" in tool:
        raise Untranslatable(f"{param}.type: Gemini has no tool '{tool['type']}'.", param=f"{param}.type")
    for name in _SEARCH:
        if name in tool and not without_nothing({name: tool[name]}):
            return SEARCH
    kept = without_nothing(tool)
    for name, settings in tool.items():
        if settings is not None and name not in kept:
            why = f"{param}.{name}: Vertex AI's batch import can't take an object without fields."
            raise Untranslatable(why, param=f"{param}.{name}")
    require_importable(kept, depth=_TOOL_DEPTH, param=param)
    return kept


def _search(options: Json) -> Json:
    """Return OpenAI's web search as Google's, which can't be told where the user is, or how much to read."""
    for name, value in options.items():
        if value is not None and (name, value) != ("search_context_size", "medium"):
            param = f"web_search_options.{name}"
            raise Untranslatable(f"{param}: Google's search has no such setting.", param=param)
    return SEARCH

"""Functions, and which of them to call, as Claude's `tools` and `tool_choice`.

`strict` is left out: Claude keeps to a schema without, and Vertex AI allows it only where an organisation's
policy says so.
"""

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import ChatRequest, Json
from overnight.translate.chat_tools import OfferedFunction, read_choice, split_tools

_MODES = {"auto": "auto", "required": "any", "none": "none"}
_EMPTY_SCHEMA: Json = {"type": "object", "properties": {}}


def claude_tools(request: ChatRequest) -> tuple[list[Json], Json | None]:
    """Return `tools` and `tool_choice`. Raises Untranslatable."""
    if request.web_search_options is not None:
        why = "web_search_options: Offer Claude's own web search in `tools` ({'type': 'web_search_…', …})."
        raise Untranslatable(why, param="web_search_options")
    functions, others = split_tools(request)
    tools = [*(_tool(offered) for offered in functions), *others]
    return tools, _choice(request) if tools else None


def _tool(offered: OfferedFunction) -> Json:
    function = offered.function
    tool: Json = {"name": function.name}
    if function.description:
        tool["description"] = function.description
    # Claude wants to be told that arguments are an object; OpenAI takes that for granted.
    tool["input_schema"] = {**(function.parameters or _EMPTY_SCHEMA), "type": "object"}
    if offered.cache_control:
        tool["cache_control"] = offered.cache_control
    return tool


def _choice(request: ChatRequest) -> Json | None:
    one_at_a_time = request.parallel_tool_calls is False
    if request.tool_choice is None and not one_at_a_time:
        return None
    choice = read_choice(request)
    if choice.name is not None:
        named: Json = {"type": "tool", "name": choice.name}
    else:
        named = {"type": _MODES[choice.mode]}
    if one_at_a_time and choice.mode != "none":
        named["disable_parallel_tool_use"] = True
    return named

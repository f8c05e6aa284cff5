"""An OpenAI chat completion request, as a client writes it: the parts that are the same for every model.

What a client may add to a message beyond OpenAI's fields is left unread (`reasoning_content` of an earlier
answer, say); a field of the request that nobody knows is refused, since it might have meant something.
"""

from typing import Literal

import msgspec

Json = dict[str, object]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
CacheControl = Json | None


class TextPart(msgspec.Struct, tag_field="type", tag="text", gc=False):
    """A piece of text. `cache_control` is Anthropic's, where the client writes one."""

    text: str
    cache_control: CacheControl = None


class RefusalPart(msgspec.Struct, tag_field="type", tag="refusal", gc=False):
    """What a model said when it refused, in an earlier turn."""

    refusal: str


class ImageUrl(msgspec.Struct, gc=False):
    """Where an image is, or the image itself as a `data:` address. `format` is its media type, if told."""

    url: str
    format: str | None = None


class ImagePart(msgspec.Struct, tag_field="type", tag="image_url", gc=False):
    """An image. How closely to look (`detail`) is a hint, and not read."""

    image_url: ImageUrl
    cache_control: CacheControl = None


class InputAudio(msgspec.Struct, gc=False):
    """Sound in base64."""

    data: str
    format: str


class AudioPart(msgspec.Struct, tag_field="type", tag="input_audio", gc=False):
    """A piece of sound."""

    input_audio: InputAudio


class FileContent(msgspec.Struct, gc=False):
    """A file: its content as a `data:` address or in base64, or the id of one that was uploaded."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(msgspec.Struct, tag_field="type", tag="file", gc=False):
    """A document."""

    file: FileContent
    cache_control: CacheControl = None


UserPart = TextPart | ImagePart | AudioPart | FilePart


class FunctionCall(msgspec.Struct, gc=False):
    """A function that the model called. `arguments` is JSON."""

    name: str
    arguments: str | None = None


class GoogleContent(msgspec.Struct, gc=False):
    """What Google adds to a tool call, and wants to see again."""

    thought_signature: str | None = None


class ExtraContent(msgspec.Struct, gc=False):
    """What vendors add to a tool call."""

    google: GoogleContent | None = None


class ToolCall(msgspec.Struct, gc=False):
    """One call in an earlier turn."""

    id: str
    type: str = "function"
    function: FunctionCall | None = None
    extra_content: ExtraContent | None = None


class SystemMessage(msgspec.Struct, tag_field="role", tag="system", gc=False):
    """Instructions."""

    content: str | list[TextPart]
    name: str | None = None


class DeveloperMessage(msgspec.Struct, tag_field="role", tag="developer", gc=False):
    """Instructions, under the name that newer models know them by."""

    content: str | list[TextPart]
    name: str | None = None


class UserMessage(msgspec.Struct, tag_field="role", tag="user", gc=False):
    """What the user says and shows."""

    content: str | list[UserPart]
    name: str | None = None


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant", gc=False):
    """What the model said earlier. `thinking_blocks` are Claude's, as an answer of ours has them."""

    content: str | list[TextPart | RefusalPart] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Json | None = None
    audio: Json | None = None
    name: str | None = None
    thinking_blocks: list[Json] | None = None


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool", gc=False):
    """What a tool that the model called has answered."""

    tool_call_id: str
    content: str | list[TextPart]


class FunctionMessage(msgspec.Struct, tag_field="role", tag="function", gc=False):
    """The same, before there were tools."""

    name: str
    content: str | None = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage


class JsonSchemaFormat(msgspec.Struct, gc=False):
    """A schema that the answer must have."""

    name: str = ""
    description: str | None = None
    schema: Json | None = None
    strict: bool | None = None


class ResponseFormat(msgspec.Struct, gc=False):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class AllowedTools(msgspec.Struct, gc=False):
    """The tools among the request's that the model may call now."""

    mode: Literal["auto", "required"]
    tools: list[Json]


class NamedTool(msgspec.Struct, gc=False):
    """The name of a function."""

    name: str


class ToolChoice(msgspec.Struct, gc=False):
    """Which tool to call: one, or one among some."""

    type: str
    function: NamedTool | None = None
    allowed_tools: AllowedTools | None = None


class ChatRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A request's body. Those fields that every model's shape treats alike are read here."""

    messages: list[Message]

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: Effort | None = None
    response_format: ResponseFormat | None = None
    tools: list[Json] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    web_search_options: Json | None = None

    # These would change the answer, and are refused in `chat_limits.py` wherever no shape can say them.
    audio: Json | None = None
    function_call: str | Json | None = None
    functions: list[Json] | None = None
    logit_bias: Json | None = None
    modalities: list[str] | None = None
    moderation: Json | None = None
    stream: bool | None = None
    verbosity: str | None = None

    # These change nothing about the answer: who asks, what it costs, how soon, where it is kept.
    metadata: object = None
    model: object = None
    prediction: object = None
    prompt_cache_key: object = None
    prompt_cache_options: object = None
    prompt_cache_retention: object = None
    safety_identifier: object = None
    service_tier: object = None
    store: object = None
    stream_options: object = None
    user: object = None

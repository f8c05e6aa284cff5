"""A Gemini's answer as it stands in a row of results: the fields we read, any of which may be missing.

Source: aiplatform v1, GenerateContentResponse.
"""

import msgspec

_NULL = msgspec.Raw(b"null")


class FunctionCall(msgspec.Struct, gc=False):
    """A call. `args` keep the numbers as the model wrote them."""

    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = _NULL


class InlineData(msgspec.Struct, gc=False, rename="camel"):
    """Something the model made: an image, say."""

    mime_type: str | None = None
    data: str | None = None


class Part(msgspec.Struct, gc=False, rename="camel"):
    """A piece of an answer. A `thought` is none of the answer."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: InlineData | None = None
    executable_code: msgspec.Raw = _NULL
    code_execution_result: msgspec.Raw = _NULL


class Content(msgspec.Struct, gc=False):
    """What one candidate says."""

    parts: list[Part] | None = None


class Logprob(msgspec.Struct, gc=False, rename="camel"):
    """How likely a token was."""

    token: str | None = None
    log_probability: float | None = None


class TopLogprobs(msgspec.Struct, gc=False):
    """What else might have stood in a token's place."""

    candidates: list[Logprob] | None = None


class Logprobs(msgspec.Struct, gc=False, rename="camel"):
    """How likely the answer's tokens were."""

    chosen_candidates: list[Logprob] | None = None
    top_candidates: list[TopLogprobs] | None = None


class WebPage(msgspec.Struct, gc=False):
    """A page that was found."""

    uri: str | None = None
    title: str | None = None


class GroundingChunk(msgspec.Struct, gc=False):
    """A source."""

    web: WebPage | None = None


class Segment(msgspec.Struct, gc=False, rename="camel"):
    """A piece of a part's text, counted in bytes of UTF-8."""

    start_index: int | None = None
    end_index: int | None = None
    part_index: int | None = None


class GroundingSupport(msgspec.Struct, gc=False, rename="camel"):
    """Which sources a piece of the answer stands on."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class Grounding(msgspec.Struct, gc=False, rename="camel"):
    """What the answer stands on."""

    grounding_chunks: list[GroundingChunk] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class Candidate(msgspec.Struct, gc=False, rename="camel"):
    """One answer. What is only passed on is kept as it was written."""

    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None
    logprobs_result: Logprobs | None = None
    grounding_metadata: msgspec.Raw = _NULL
    citation_metadata: msgspec.Raw = _NULL
    url_context_metadata: msgspec.Raw = _NULL
    safety_ratings: msgspec.Raw = _NULL


class PromptFeedback(msgspec.Struct, gc=False, rename="camel"):
    """Why a prompt was not answered at all."""

    block_reason: str | None = None
    block_reason_message: str | None = None
    safety_ratings: msgspec.Raw = _NULL


class ModalityCount(msgspec.Struct, gc=False, rename="camel"):
    """Tokens of one kind."""

    modality: str | None = None
    token_count: int | None = None


class Usage(msgspec.Struct, gc=False, rename="camel"):
    """Tokens. Beside the prompt's stand those that tools read, beside the answer's those of thoughts."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None


class Response(msgspec.Struct, gc=False, rename="camel"):
    """A whole answer."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None

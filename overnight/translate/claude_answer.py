"""A Claude's answer as it stands in a row of results: the fields we read, any of which may be missing.

Source: Anthropic's API, Message.
"""

import msgspec

_NULL = msgspec.Raw(b"null")


class Citation(msgspec.Struct, gc=False):
    """What a piece of text stands on. Only pages of the web have an address."""

    type: str | None = None
    url: str | None = None
    title: str | None = None


class Block(msgspec.Struct, gc=False):
    """A piece of an answer."""

    type: str
    text: str | None = None
    citations: list[Citation] | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _NULL


class OutputDetails(msgspec.Struct, gc=False):
    """What is known of the tokens of an answer."""

    thinking_tokens: int | None = None


class CacheCreation(msgspec.Struct, gc=False):
    """For how long what was written to the cache is kept."""

    ephemeral_1h_input_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens. What was read from the cache or written to it is not in `input_tokens`."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None


class StopDetails(msgspec.Struct, gc=False):
    """Why a Claude refused."""

    category: str | None = None
    explanation: str | None = None


class Message(msgspec.Struct, gc=False):
    """A whole answer. Its blocks are kept as they were written too, for those that are only passed on."""

    content: list[msgspec.Raw]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None


class Outcome(msgspec.Struct, gc=False):
    """What tells an answer from an error."""

    type: str | None = None
    error: msgspec.Raw = _NULL

"""How a batch is cut up: shards, and the chunks a shard's lines are sent in."""

from dataclasses import dataclass

MAX_SHARD_LINES = 50_000
MAX_SHARD_BYTES = 190_000_000
"""A provider's job takes 200 MB; the provider's own name of the model, in every line, must fit in as well."""

MAX_SHARD_CHUNKS = 100
MAX_CHUNK_LINES = 1_000
MAX_CHUNK_BYTES = 16 * 2**20
MAX_LINE_BYTES = 64 * 2**20
"""One line can be no longer than this; OpenAI's own requests end at 50 MB."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole lines in the input file: `length` bytes from `offset`.

    `first_index` is the batch-wide 0-based index of its first request (blank lines are not requests).
    """

    offset: int
    length: int
    first_index: int
    lines: int


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The chunks of one shard, in input order."""

    chunks: tuple[Chunk, ...]

    @property
    def lines(self) -> int:
        """How many requests the shard has."""
        return sum(chunk.lines for chunk in self.chunks)

    @property
    def first_index(self) -> int:
        """The batch-wide 0-based index of its first request."""
        return self.chunks[0].first_index

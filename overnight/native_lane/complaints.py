"""What a provider found wrong with a job's lines, by the numbers that those have in the batch's own input."""

from collections.abc import Sequence
from dataclasses import replace

from overnight.domain.batch import BatchError
from overnight.domain.plan import ShardPlan
from overnight.jsonl import line_numbers
from overnight.storage.protocol import Storage

SHOWN_ERRORS = 1_000
SHOWN_OF_OTHERS = 20
"""How many of a job's errors are told of, a provider may have one for each line: of the first shard's, and
of any other's. A batch may have a hundred shards, and all that they say is kept in its history."""


async def in_our_numbers(
    errors: Sequence[BatchError], *, storage: Storage, input_key: str, plan: ShardPlan, shard: int = 0
) -> tuple[BatchError, ...]:
    """Return a job's first errors, as many as `shard` may show; a number of no line of it is left out.

    A job's lines follow each other without a gap, the input's may have blank ones between them, and a shard
    may begin anywhere. Raises StorageError.
    """
    shown = SHOWN_OF_OTHERS if shard else SHOWN_ERRORS
    indices = [_index(error, plan) for error in errors[:shown]]
    wanted = {index for index in indices if index is not None}
    numbers = await line_numbers(storage.get(input_key), wanted) if wanted else {}
    return tuple(
        replace(error, line=None if index is None else numbers.get(index))
        for error, index in zip(errors, indices, strict=False)
    )


def _index(error: BatchError, plan: ShardPlan) -> int | None:
    if error.line is None or not 1 <= error.line <= plan.lines:
        return None
    return plan.first_index + error.line - 1

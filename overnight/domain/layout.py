"""Where a batch's bytes lie in storage. Every key is made here, from ids that we made ourselves."""


def file_key(file_id: str) -> str:
    """Return the key of a file's content."""
    return f"files/{file_id}"


def work_prefix(batch_id: str) -> str:
    """Return the prefix of all that a batch needs only while it runs."""
    return f"work/{batch_id}/"


def plan_key(batch_id: str, shard: int) -> str:
    """Return the key of a shard's plan: which bytes of the input are its chunks."""
    return f"{_shard_prefix(batch_id, shard)}plan.json"


def chunk_prefix(batch_id: str, shard: int, chunk: int) -> str:
    """Return the prefix of the checkpoints of all attempts at a chunk."""
    return f"{_shard_prefix(batch_id, shard)}chunk-{chunk:04d}/"


def part_key(batch_id: str, shard: int, chunk: int, *, attempt: str, part: int) -> str:
    """Return the key of one checkpoint. An attempt never writes where another one does."""
    return f"{chunk_prefix(batch_id, shard, chunk)}{attempt}/part-{part:06d}"


def sealed_key(batch_id: str, shard: int, *, attempt: str, kind: str) -> str:
    """Return the key of a shard's sorted `output` or `error` lines, as one attempt at sealing made them."""
    return f"{_shard_prefix(batch_id, shard)}sealed/{attempt}/{kind}.jsonl"


def _shard_prefix(batch_id: str, shard: int) -> str:
    return f"{work_prefix(batch_id)}shard-{shard:04d}/"

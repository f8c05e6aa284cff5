"""Where bytes lie in storage. Every key is made here, from ids that we made ourselves."""

from overnight.domain.file import BatchFileKind

OWNER_KEY = "owner"
"""The key of the id of the one catalog that knows what is in the store."""

_FILES = "files/"
_UPLOADS = "uploads/"
_WORK = "work/"


def file_key(file_id: str) -> str:
    """Return the key of a file's content."""
    return f"{_FILES}{file_id}"


def file_section(section: str) -> str:
    """Return the prefix of the content of files whose ids go on like this after what all have in common."""
    return f"{_FILES}file-{section}"


def file_id_of(key: str) -> str:
    """Return the id of the file whose content is under `key`."""
    return key.removeprefix(_FILES)


def upload_prefix(upload_id: str) -> str:
    """Return the prefix of the parts of an upload."""
    return f"{_UPLOADS}{upload_id}/"


def upload_part_key(upload_id: str, part_id: str) -> str:
    """Return the key of the bytes of one part of an upload."""
    return f"{upload_prefix(upload_id)}{part_id}"


def upload_section(section: str) -> str:
    """Return the prefix of the parts of uploads whose ids go on like this after what all have in common."""
    return f"{_UPLOADS}upload_{section}"


def part_id_of(key: str) -> str:
    """Return the id of the part whose bytes are under `key`."""
    return key.rpartition("/")[2]


def work_section(section: str) -> str:
    """Return the prefix of what batches need whose ids go on like this after what all have in common."""
    return f"{_WORK}batch_{section}"


def batch_id_of(key: str) -> str:
    """Return the id of the batch that needs the object under `key`."""
    return key.removeprefix(_WORK).partition("/")[0]


def work_prefix(batch_id: str) -> str:
    """Return the prefix of all that a batch needs only while it runs."""
    return f"{_WORK}{batch_id}/"


def plan_key(batch_id: str, shard: int) -> str:
    """Return the key of a shard's plan: which bytes of the input are its chunks."""
    return f"{_shard_prefix(batch_id, shard)}plan.json"


def chunk_prefix(batch_id: str, shard: int, chunk: int) -> str:
    """Return the prefix of the checkpoints of all attempts at a chunk."""
    return f"{_shard_prefix(batch_id, shard)}chunk-{chunk:04d}/"


def part_key(batch_id: str, shard: int, chunk: int, *, attempt: str, part: int) -> str:
    """Return the key of one checkpoint. An attempt never writes where another one does."""
    return f"{chunk_prefix(batch_id, shard, chunk)}{attempt}/part-{part:06d}"


def sealed_key(batch_id: str, shard: int, *, attempt: str, kind: BatchFileKind) -> str:
    """Return the key of a shard's sorted lines for the output or the error file, as one attempt made them."""
    return f"{_shard_prefix(batch_id, shard)}sealed/{attempt}/{kind}.jsonl"


def receipt_key(batch_id: str, shard: int, *, attempt: str, charged: bool) -> str:
    """Return the key of a shard's part of the receipt, as one attempt at sealing or charging it made it."""
    step = "charged" if charged else "sealed"
    return f"{_shard_prefix(batch_id, shard)}{step}/{attempt}/receipt.jsonl"


def _shard_prefix(batch_id: str, shard: int) -> str:
    return f"{work_prefix(batch_id)}shard-{shard:04d}/"

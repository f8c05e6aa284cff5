"""What became of each line, whichever lane it took: read in an answer, kept in parts, sealed in order."""

from overnight.outcomes.errors import UnansweredLines, UnreadableCheckpoint
from overnight.outcomes.record import Record
from overnight.outcomes.seal import SealedShard, SealTask, seal_shard

__all__ = [
    "Record",
    "SealTask",
    "SealedShard",
    "UnansweredLines",
    "UnreadableCheckpoint",
    "seal_shard",
]

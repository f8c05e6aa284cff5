"""What became of each line, whichever lane it took: read in an answer, kept in parts, sealed in order."""

from overnight.outcomes.errors import UnansweredLines, UnreadableCheckpoint
from overnight.outcomes.receipt_line import ReceiptLine
from overnight.outcomes.record import Record, Source
from overnight.outcomes.seal import SealedShard, SealTask, seal_shard

__all__ = [
    "ReceiptLine",
    "Record",
    "SealTask",
    "SealedShard",
    "Source",
    "UnansweredLines",
    "UnreadableCheckpoint",
    "seal_shard",
]

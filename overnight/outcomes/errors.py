"""What can go wrong with a chunk's checkpoints. What goes wrong with a line is a value, not an error.

OvernightError
├── UnansweredLines           a shard can't be sealed as complete: lines have no outcome
└── StorageError
    └── UnreadableCheckpoint  a checkpoint is not in the format this version writes
"""

from overnight.domain.errors import OvernightError, StorageError


class UnansweredLines(OvernightError):
    """Some lines have no outcome yet."""

    def __init__(self, *, missing: int, first_index: int) -> None:
        super().__init__(f"{missing} lines have no outcome yet, the first of them at index {first_index}.")
        self.missing = missing
        self.first_index = first_index


class UnreadableCheckpoint(StorageError):
    """A checkpoint is not in the format this version writes."""

    def __init__(self, key: str) -> None:
        super().__init__("not a checkpoint this version can read", key=key)

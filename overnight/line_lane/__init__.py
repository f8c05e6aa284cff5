"""Send every line of a chunk to an endpoint that has no batch API, and keep the answers as they come."""

from overnight.line_lane.chunk import ChunkProgress, ChunkTask, run_chunk
from overnight.line_lane.errors import UnansweredLines
from overnight.line_lane.lane import LineLane
from overnight.line_lane.patience import Patience
from overnight.line_lane.seal import SealTask, seal_shard

__all__ = [
    "ChunkProgress",
    "ChunkTask",
    "LineLane",
    "Patience",
    "SealTask",
    "UnansweredLines",
    "run_chunk",
    "seal_shard",
]

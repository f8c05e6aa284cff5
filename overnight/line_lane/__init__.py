"""Send every line of a chunk to an endpoint that has no batch API, and keep the answers as they come."""

from overnight.line_lane.chunk import ChunkProgress, ChunkTask, run_chunk
from overnight.line_lane.lane import LineLane
from overnight.line_lane.patience import Patience

__all__ = [
    "ChunkProgress",
    "ChunkTask",
    "LineLane",
    "Patience",
    "run_chunk",
]

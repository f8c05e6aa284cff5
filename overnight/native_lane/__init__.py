"""A shard as a provider's own job: what goes into the job, when to look at it, and what comes out of it."""

from overnight.native_lane.complaints import in_our_numbers
from overnight.native_lane.gather import Gathered, GatherTask, gather
from overnight.native_lane.job_input import JobInput
from overnight.native_lane.looking import Watch, next_look
from overnight.native_lane.result_record import Translation
from overnight.native_lane.submission import only_job, submit_when_ready

__all__ = [
    "GatherTask",
    "Gathered",
    "JobInput",
    "Translation",
    "Watch",
    "gather",
    "in_our_numbers",
    "next_look",
    "only_job",
    "submit_when_ready",
]

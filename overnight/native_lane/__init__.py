"""A shard as a provider's own job: what goes into the job, when to look at it, and what comes out of it."""

from overnight.native_lane.cleaning import leave_nothing
from overnight.native_lane.complaints import in_our_numbers
from overnight.native_lane.gather import Gathered, GatherTask, gather, gathered_before, no_results
from overnight.native_lane.job_input import JobInput
from overnight.native_lane.looking import Watch, next_look
from overnight.native_lane.result_record import Translation
from overnight.native_lane.submission import cancel_twins, job_from_before, submit_once

__all__ = [
    "GatherTask",
    "Gathered",
    "JobInput",
    "Translation",
    "Watch",
    "cancel_twins",
    "gather",
    "gathered_before",
    "in_our_numbers",
    "job_from_before",
    "leave_nothing",
    "next_look",
    "no_results",
    "submit_once",
]

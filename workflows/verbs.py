"""The providers' verbs as a workflow calls them: by name, on the provider's own queue, with their types."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityHandle

with workflow.unsafe.imports_passed_through():
    from activities.job_payloads import (
        Download,
        DownloadOrder,
        JobCall,
        JobOrder,
        JobReport,
        Recalled,
        Remains,
        Submission,
        SubmitOrder,
        Upload,
    )
    from workflows import options, queues

Order = TypeVar("Order")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Verb(Generic[Order, Outcome]):
    """A step of a job's life: its name after the provider's, what it returns, how long one try may take."""

    name: str
    outcome: type[Outcome]
    timeout: timedelta
    summary: str
    patience: RetryPolicy | None = None

    def start(self, provider: str, order: Order) -> ActivityHandle[Outcome]:
        """Start the step. It is tried without end: the workflow's own timers are the deadline."""
        return workflow.start_activity(
            f"{provider}.{self.name}",
            order,
            result_type=self.outcome,
            task_queue=queues.provider(provider),
            start_to_close_timeout=self.timeout,
            heartbeat_timeout=options.HEARTBEAT_TIMEOUT,
            retry_policy=self.patience or options.PATIENTLY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=self.summary,
        )


UPLOAD: Verb[JobOrder, Upload] = Verb("upload", Upload, options.BYTES_TIMEOUT, "send the input")
SUBMIT: Verb[SubmitOrder, Submission] = Verb("submit", Submission, options.SUBMIT_TIMEOUT, "create the job")
POLL: Verb[JobCall, JobReport] = Verb(
    "poll", JobReport, options.CALL_TIMEOUT, "until the job's status changes"
)
CANCEL: Verb[JobCall, JobReport] = Verb("cancel", JobReport, options.CALL_TIMEOUT, "cancel the job")
DOWNLOAD: Verb[DownloadOrder, Download] = Verb(
    "download", Download, options.BYTES_TIMEOUT, "fetch the results"
)
RECALL: Verb[JobOrder, Recalled] = Verb(
    "recall", Recalled, options.SUBMIT_TIMEOUT, "find and cancel what runs"
)
CLEAN_UP: Verb[Remains, None] = Verb(
    "clean_up", type(None), options.CLEANING_TIMEOUT, "delete what is left", options.NOW_AND_THEN
)

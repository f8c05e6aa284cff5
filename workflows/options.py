"""Every timeout and retry policy of the workflows: chosen here, named once, explained."""

from datetime import timedelta

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityConfig, LocalActivityConfig

from workflows import queues

PATIENTLY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=1),
    non_retryable_error_types=["PayloadsTooLarge"],
)
"""Without end: a store that is down for an hour must not cost a batch. The workflow's own timer is the
deadline. A result too large for Temporal stays too large, so that alone is given up."""

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""How long a silent worker is believed to be alive. With heartbeats sent at most a second apart a cancel
arrives in under a second, and a killed worker's chunk goes on elsewhere after ten."""

ROW_TIMEOUT = timedelta(seconds=15)
"""For one transaction, or a few. It is also how long a step waits whose worker was killed under it: such
short ones don't heartbeat. Longer than SQLite waits for its lock."""

BYTES_TIMEOUT = timedelta(hours=6)
"""For reading or writing whole files: as long as the largest file at the slowest store takes."""


CHUNK_MARGIN = timedelta(hours=1)
"""A chunk may run as long as its batch's window; the workflow stops it then, and this is well after."""

FIRST_LOOK = timedelta(seconds=10)
LONGEST_LOOK = timedelta(minutes=5)
LOOK_GROWTH = 2
"""How often a running batch's progress is shown in Temporal's UI. Each look costs eleven events, so a
batch of 24 hours spends about 3,300 of the 51,200 that a history can have; and two workflow tasks, so a
thousand batches that begin together would do little else if their looks did not soon get rare."""

CALL_TIMEOUT = timedelta(minutes=5)
"""For a few calls to a provider, its pauses between them included. A worker that is killed under them is
noticed by its heartbeats."""

SUBMIT_TIMEOUT = timedelta(minutes=30)
"""For one try to create a job, or to find those there are, with the wait until a listing shows them."""

SUBMIT_GRACE = timedelta(minutes=2)
"""How long a submit may go on once its shard is to stop: what it made is then known, and can be cancelled."""

TWINS_WITHIN = timedelta(hours=1)
"""How long after a submit that had to be repeated the job of the lost try may still turn up."""

PARTING = timedelta(hours=24)
"""How long a shard that is to stop waits for its provider to let go. Ten minutes are normal; a provider that
is down for long is still holding answers that are paid for."""

FIRST_SHUT = timedelta(minutes=5)
LONGEST_SHUT = timedelta(minutes=30)
"""How long a deployment without room is left alone, unless one of its jobs ends: twice as long every time."""

TRIAL = timedelta(hours=1)
"""How long one shard's job decides whether there is room again; then it is the next one's turn."""

CLEAN_UP_FIRST = timedelta(minutes=2)
"""How long a shard that has found no room cleans up before it asks for another place: time for five tries.
What can't be deleted by then, as nothing can under some buckets' retention policies or with some keys, is
left for the clean-up at the end."""

LEFT_REMEMBERED = 100
"""How many jobs of a shard at one deployment its clean-up is told by name, which bounds its input: the
latest, since only those may not be listed yet. All others are found by their tag."""

CLEANING_TIMEOUT = timedelta(hours=1)
NOW_AND_THEN = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2,
    maximum_interval=timedelta(hours=1),
)
"""For cleaning up at a provider: a job may take its time to end, and a key may be gone for good."""

CLEAN_UP_TIMEOUT = timedelta(days=30)
"""How long a provider is asked to delete what we left there. By then it has done so by itself."""

ASK_AGAIN = timedelta(minutes=20)
"""How long a shard that has no place yet hears nothing before it asks once more. It keeps its turn."""

NOTED_AFTER = timedelta(seconds=5)
"""How long a shard waits for a place before its batch says so; most are granted at once."""

WISHES_CARRIED = 1_000
"""How many of those who wait a keeper of places takes along to its next run, the oldest first. The others ask
again, and keep their turn."""

HOLDERS_CARRIED = 5_000
"""How many of those who have a place it takes along, the latest first. The two bound its input, at some 370
kilobytes. What it hears of others changes nothing: their jobs make room that is then found out by time."""

PLACES_IDLE = timedelta(hours=1)
"""How long a keeper of places that has nobody to keep them for stays."""

CHILD_ID_WAIT = timedelta(seconds=5)
"""How long a batch whose shard's id is taken sleeps before it tries again, if it has slept so before."""

WHAT_HAS_BEGUN = Priority(priority_key=2)
"""Of shards and their steps. In a rush of new batches those that are open already are submitted first; else
all would be opened before the first is submitted."""

WHAT_CAN_WAIT = Priority(priority_key=4)
"""Of cleaning up: no result is to wait for it."""

ATTEMPT_TIMEOUT = timedelta(seconds=45)
"""For one attempt at a webhook, which gives the receiver 15 seconds. Also how long one waits whose worker
was killed under it."""

TELLING_TIMEOUT = timedelta(hours=72)
"""How long a receiver of webhooks may be away, as with OpenAI."""

EVER_LESS_OFTEN = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2,
    maximum_interval=timedelta(hours=1),
)
"""For webhooks: ten attempts within the first hour and a half, and then one an hour."""

TELLINGS = 5
"""How often a shard's story is told again that somebody terminates; then it is only put in order."""

MAX_PARALLEL_JOBS = 50
"""Shards of one batch in the native lane at once, where a job may take all of the window. Who may submit is
decided by the places."""

MAX_PARALLEL_SHARDS = 2
MAX_PARALLEL_CHUNKS = 3
"""Enough that the end of one chunk overlaps with the start of the next, and few enough that many batches
share a worker. How many requests are in flight is bounded elsewhere: by the deployment's admission."""


EMITTING_TIMEOUT = timedelta(hours=1)
"""For one try at an event, with all prompts and answers of a large batch where they are wanted; the next one
goes on with them where it can. Each call to a sink has a bound of its own, and a worker that is killed is
noticed by its heartbeats."""

UNTIL_TAKEN = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(minutes=10)
)
"""Without end: a sink that is down for a week loses nothing, and hears within ten minutes of its return."""

NO_SUCH_SINK_AFTER = timedelta(hours=1)
"""How long nobody takes an event up before it is asked whether its sink is still configured."""


def emitting(sink: str) -> ActivityConfig:
    """Return the options of handing an event to a sink."""
    return {
        "task_queue": queues.events(sink),
        "schedule_to_start_timeout": NO_SUCH_SINK_AFTER,
        "start_to_close_timeout": EMITTING_TIMEOUT,
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
        "retry_policy": UNTIL_TAKEN,
        "summary": f"tell {sink}",
    }


def by_heart(summary: str) -> LocalActivityConfig:
    """Return the options of a step that needs nothing but what its worker has in memory."""
    return {"start_to_close_timeout": ROW_TIMEOUT, "retry_policy": PATIENTLY, "summary": summary}


def row(summary: str) -> ActivityConfig:
    """Return the options of a step that reads or writes rows."""
    return {
        "task_queue": queues.BATCHES,
        "start_to_close_timeout": ROW_TIMEOUT,
        "retry_policy": PATIENTLY,
        "summary": summary,
    }


def whole_files(summary: str) -> ActivityConfig:
    """Return the options of a step that reads or writes whole files."""
    return {
        **row(summary),
        "start_to_close_timeout": BYTES_TIMEOUT,
        "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    }


def webhook(summary: str) -> ActivityConfig:
    """Return the options of a step that sends a webhook, for as long as it may take."""
    return {
        "task_queue": queues.WEBHOOKS,
        "start_to_close_timeout": ATTEMPT_TIMEOUT,
        "schedule_to_close_timeout": TELLING_TIMEOUT,
        "retry_policy": EVER_LESS_OFTEN,
        "priority": WHAT_CAN_WAIT,
        "summary": summary,
    }


def webhook_row(summary: str) -> ActivityConfig:
    """Return the options of a step that reads or writes rows of webhooks."""
    return {**row(summary), "priority": WHAT_CAN_WAIT}

"""The terms of a process's workers, in Temporal's own words."""

from datetime import timedelta
from typing import TypedDict

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    FixedSizeSlotSupplier,
    ResourceBasedSlotConfig,
    ResourceBasedSlotSupplier,
    ResourceBasedTunerConfig,
    WorkerDeploymentConfig,
    WorkerTuner,
)

from workers.terms import Terms, Versioning

HEARTBEAT_THROTTLE = timedelta(seconds=1)
"""A cancel reaches an activity with its heartbeats, so they are not to be held back for longer."""

DEPLOYMENT = "overnight"
"""What Temporal calls all of our workers together; their versions are of this."""

_WORKFLOW_STEPS = 100
_FEWEST_STEPS = 24
_MOST_STEPS = 100
"""Steps that read and write rows and whole files, at once in one process. Files come in a rush, so there are
as many as memory allows; and never so few that rows would wait for files."""

_FULL = 0.85
"""How full memory may be before there are no places beyond the fewest. The CPU is none of it: steps that wait
for it are no worse off than those that wait for a place."""

_BEHAVIORS = {
    Versioning.PINNED: VersioningBehavior.PINNED,
    Versioning.AUTO_UPGRADE: VersioningBehavior.AUTO_UPGRADE,
}


class Shared(TypedDict):
    """The options that all workers of a process have alike."""

    graceful_shutdown_timeout: timedelta
    max_heartbeat_throttle_interval: timedelta
    default_heartbeat_throttle_interval: timedelta
    deployment_config: WorkerDeploymentConfig | None


def shared(terms: Terms) -> Shared:
    """Return the options of every worker that works on these terms."""
    return {
        "graceful_shutdown_timeout": terms.grace,
        "max_heartbeat_throttle_interval": HEARTBEAT_THROTTLE,
        "default_heartbeat_throttle_interval": HEARTBEAT_THROTTLE,
        "deployment_config": _deployment(terms),
    }


def _deployment(terms: Terms) -> WorkerDeploymentConfig | None:
    if terms.build is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=terms.build),
        use_worker_versioning=True,
        default_versioning_behavior=_BEHAVIORS[terms.versioning],
    )


def slots_for_files() -> WorkerTuner:
    """Return how many steps at once a worker takes that reads and writes whole files."""
    return WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(_WORKFLOW_STEPS),
        activity_supplier=ResourceBasedSlotSupplier(
            ResourceBasedSlotConfig(
                minimum_slots=_FEWEST_STEPS, maximum_slots=_MOST_STEPS, ramp_throttle=timedelta(0)
            ),
            ResourceBasedTunerConfig(target_memory_usage=_FULL, target_cpu_usage=1.0),
        ),
        local_activity_supplier=FixedSizeSlotSupplier(_MOST_STEPS),
        nexus_supplier=FixedSizeSlotSupplier(_FEWEST_STEPS),
    )

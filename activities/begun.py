"""What was begun of a shard by another telling of its story, as before a Reset: its history does not know.

Each telling is a run of the shard's workflow, and bears that run's id.
"""

from temporalio import activity

from activities.job_payloads import Begun, JobOrder
from activities.place_payloads import ShardRef
from overnight.catalog import Catalog
from overnight.domain.job import BegunJob


class BegunElsewhere(Exception):
    """Another job of the shard has been begun, which may be there. `begun` says which."""

    def __init__(self, begun: Begun) -> None:
        super().__init__()
        self.begun = begun


class BegunJobs:
    """Writes down what is begun, before anybody outside hears of it, and looks it up."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @activity.defn(name="begun_before")
    async def begun_before(self, shard: ShardRef) -> Begun | None:
        """Return what another telling has begun; None once this one has gone on from there."""
        last = await self._catalog.begun_job(shard.batch_id, shard.shard)
        return None if last is None or last.story == _this_telling() else _as_told(last)

    async def has_begun(self, order: JobOrder) -> bool:
        """Tell whether this very job has been begun: by another telling, or by a lost try of this one."""
        last = await self._catalog.begun_job(order.batch_id, order.shard)
        return last is not None and _as_told(last) == Begun(deployment=order.deployment, number=order.number)

    async def begin(self, order: JobOrder, *, known: Begun | None) -> bool:
        """Write down that the order's job is about to be asked for; tell if another telling may have asked.

        Raises BegunElsewhere, with nothing written, unless what another telling has begun is `known`.
        """
        this = _begun_job(order, deployment=order.deployment, number=order.number)
        seen = _begun_job(order, deployment=known.deployment, number=known.number) if known else None
        last = await self._catalog.begin_job(this, known=seen)
        if last is None:
            return False
        if not this.may_follow(last, known=seen):
            raise BegunElsewhere(_as_told(last))
        return last.story != this.story


def _begun_job(order: JobOrder, *, deployment: str, number: int) -> BegunJob:
    return BegunJob(
        batch_id=order.batch_id,
        shard=order.shard,
        number=number,
        deployment=deployment,
        story=_this_telling(),
    )


def _as_told(job: BegunJob) -> Begun:
    return Begun(deployment=job.deployment, number=job.number)


def _this_telling() -> str:
    return activity.info().workflow_run_id or ""

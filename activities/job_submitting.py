"""Until there is a job: its input goes to the provider, then it is created, once."""

from datetime import timedelta
from http import HTTPStatus

from temporalio import activity

from activities.begun import BegunElsewhere, BegunJobs
from activities.failures import tried_for
from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk, input_key
from activities.job_payloads import (
    NOT_READY,
    JobOrder,
    NoPlaceNow,
    Refusal,
    Submission,
    SubmitOrder,
    Upload,
)
from activities.job_tries import tries_so_far, until_listed, was_idle
from overnight.domain.errors import NoPlace, NotReadyYet, ProviderRefused, UnknownDeployment
from overnight.domain.job import Job
from overnight.native_lane import JobInput, gather, job_from_before, no_results, submit_once
from overnight.providers.protocol import Provider

READY_WITHIN = timedelta(minutes=15)
"""How long after its upload a file may take to be taken in, before another deployment is asked."""


class Submitting:
    """Uploads and creates. A deployment that says no is a value, because there may be another."""

    def __init__(self, desk: JobDesk, begun: BegunJobs) -> None:
        self._desk = desk
        self._begun = begun

    async def upload(self, order: JobOrder) -> Upload:
        """Send the shard's requests as a file; one that an earlier attempt left there is taken instead.

        Nothing is sent if another telling of the shard's story has begun this job, and it is there.
        """
        begun = await self._begun.has_begun(order)
        try:
            async with heartbeating(), self._desk.telling_all(order, step="upload"):
                provider, _ = self._desk.of(order)
                if begun and (found := await self._from_before(order, provider)):
                    return Upload(job_id=found.id)
                return await self._sent(order, provider)
        except NoPlace as error:
            return Upload(no_place=NoPlaceNow.of(error))
        except ProviderRefused as error:
            return Upload(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            if begun:
                # There may be a job, which nobody could follow.
                raise
            return Upload(refusal=Refusal.of_unknown(error))

    async def submit(self, order: SubmitOrder) -> Submission:
        """Create the job, or find the one that an earlier attempt has created. Never two.

        A file that is not taken in yet is an error that says when to look again: the waiting is the server's,
        and holds no place of a worker's.
        """
        tries = tries_so_far()
        repeated = tries.repeated
        try:
            async with heartbeating(), self._desk.news.telling(order.job):
                provider, _ = self._desk.of(order.job)
                from_before = await self._begun.begin(order.job, known=order.begun)
                repeated |= from_before
                idle = tries.idle and not from_before
                if repeated and not idle and not provider.limits.idempotent_create:
                    until_listed(provider.limits.list_lag)
                job = await submit_once(
                    provider,
                    tag=order.job.tag,
                    file_id=order.file_id,
                    endpoint=order.job.endpoint,
                    since=order.job.since,
                    again=repeated,
                )
                await self._desk.news.note(job, order.job)
                # What an earlier attempt was told by the provider is no longer why the shard waits.
                await self._desk.news.report(order.job)
        except BegunElsewhere as elsewhere:
            return Submission(begun=elsewhere.begun)
        except NoPlace as error:
            return Submission(no_place=NoPlaceNow.of(error))
        except NotReadyYet as error:
            if _is_given_up(error, order):
                return Submission(refusal=Refusal(code=NOT_READY, message=error.message))
            was_idle(repeated=repeated)
            raise
        except ProviderRefused as error:
            return Submission(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            if repeated:
                # An earlier attempt may have created a job, which nobody could cancel now.
                raise
            return Submission(refusal=Refusal.of_unknown(error))
        return Submission(job_id=job.id, repeated=repeated)

    async def _from_before(self, order: JobOrder, provider: Provider) -> Job | None:
        if not tries_so_far().idle:
            until_listed(provider.limits.list_lag)
        found = await job_from_before(provider, tag=order.tag, since=order.since)
        if found is not None:
            await self._begun.begin(order, known=None)
            await self._desk.news.note(found, order)
        return found

    async def _sent(self, order: JobOrder, provider: Provider) -> Upload:
        if activity.info().attempt > 1:
            # Its answer may have been lost, or its worker.
            left = await provider.find_uploads(order.tag, since=order.since)
            if left:
                return Upload(file_id=left[0])
        content = await self._content(order)
        size = await content.size()
        if not size:
            return await self._nothing_to_run(order)
        return Upload(file_id=await provider.upload(content.content, size=size, tag=order.tag))

    async def _content(self, order: JobOrder) -> JobInput:
        return JobInput(
            storage=self._desk.storage,
            input_key=input_key(order),
            plan=await self._desk.plan(order),
            shape=self._desk.shape(order),
        )

    async def _nothing_to_run(self, order: JobOrder) -> Upload:
        """Keep why no line of the shard can be put into a job at all."""
        task = await self._desk.gather_task(order)
        await gather(self._desk.storage, task=task, results=no_results())
        return Upload(over=True)


def _is_given_up(error: NotReadyYet, order: SubmitOrder) -> bool:
    """Tell whether a file has had its time. One that is only slow has as much as its batch, if need be."""
    is_gone = error.status == HTTPStatus.NOT_FOUND
    return tried_for() > READY_WITHIN and (order.others or is_gone)

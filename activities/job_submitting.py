"""Until there is a job: its input goes to the provider, then it is created, once."""

from collections.abc import AsyncIterator

from temporalio import activity

from activities.heartbeat import heartbeating
from activities.job_desk import JobDesk, input_key
from activities.job_payloads import JobOrder, NoPlaceNow, Refusal, Submission, SubmitOrder, Upload
from overnight.domain.errors import NoPlace, NotReadyYet, ProviderRefused, UnknownDeployment
from overnight.native_lane import JobInput, gather, submit_when_ready
from overnight.providers.protocol import Result


class Submitting:
    """Uploads and creates. A deployment that says no is a value, because there may be another."""

    def __init__(self, desk: JobDesk) -> None:
        self._desk = desk

    async def upload(self, order: JobOrder) -> Upload:
        """Send the shard's requests as a file; one that an earlier attempt left there is taken instead."""
        try:
            async with heartbeating(), self._desk.telling_all(order, step="upload"):
                provider, _ = self._desk.of(order)
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
        except NoPlace as error:
            return Upload(no_place=NoPlaceNow.of(error))
        except ProviderRefused as error:
            return Upload(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            return Upload(refusal=Refusal.of_unknown(error))

    async def submit(self, order: SubmitOrder) -> Submission:
        """Create the job, or find the one that an earlier attempt has created. Never two."""
        repeated = activity.info().attempt > 1
        try:
            async with heartbeating(), self._desk.news.telling(order.job):
                provider, _ = self._desk.of(order.job)
                job = await submit_when_ready(
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
        except NoPlace as error:
            return Submission(no_place=NoPlaceNow.of(error))
        except NotReadyYet as error:
            return Submission(refusal=Refusal(code="input_file_not_ready", message=error.message))
        except ProviderRefused as error:
            return Submission(refusal=Refusal.of(error))
        except UnknownDeployment as error:
            if repeated:
                # An earlier attempt may have created a job, which nobody could cancel now.
                raise
            return Submission(refusal=Refusal.of_unknown(error))
        return Submission(job_id=job.id, repeated=repeated)

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
        await gather(self._desk.storage, task=task, results=_none())
        return Upload(over=True)


async def _none() -> AsyncIterator[Result]:
    nothing: tuple[Result, ...] = ()
    for result in nothing:
        yield result

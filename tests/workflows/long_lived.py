"""A keeper of places whose first run is to make way for the next, and is asked again just before it does."""

from dataclasses import fields

from temporalio import workflow
from temporalio.worker import (
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

with workflow.unsafe.imports_passed_through():
    from activities.place_payloads import PLACES, Grant, PlacesState, Wish
from workflows.places import PlacesWorkflow


@workflow.defn(name=PLACES)
class LongLivedPlaces(PlacesWorkflow):
    """While one shard is told of its place, all others that have one ask for theirs again."""

    @workflow.init
    def __init__(self, state: PlacesState | None = None) -> None:
        super().__init__(state)
        self._asked = False

    @workflow.run
    async def run(self, state: PlacesState | None = None) -> None:
        await super().run(state)

    async def _tell(self, shard: str, grant: Grant) -> None:
        await super()._tell(shard, grant)
        if self._asked or workflow.info().continued_run_id is not None:
            return
        self._asked = True
        for other, held in self._holders.items():
            if other != shard:
                again = Wish(
                    shard=other,
                    deployments=(held.deployment,),
                    asked_at=workflow.now(),
                    asking=held.asking,
                )
                self.ask(again)


class LongHistory(Interceptor):
    """Has the server suggest to every first run that it goes on as new."""

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - Temporal's name
    ) -> type[WorkflowInboundInterceptor]:
        return _Inbound


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))


class _Outbound(WorkflowOutboundInterceptor):
    def info(self) -> workflow.Info:
        info = super().info()
        if info.continued_run_id is not None:
            return info
        return _Suggested(**{field.name: getattr(info, field.name) for field in fields(info)})


class _Suggested(workflow.Info):
    def is_continue_as_new_suggested(self) -> bool:
        return True

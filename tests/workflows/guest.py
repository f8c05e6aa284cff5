"""A workflow that stands for a shard. It has a module to itself, which its sandbox loads for every run."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.place_payloads import Grant


@workflow.defn(name="Guest")
class Guest:
    """Stands for a shard: it remembers what it is told."""

    def __init__(self) -> None:
        self._grants: list[Grant] = []
        self._done = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._done)

    @workflow.signal
    def granted(self, grant: Grant) -> None:
        self._grants.append(grant)

    @workflow.signal
    def end(self) -> None:
        self._done = True

    @workflow.query
    def heard(self) -> list[Grant]:
        return self._grants

"""The workflows that must never hold a version of the workers up, as workers register them that have one.

A batch and its shards are stories that end: an operator may pin them to the version they began on, and they
say nothing themselves. These move on to the current one with their next step, whatever is decided for
batches: the keeper of places and the housekeeping have no end; an event or a webhook may have to be offered
for days, and what was left at a provider be deleted for weeks. So their histories have to stay replayable.

They are the same workflows by the same names. That they move on can't be said of those themselves, since the
server refuses a step that says so of a worker without a version.
"""

from temporalio import workflow
from temporalio.common import VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from activities.event_payloads import Telling
    from activities.job_payloads import Remains
    from activities.place_payloads import PLACES, PlacesState

from workflows.cleaning import CleanUpWorkflow
from workflows.events import EventWorkflow
from workflows.housekeeping import HousekeepingWorkflow
from workflows.places import PlacesWorkflow
from workflows.webhooks import WebhookWorkflow

_MOVES_ON = VersioningBehavior.AUTO_UPGRADE


@workflow.defn(name=PLACES, versioning_behavior=_MOVES_ON)
class MovingPlaces(PlacesWorkflow):
    """The keeper of places, which goes on as new with the current version as well."""

    @workflow.run
    async def run(self, state: PlacesState | None = None) -> None:
        """See PlacesWorkflow."""
        await super().run(state)


@workflow.defn(name="Housekeeping", versioning_behavior=_MOVES_ON)
class MovingHousekeeping(HousekeepingWorkflow):
    """The housekeeping."""

    @workflow.run
    async def run(self) -> None:
        """See HousekeepingWorkflow."""
        await super().run()


@workflow.defn(name="Event", versioning_behavior=_MOVES_ON)
class MovingEvent(EventWorkflow):
    """An event on its way."""

    @workflow.run
    async def run(self, telling: Telling) -> None:
        """See EventWorkflow."""
        await super().run(telling)


@workflow.defn(name="Webhook", versioning_behavior=_MOVES_ON)
class MovingWebhook(WebhookWorkflow):
    """A delivery on its way."""

    @workflow.run
    async def run(self, delivery_id: str) -> None:
        """See WebhookWorkflow."""
        await super().run(delivery_id)


@workflow.defn(name="CleanUp", versioning_behavior=_MOVES_ON)
class MovingCleanUp(CleanUpWorkflow):
    """What is left at providers, on its way out."""

    @workflow.run
    async def run(self, remains: tuple[Remains, ...]) -> None:
        """See CleanUpWorkflow."""
        await super().run(remains)

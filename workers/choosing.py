"""Which task queues a worker works on: all, or those it is told, by kind or by name."""

from collections.abc import Mapping, Sequence

from overnight.config import Settings
from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.errors import InvalidConfig
from workflows import queues


class UnknownQueue(InvalidConfig):
    """There is no such task queue."""

    def __init__(self, name: str, settings: Settings) -> None:
        there = offered(settings)
        kinds = ", ".join(there)
        named = ", ".join(queue for kind, several in there.items() for queue in several if queue != kind)
        super().__init__(
            f"there is no queue '{name}'. There are {kinds}, each of them for all queues of its kind"
            + (f"; and in this configuration {named}" if named else "")
        )


def offered(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return every queue there is for these settings, by kind; some kinds may have none."""
    return {
        queues.BATCHES: (queues.BATCHES,),
        queues.LINES: tuple(queues.lines(each.id) for each in sent_as_lines(settings)),
        queues.PROVIDER: tuple(map(queues.provider, settings.providers)),
        queues.EVENTS: tuple(map(queues.events, settings.sinks)),
        queues.WEBHOOKS: (queues.WEBHOOKS,),
    }


def chosen(settings: Settings, names: Sequence[str] | None) -> frozenset[str]:
    """Return the queues that `names` stand for (None: all of them).

    A name is a kind (`lines`), a queue (`provider-azure`), or `lines-` with a `model_name`, for the queues of
    all its deployments. Raises UnknownQueue, listing what there is.
    """
    there = offered(settings)
    wanted = {queue for name in names or there for queue in _named(name, there, settings)}
    return frozenset(wanted)


def sent_as_lines(settings: Settings) -> tuple[Deployment, ...]:
    """Return the deployments whose lines are sent one by one; each has a queue."""
    return tuple(each for each in settings.deployments if each.lane is BatchLane.LINES)


def _named(name: str, there: Mapping[str, tuple[str, ...]], settings: Settings) -> Sequence[str]:
    if name in there:
        return there[name]
    if any(name in several for several in there.values()):
        return (name,)
    wanted = name.removeprefix(queues.lines(""))
    of_that_name = [
        each
        for each in sent_as_lines(settings)
        if name != wanted and (each.model_name == wanted or wanted in each.ids)
    ]
    if not of_that_name:
        raise UnknownQueue(name, settings)
    return [queues.lines(each.id) for each in of_that_name]

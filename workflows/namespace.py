"""Whether a namespace of Temporal's has what batches need, for those who are about to work in it."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from overnight.domain.errors import NamespaceNotReady, TemporalUnavailable
from workflows import search_attributes
from workflows.unreachable import why_unreachable

_LOOK_AGAIN = timedelta(seconds=2)

KEPT_FOR = timedelta(minutes=1)
"""A look may be a query for each attribute, in a cluster that has a bound for them."""

_LOOK_WITHIN = timedelta(seconds=4)
"""Less than readiness waits for a check, so that a server which is slow at this alone is not called away."""

_BUSY = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.DEADLINE_EXCEEDED)

_log = structlog.stdlib.get_logger(__name__)


class Namespace:
    """The namespace of a client. What was seen to be there is not asked for again for a while.

    For ever would be too long: attributes can be removed, and a database that was restored may lack them.
    """

    def __init__(self, client: Client, *, kept_for: timedelta = KEPT_FOR) -> None:
        self._client = client
        self._kept_for = kept_for.total_seconds()
        self._complete_at: float | None = None

    async def require_ready(self) -> None:
        """Raise NamespaceNotReady, naming what is missing, or TemporalUnavailable."""
        if self._complete_at is not None and _moment() - self._complete_at < self._kept_for:
            return
        if missing := await self._missing():
            self._complete_at = None
            what = f"lacks the search attributes {', '.join(missing)}: run `overnight temporal setup`"
            raise NamespaceNotReady(f"Temporal's namespace '{self._client.namespace}' {what}")
        self._complete_at = _moment()

    async def _missing(self) -> Collection[str]:
        name = self._client.namespace
        try:
            async with asyncio.timeout(_LOOK_WITHIN.total_seconds()):
                return await search_attributes.missing(self._client)
        except TimeoutError as error:
            if self._complete_at is not None:
                return ()
            raise TemporalUnavailable(f"Temporal's namespace '{name}': no answer") from error
        except RPCError as error:
            # A server that has no time to answer has not said that anything is gone, and batches go on.
            if self._complete_at is not None and error.status in _BUSY:
                return ()
            raise TemporalUnavailable(f"Temporal's namespace '{name}': {error.status.name}") from error
        except RuntimeError as error:
            raise TemporalUnavailable(f"Temporal can't be reached: {why_unreachable(error)}") from error

    async def until_ready(self) -> None:
        """Return once all is there, and say meanwhile what is not.

        A workflow that sets a search attribute that is not registered is stuck until it is.
        """
        said = ""
        while True:
            try:
                await self.require_ready()
            except TemporalUnavailable as why:
                if why.message != said:
                    said = why.message
                    _log.warning("waiting", why=said)
                await asyncio.sleep(_LOOK_AGAIN.total_seconds())
            else:
                return


def _moment() -> float:
    return asyncio.get_running_loop().time()

"""Whether a namespace of Temporal's has what batches need, for those who are about to work in it."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from overnight.domain.errors import NamespaceNotReady, TemporalUnavailable
from workflows import search_attributes
from workflows.unreachable import why_unreachable

_LOOK_AGAIN = timedelta(seconds=2)

_log = structlog.stdlib.get_logger(__name__)


class Namespace:
    """The namespace of a client. What was seen to be there once is not asked for again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._complete = False

    async def require_ready(self) -> None:
        """Raise NamespaceNotReady, naming what is missing, or TemporalUnavailable."""
        if self._complete:
            return
        name = self._client.namespace
        try:
            missing = await search_attributes.missing(self._client)
        except RPCError as error:
            raise TemporalUnavailable(f"Temporal's namespace '{name}': {error.status.name}") from error
        except RuntimeError as error:
            raise TemporalUnavailable(f"Temporal can't be reached: {why_unreachable(error)}") from error
        if missing:
            what = f"lacks the search attributes {', '.join(missing)}: run `overnight temporal setup`"
            raise NamespaceNotReady(f"Temporal's namespace '{name}' {what}")
        self._complete = True

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

"""A worker process begins once it can be of use, and not because it could not find out."""

import asyncio
from typing import Any

import pytest

from workers.process import _is_ready
from workflows import queues


class Broken:
    """A client with a defect that nobody has thought of."""

    @property
    def namespace(self) -> str:
        raise ZeroDivisionError


async def test_a_mistake_while_it_waits_for_the_namespace_does_not_make_it_begin() -> None:
    client: Any = Broken()
    with pytest.raises(ZeroDivisionError):
        await _is_ready(client, {queues.BATCHES}, asyncio.Event())

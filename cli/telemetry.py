"""What a process tells an operator's tools: set up before it starts, and sent off before it ends."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overnight.telemetry.exposition import Page, families_of, own_text
from overnight.telemetry.otlp import exporting
from overnight.telemetry.switches import read_switches

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from temporalio.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Measured:
    """The Temporal SDK's core of this process, and its page; None where nobody asks for either.

    `sent` says that metrics are sent to a collector.
    """

    runtime: "Runtime | None" = None
    page: Page | None = None
    sent: bool = False


@contextmanager
def telling(process: str, *, page_wanted: bool) -> Iterator[Measured]:
    """Have everything told that the environment asks for while the block runs.

    With `page_wanted`, or where metrics are sent, Temporal's SDK counts as well.
    """
    switches = read_switches(os.environ)
    measured = _measured(sent=switches.metrics) if page_wanted or switches.metrics else Measured()

    def families() -> "Iterable[Metric]":
        temporal = measured.page.text_now() if measured.page else None
        return families_of([own_text(), temporal or ""])

    with exporting(process, switches, environ=os.environ, families=families):
        yield measured


def _measured(*, sent: bool) -> Measured:
    from workflows.runtime import measured_runtime  # noqa: PLC0415 - client commands need no Temporal

    runtime, page = measured_runtime() or (None, None)
    return Measured(runtime, page, sent=sent)

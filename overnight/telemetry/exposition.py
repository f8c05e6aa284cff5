"""Metrics in Prometheus's text form: this process's, its Temporal SDK's, and those of a process beside it.

The SDK's core serves its own page on loopback, so that is read and made part of ours. Pages are put together
as text: to read a thousand numbers and write them again took ten times the CPU. A page that can't be read is
left out, and never keeps the others from being told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from overnight.telemetry.metrics import REGISTRY

CONTENT_TYPE = CONTENT_TYPE_LATEST
PROCESS = "process"
"""The label that says whose a sample is: the page of `serve` has those of a gateway and of a worker."""

_SECONDS = timedelta(seconds=3).total_seconds()
"""How long a page may take."""

_HELP, _TYPE = "# HELP ", "# TYPE "

_log = structlog.stdlib.get_logger(__name__)


class Page:
    """A page of metrics on this machine; `key` is the bearer that it wants."""

    def __init__(self, url: str, *, key: str | None = None) -> None:
        self._url = url
        self._headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        # Where no TLS is spoken nobody's certificates are needed, which take longer to load than the page.
        self._verified = not url.startswith("http:")

    async def text(self) -> str | None:
        """Return what the page says; None if it says nothing now."""
        # This machine itself is never asked through a proxy.
        async with httpx2.AsyncClient(timeout=_SECONDS, trust_env=False, verify=self._verified) as http:
            with _noting_unread():
                return _said(await http.get(self._url, headers=self._headers))
        return None

    def text_now(self) -> str | None:
        """Do as `text` does, in a thread that has no event loop."""
        with (
            httpx2.Client(timeout=_SECONDS, trust_env=False, verify=self._verified) as http,
            _noting_unread(),
        ):
            return _said(http.get(self._url, headers=self._headers))
        return None


def own_text() -> str:
    """Return what this process has counted itself."""
    return generate_latest(REGISTRY).decode()


def families_of(texts: Iterable[str]) -> list[Metric]:
    """Return what pages say, number by number."""
    return [family for text in texts for family in text_string_to_metric_families(text)]


def merged(pages: Mapping[str, Sequence[str]]) -> bytes:
    """Return one page of the pages of several processes, by the processes' names."""
    families: dict[str, _Family] = {}
    for process, texts in pages.items():
        for text in texts:
            _add(families, text, process)
    return "".join(family.text for family in families.values() if family.samples).encode()


@dataclass(slots=True)
class _Family:
    head: dict[str, str] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([*self.head.values(), *self.samples, ""])


def _add(families: dict[str, _Family], text: str, process: str) -> None:
    family = _Family()
    # Not `splitlines`: a label may hold what Unicode takes for the end of a line.
    for line in text.split("\n"):
        if line.startswith((_HELP, _TYPE)):
            kind, name = line[: len(_HELP)], line.split(" ", 3)[2]
            family = families.setdefault(name, _Family())
            family.head.setdefault(kind, line)
        elif line and not line.startswith("#"):
            family.samples.append(_labelled(line, process))


def _labelled(line: str, process: str) -> str:
    """Return a sample that says whose it is, if it does not yet."""
    name, brace, rest = line.partition("{")
    if not brace or " " in name:
        name, _, value = line.partition(" ")
        return f'{name}{{{PROCESS}="{process}"}} {value}'
    if rest.startswith(f'{PROCESS}="'):
        return line
    comma = "" if rest.startswith("}") else ","
    return f'{name}{{{PROCESS}="{process}"{comma}{rest}'


def _said(answer: httpx2.Response) -> str | None:
    if not answer.is_success:
        _note_unread(f"status {answer.status_code}")
        return None
    # The SDK calls one of its counters a total itself, and then adds it as to all of them.
    return answer.text.replace("_total_total", "_total")


@contextmanager
def _noting_unread() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - no page keeps the others from being told
        _note_unread(type(error).__name__)


def _note_unread(why: str) -> None:
    _log.debug("a page of metrics was not read", reason=why)

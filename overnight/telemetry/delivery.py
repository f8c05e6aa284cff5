"""Handing telemetry over, and saying in the log, once each, that it does not work and that it works again."""

from enum import Enum
from typing import Any, Protocol

import structlog

_log = structlog.stdlib.get_logger(__name__)


class Exporting(Protocol):
    """An exporter of OpenTelemetry's, of whatever signal."""

    def export(self, data: Any, /) -> Enum:  # noqa: ANN401 - spans for one, metrics for another
        """Hand it over; the result's name says whether that worked."""
        ...

    def shutdown(self) -> None:
        """Stop, in the middle of an export too."""
        ...


class Delivery:
    """An exporter that is heard of. A collector that is away costs two lines of the log and no more."""

    def __init__(self, exporter: Exporting, *, what: str) -> None:
        self._exporter = exporter
        self._what = what
        self._failing = False

    def export(self, data: Any, /) -> Enum:  # noqa: ANN401 - see Exporting
        """Hand it over, and note how that went. Raises what the exporter raises."""
        try:
            result = self._exporter.export(data)
        except Exception:
            # A certificate that is not there, say. Whoever sends goes on with what comes next.
            self._note(failed=True)
            raise
        self._note(failed=result.name != "SUCCESS")
        return result

    def shutdown(self, **_: object) -> None:
        """Stop."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002 - the exporters' signature
        """Do nothing: nothing is held back here."""
        return True

    def _note(self, *, failed: bool) -> None:
        if failed and not self._failing:
            # Neither address nor reason: the one may hold a password, and the other quotes it.
            _log.warning("telemetry can't be delivered", what=self._what)
        elif self._failing and not failed:
            _log.info("telemetry is delivered again", what=self._what)
        self._failing = failed

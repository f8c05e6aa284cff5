"""What is not well goes to the log when it begins and when it ends, however often somebody asks meanwhile."""

import structlog

WELL = "ok"

_log = structlog.stdlib.get_logger(__name__)


class Changes:
    """How parts were said to be last, by their names. All are well until something else is said."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def note(self, part: str, state: str) -> None:
        """Write a line if that is news."""
        before, self._said[part] = self._said.get(part, WELL), state
        if state == before:
            return
        if state == WELL:
            _log.info("well again", part=part)
        else:
            _log.warning("not well", part=part, why=state)

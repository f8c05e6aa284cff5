"""Times as Google's JSON has them: RFC 3339 in UTC, with no, three, six or nine digits after the second."""

from __future__ import annotations

from datetime import UTC, datetime

_NANOS = 1_000_000_000
_GROUP = 3


def moment(seconds: float) -> str:
    """Return Unix seconds with as many digits as they need: `2024-10-16T19:33:59.153782123Z`."""
    whole, nanos = divmod(int(seconds * _NANOS), _NANOS)
    digits = f"{nanos:09}"
    while digits.endswith("0" * _GROUP):
        digits = digits[:-_GROUP]
    return f"{_second(whole)}{'.' if digits else ''}{digits}Z"


def microseconds(seconds: float) -> str:
    """Return Unix seconds with six digits after the second, as the folders of results have them."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def milliseconds(seconds: float) -> str:
    """Return Unix seconds as rows have them: three digits, and the zone in numbers."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _second(whole: int) -> str:
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}"

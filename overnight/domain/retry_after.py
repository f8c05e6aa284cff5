"""When somebody who was asked says to come back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_NOTHING = timedelta(0)


def read_retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Read `retry-after-ms`, which OpenAI and Azure send, or `Retry-After`: seconds or an HTTP date.

    None if there is neither, or if it makes no sense, or is over already.
    """
    said = headers.get("retry-after", "")
    pause = _number(headers.get("retry-after-ms", ""), unit=timedelta(milliseconds=1))
    pause = pause or _number(said, unit=timedelta(seconds=1)) or _until(said, now)
    return pause if pause > _NOTHING else None


def _number(said: str, *, unit: timedelta) -> timedelta:
    try:
        return float(said) * unit
    except (ValueError, OverflowError):
        return _NOTHING


def _until(http_date: str, now: datetime) -> timedelta:
    try:
        moment = parsedate_to_datetime(http_date)
        return moment.replace(tzinfo=moment.tzinfo or UTC) - now
    except (ValueError, OverflowError):
        return _NOTHING

"""The ways somebody says when to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from overnight.domain.retry_after import read_retry_after

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "20"}, timedelta(seconds=20)),
        ({"retry-after": "0.5"}, timedelta(seconds=0.5)),
        ({"retry-after-ms": "1500", "retry-after": "2"}, timedelta(seconds=1.5)),
        ({"retry-after-ms": "soon", "retry-after": "2"}, timedelta(seconds=2)),
    ],
)
def test_seconds_and_milliseconds_are_read(headers: dict[str, str], pause: timedelta) -> None:
    assert read_retry_after(headers, now=NOW) == pause


def test_a_date_is_how_far_off_it_is() -> None:
    said = format_datetime(NOW + timedelta(hours=2), usegmt=True)
    assert read_retry_after({"retry-after": said}, now=NOW) == timedelta(hours=2)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "soon",
        "0",
        "-5",
        "nan",
        "inf",
        "1e300",
        "9" * 5_000,
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "Wed, 21 Oct 2048 07:28:00 +99999999999",
    ],
)
def test_what_makes_no_sense_is_nothing(said: str) -> None:
    assert read_retry_after({"retry-after": said}, now=NOW) is None
    assert read_retry_after({}, now=NOW) is None

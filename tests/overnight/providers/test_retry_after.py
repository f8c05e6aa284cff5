"""The ways a provider says when to come back."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from overnight.providers.retry_after import read_retry_after


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
    assert read_retry_after(headers) == pause


def test_a_date_is_how_far_off_it_is() -> None:
    then = datetime.now(UTC) + timedelta(hours=2)
    pause = read_retry_after({"retry-after": format_datetime(then, usegmt=True)})
    assert pause is not None
    assert timedelta(hours=1) < pause <= timedelta(hours=2)


@pytest.mark.parametrize(
    "said", ["", "soon", "0", "-5", "nan", "inf", "1e300", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_what_makes_no_sense_is_nothing(said: str) -> None:
    assert read_retry_after({"retry-after": said}) is None
    assert read_retry_after({}) is None

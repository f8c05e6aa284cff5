"""A receiver that hangs leaves room for the others."""

from contextlib import ExitStack

import pytest

from overnight.domain.errors import WebhookNotTaken
from overnight.webhooks.crowd import AT_ONCE, AT_ONCE_SILENT, COME_AGAIN, MOST_SILENT, Crowd


def fill(crowd: Crowd, endpoint: str, *, stack: ExitStack) -> int:
    """Take all places that there are, and say how many those were."""
    taken = 0
    while True:
        try:
            stack.enter_context(crowd.place(endpoint))
        except WebhookNotTaken:
            return taken
        taken += 1


def test_an_endpoint_has_so_many_places_and_takes_none_of_anothers() -> None:
    crowd = Crowd()
    with ExitStack() as stack:
        assert fill(crowd, "we_1", stack=stack) == AT_ONCE
        assert fill(crowd, "we_2", stack=stack) == AT_ONCE
    with ExitStack() as stack:
        assert fill(crowd, "we_1", stack=stack) == AT_ONCE


def test_one_that_was_waited_for_in_vain_has_few_until_it_answers() -> None:
    crowd = Crowd()
    crowd.heard("we_1", answered=False)
    with ExitStack() as stack:
        assert fill(crowd, "we_1", stack=stack) == AT_ONCE_SILENT
    crowd.heard("we_1", answered=True)
    with ExitStack() as stack:
        assert fill(crowd, "we_1", stack=stack) == AT_ONCE


def test_those_that_were_silent_longest_ago_are_forgotten_once_there_are_too_many() -> None:
    crowd = Crowd()
    for number in range(MOST_SILENT + 1):
        crowd.heard(f"we_{number}", answered=False)
    with ExitStack() as stack:
        assert fill(crowd, "we_0", stack=stack) == AT_ONCE
        assert fill(crowd, "we_1", stack=stack) == AT_ONCE_SILENT


def test_whoever_finds_no_place_comes_again_in_a_minute_or_two() -> None:
    crowd = Crowd()
    with ExitStack() as stack:
        fill(crowd, "we_1", stack=stack)
        with pytest.raises(WebhookNotTaken) as full, crowd.place("we_1"):
            pass
    assert COME_AGAIN <= full.value.retry_after <= 2 * COME_AGAIN


def test_a_place_is_free_again_after_a_failure() -> None:
    crowd = Crowd()
    for _ in range(AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError), crowd.place("we_1"):
            raise ZeroDivisionError

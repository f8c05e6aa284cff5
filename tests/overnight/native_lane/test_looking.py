"""When a job is looked at again, and when it is worth a word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overnight.domain.usage import Counts
from overnight.native_lane import Watch, next_look
from overnight.native_lane.looking import JITTER, STILL_AFTER

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST, LONGEST = timedelta(seconds=5), timedelta(seconds=60)
NOTHING = Counts()
STILL = Watch(done=0, moved_at=NOON)


def look(
    *,
    attempt: int = 1,
    watch: Watch = STILL,
    counts: Counts = NOTHING,
    longest: timedelta = LONGEST,
    at: datetime = NOON,
    chance: float = 0.0,
) -> timedelta:
    return next_look(
        attempt=attempt, watch=watch, counts=counts, initial=FIRST, longest=longest, at=at, chance=chance
    )


def test_looks_grow_apart_up_to_a_bound_that_even_a_year_of_them_does_not_pass() -> None:
    pauses = [look(attempt=attempt) for attempt in (*range(1, 20), 10**9)]
    assert pauses[0] == FIRST
    assert pauses == sorted(pauses)
    assert pauses[1] > FIRST
    assert set(pauses[10:]) == {LONGEST}


def test_jitter_only_ever_lengthens_so_that_the_longest_pause_bounds_the_calls() -> None:
    assert look(chance=0) < look(chance=0.5) < look(chance=0.999999) <= FIRST * (1 + JITTER)
    assert min(look(attempt=50, chance=chance) for chance in (0.0, 0.5, 0.999999)) == LONGEST


def test_near_the_end_looks_are_close_together_again() -> None:
    watch = Watch(done=900, moved_at=NOON, lines_a_second=5)
    assert look(attempt=50, watch=watch, counts=Counts(1_000, 900, 0)) == timedelta(seconds=10)
    assert look(attempt=50, watch=watch, counts=Counts(1_000, 999, 0)) == FIRST
    assert look(attempt=50, watch=watch, counts=Counts(10_000, 900, 0)) == LONGEST


@pytest.mark.parametrize("counts", [Counts(10, 10, 0), Counts(10, 11, 5), Counts(10, 0, 30)])
def test_a_job_with_nothing_left_is_looked_at_soon(counts: Counts) -> None:
    watch = Watch(done=counts.done, moved_at=NOON, lines_a_second=0.001)
    assert look(attempt=50, watch=watch, counts=counts) == FIRST


def test_a_job_that_counts_nothing_is_looked_at_seldom() -> None:
    assert look(attempt=50, watch=replace(STILL, lines_a_second=5), counts=Counts()) == LONGEST


def test_a_job_that_is_stuck_near_its_end_is_soon_looked_at_seldom() -> None:
    watch = Watch(done=999, moved_at=NOON, lines_a_second=5)
    pauses = [
        look(attempt=50, watch=watch, counts=Counts(1_000, 999, 0), at=NOON + timedelta(seconds=seconds))
        for seconds in (1, 60, 600)
    ]
    assert pauses == [FIRST, timedelta(seconds=30), LONGEST]


def test_no_look_is_later_than_the_longest_even_if_the_first_would_be() -> None:
    short = timedelta(seconds=1)
    assert look(longest=short) == short
    watch = Watch(done=9, moved_at=NOON, lines_a_second=5)
    assert look(watch=watch, counts=Counts(10, 9, 0), longest=short) == short


def test_the_speed_is_that_of_the_last_move() -> None:
    watch = STILL.look(Counts(100, 20, 0), at=NOON + timedelta(seconds=10))
    assert (watch.done, watch.lines_a_second) == (20, 2.0)
    later = watch.look(Counts(100, 20, 0), at=NOON + timedelta(seconds=50))
    assert later == watch
    watch = watch.look(Counts(100, 20, 10), at=NOON + timedelta(seconds=20))
    assert (watch.done, watch.lines_a_second) == (30, 1.0)


def test_counts_that_fall_or_clocks_that_stand_are_no_speed() -> None:
    fallen = Watch(done=50, moved_at=NOON).look(Counts(100, 20, 0), at=NOON + timedelta(seconds=10))
    assert (fallen.done, fallen.lines_a_second) == (20, 0.0)
    for at in (NOON, NOON - timedelta(seconds=5)):
        assert STILL.look(Counts(100, 20, 0), at=at).lines_a_second == 0.0


def test_a_job_that_has_not_moved_for_hours_is_worth_a_word_until_it_moves() -> None:
    counts = Counts(1_000, 7, 0)
    watch = Watch(done=7, moved_at=NOON)
    assert watch.stillness(counts, at=NOON + STILL_AFTER - timedelta(seconds=1)) is None
    said = watch.stillness(counts, at=NOON + timedelta(hours=7, minutes=50))
    assert said == "its job has not moved for 7 hours, at 7 of 1,000 lines"
    moved = watch.look(Counts(1_000, 8, 0), at=NOON + timedelta(hours=8))
    assert moved.stillness(counts, at=NOON + timedelta(hours=9)) is None

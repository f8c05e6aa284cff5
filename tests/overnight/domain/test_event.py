"""Events: what is known of a batch at the time, and nothing that came later."""

from dataclasses import replace
from decimal import Decimal

from overnight.domain.event import Durations, EventType, Occurrence, event_of, event_on_entering, step_of
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from tests.overnight.events.happenings import COMPLETED, ENDED, cancelled, event, failure


def test_the_last_event_says_what_the_row_says() -> None:
    told = event()
    assert (told.status, told.counts, told.usage) == (BatchStatus.COMPLETED, Counts(3, 2, 1), COMPLETED.usage)
    assert (told.response_cost, told.tokens) == (Decimal("0.0001275"), 150)
    assert (told.output_file_id, told.error_file_id) == ("file-out", "file-err")


def test_an_earlier_event_knows_nothing_of_the_end_even_when_it_is_told_late() -> None:
    told = event(EventType.SUBMITTED)
    assert told.status is BatchStatus.IN_PROGRESS
    assert (told.usage, told.response_cost, told.costs, told.output_file_id) == (None,) * 4
    assert told.durations.total is None
    assert told.counts == Counts(3)
    assert told.durations == Durations(validating=90.0)


def test_the_durations_of_the_stages_add_up_to_the_whole() -> None:
    spent = event().durations
    assert spent == Durations(validating=90.0, in_progress=10_800.0, finalizing=30.0, total=10_920.0)
    spent = cancelled().durations
    assert spent == Durations(validating=90.0, in_progress=10_800.0, cancelling=30.0, total=10_920.0)


def test_a_failure_says_why_by_its_code_and_not_in_words() -> None:
    told = failure()
    assert (told.error_code, told.errors, told.usage) == ("model_not_found", 3, None)


def test_an_event_of_a_batch_that_was_tried_again_since_takes_nothing_from_its_new_row() -> None:
    told = event(EventType.FAILED, COMPLETED)
    assert (told.status, told.usage, told.response_cost, told.output_file_id) == (
        BatchStatus.FAILED,
        None,
        None,
        None,
    )


def test_the_id_is_the_same_however_often_an_event_is_told_and_another_for_every_other() -> None:
    assert event().id == event(batch=replace(COMPLETED, revision=9)).id
    kinds = {Occurrence(batch_id="batch_1", type=kind, at=ENDED).event_id for kind in EventType}
    steps = {
        Occurrence(batch_id="batch_1", type=EventType.PROGRESS, at=ENDED, step=step).event_id
        for step in (1, 2, 3)
    }
    other = Occurrence(batch_id="batch_2", type=EventType.SUCCESS, at=ENDED).event_id
    assert len(kinds | steps | {other}) == len(EventType) + 4


def test_entering_a_status_is_an_event_or_none() -> None:
    assert {status: event_on_entering(status) for status in BatchStatus if event_on_entering(status)} == {
        BatchStatus.IN_PROGRESS: EventType.SUBMITTED,
        BatchStatus.COMPLETED: EventType.SUCCESS,
        BatchStatus.FAILED: EventType.FAILED,
        BatchStatus.EXPIRED: EventType.EXPIRED,
        BatchStatus.CANCELLED: EventType.CANCELLED,
    }


def test_progress_is_counted_in_quarters_of_all_lines_whatever_became_of_them() -> None:
    assert [step_of(Counts(8, done, 0)) for done in (0, 1, 2, 5, 8)] == [0, 0, 1, 2, 4]
    assert step_of(Counts(8, 1, 3)) == 2
    assert step_of(Counts()) == 0


def test_an_event_is_what_the_row_says_of_its_own_batch() -> None:
    occurrence = Occurrence(batch_id="batch_1", type=EventType.SUCCESS, at=ENDED)
    assert event_of(occurrence, COMPLETED, provider=None).provider is None

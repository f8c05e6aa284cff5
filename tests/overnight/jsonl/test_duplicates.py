"""Duplicates among more ids than are kept in memory."""

from pathlib import Path

from overnight.jsonl.duplicates import DuplicateFinder, IdUse

SLAB = 10_000


def finder_of(ids: list[str | None], scratch: Path) -> DuplicateFinder:
    finder = DuplicateFinder(scratch)
    for start in range(0, len(ids), SLAB):
        finder.add(start + 1, ids[start : start + SLAB])
    return finder


def test_unique_ids_have_no_repeats(tmp_path: Path) -> None:
    assert list(finder_of([f"id-{n}" for n in range(600_000)], tmp_path).repeats()) == []


def test_repeats_far_apart_are_found_in_line_order(tmp_path: Path) -> None:
    ids: list[str | None] = [f"id-{n}" for n in range(1_200_000)]
    # So many ids that some share the flag of a repeated one: they are looked at, and not reported.
    again = range(600_000, 1_200_000, 1_201)
    for place in again:
        ids[place] = f"id-{place - 600_000}"
    found = list(finder_of(ids, tmp_path).repeats())
    assert found == [IdUse(place + 1, f"id-{place - 600_000}") for place in again]


def test_one_id_on_every_line_is_repeated_on_all_but_the_first(tmp_path: Path) -> None:
    found = finder_of(["same"] * 30_000, tmp_path).repeats()
    assert [use.line for use in found] == list(range(2, 30_001))


def test_lines_without_an_id_repeat_nothing(tmp_path: Path) -> None:
    assert list(finder_of([None, "a", None, "b", None, "a"], tmp_path).repeats()) == [IdUse(6, "a")]

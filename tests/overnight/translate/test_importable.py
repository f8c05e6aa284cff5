"""What Vertex AI's import takes: our check and the table of its complaints agree, whatever the value."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.domain.errors import Untranslatable
from overnight.translate.importable import MAX_DEPTH, Columns, require_importable, without_nothing
from tests.overnight.translate.fuzzing import PATIENT
from tests.overnight.translate.importing import Complaint, ImportTable

NAMES = st.sampled_from(["a", "A", "b_1", "_x", "user-id", "größe", "$ref", "9", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.sampled_from(["", "x", "9"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


def is_importable(value: dict[str, Any], *, depth: int) -> bool:
    try:
        require_importable(value, depth=depth, param="p")
    except Untranslatable:
        return False
    return True


def fits(row: dict[str, Any]) -> bool:
    try:
        ImportTable().add(row)
    except Complaint:
        return False
    return True


@settings(PATIENT, max_examples=200)
@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_passes_our_check_fits_into_the_table(value: dict[str, Any]) -> None:
    if is_importable(value, depth=1):
        assert fits({"it": value})


@settings(PATIENT, max_examples=200)
@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_fits_into_the_table_passes_our_check(value: dict[str, Any]) -> None:
    if fits({"it": value}):
        assert is_importable(value, depth=1)


@PATIENT
@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_is_left_without_nothing_has_neither_nulls_nor_empty_objects(value: dict[str, Any]) -> None:
    kept = without_nothing(value)
    assert without_nothing(kept) == kept
    assert all(field is not None and field != {} for field in kept.values())


def test_a_place_has_one_kind_of_value_in_all_that_was_taken_in() -> None:
    columns = Columns()
    columns.require({"id": 5, "of": None}, depth=1, param="first")
    columns.require({"id": 0.5, "of": "x"}, depth=1, param="second")
    with pytest.raises(Untranslatable, match="text in another") as refused:
        columns.require({"id": "five"}, depth=1, param="third")
    assert refused.value.param == "third"


@pytest.mark.parametrize("levels", range(1, 20))
def test_as_many_objects_may_be_in_one_another_as_the_table_takes(levels: int) -> None:
    value: dict[str, Any] = {"a": 1}
    for _ in range(levels - 1):
        value = {"a": value}
    assert is_importable(value, depth=1) == fits({"it": value}) == (levels <= MAX_DEPTH)

"""Every token is of exactly one kind, whatever a provider reports."""

from dataclasses import astuple, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.domain.usage import TokenKind, Usage

COUNTS = st.integers(min_value=0, max_value=2**53)
ANY_USAGE = st.builds(Usage, **{each.name: COUNTS for each in fields(Usage)})
READ = {kind for kind in TokenKind if not kind.startswith(("output", "reasoning"))}


@given(ANY_USAGE)
def test_kinds_add_up_to_the_whole_even_where_parts_exceed_it(usage: Usage) -> None:
    kinds = usage.by_kind()
    assert sum(kinds.values()) == usage.total
    assert sum(count for kind, count in kinds.items() if kind in READ) == usage.input
    assert all(count > 0 for count in kinds.values())


@given(ANY_USAGE)
def test_no_kind_has_more_than_was_reported_of_it(usage: Usage) -> None:
    kinds = usage.by_kind()
    read = {TokenKind.CACHED, TokenKind.CACHED_AUDIO, TokenKind.CACHED_IMAGE}
    told = max(usage.cached, usage.cached_audio + usage.cached_image)
    assert sum(kinds.get(kind, 0) for kind in read) <= told
    written = {TokenKind.CACHE_WRITTEN, TokenKind.CACHE_WRITTEN_1H}
    assert sum(kinds.get(kind, 0) for kind in written) <= max(usage.cache_written, usage.cache_written_1h)
    assert kinds.get(TokenKind.REASONING, 0) <= usage.reasoning
    assert kinds.get(TokenKind.OUTPUT_AUDIO, 0) <= usage.output_audio


@pytest.mark.parametrize(
    ("usage", "kinds"),
    [
        (Usage(), {}),
        (Usage(input=10, output=4), {"input": 10, "output": 4}),
        (
            Usage(input=100, cached=40, output=30, reasoning=20),
            {"cached": 40, "input": 60, "reasoning": 20, "output": 10},
        ),
        # What was read from the cache is audio in part, and what was heard was cached in part.
        (
            Usage(input=100, cached=40, input_audio=50, cached_audio=30),
            {"cached_audio": 30, "cached": 10, "input_audio": 20, "input": 40},
        ),
        (
            Usage(input=100, cached=40, input_image=50, cached_image=30),
            {"cached_image": 30, "cached": 10, "input_image": 20, "input": 40},
        ),
        (
            Usage(input=100, cache_written=60, cache_written_1h=25),
            {"cache_written_1h": 25, "cache_written": 35, "input": 40},
        ),
        (
            Usage(output=90, output_audio=20, output_image=30, output_video=5, reasoning=15),
            {"output_audio": 20, "output_image": 30, "output_video": 5, "reasoning": 15, "output": 20},
        ),
        # The cheaper part is cut off first, since a part that exceeds its whole is told wrongly.
        (Usage(input=5, cached=9), {"cached": 5}),
        (Usage(input=5, cached=3, cache_written=9), {"cached": 3, "cache_written": 2}),
        (Usage(output=5, reasoning=9), {"reasoning": 5}),
    ],
)
def test_a_usage_is_cut_into_kinds(usage: Usage, kinds: dict[str, int]) -> None:
    assert usage.by_kind() == kinds


@given(ANY_USAGE, ANY_USAGE)
def test_usages_are_added_field_by_field(one: Usage, other: Usage) -> None:
    both = one + other
    assert astuple(both) == tuple(a + b for a, b in zip(astuple(one), astuple(other), strict=True))
    assert one + Usage() == one

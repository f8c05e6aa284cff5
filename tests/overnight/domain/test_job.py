"""Jobs and their tags: no tag can be taken for another's, and only want of room is want of room."""

from itertools import product

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.job import TOKEN_LIMIT, Job, Tag
from overnight.domain.status import BatchStatus
from overnight.providers.shapes import tag_in_filename

FILE, OTHER_FILE = "file-0123456789abcdef", "file-0123456789abcdee"
TAGS = [
    Tag(batch, file, shard, number)
    for batch, file, shard, number in product(
        ("batch_1", "batch_11", "batch_1.x"), (FILE, OTHER_FILE), (0, 1, 10, 10_000, 100_000), (1, 2, 11, 111)
    )
]


def test_every_job_has_a_tag_and_a_filename_of_its_own() -> None:
    assert len({str(tag) for tag in TAGS}) == len(TAGS)
    assert len({tag.filename for tag in TAGS}) == len(TAGS)


def test_the_tags_of_a_shard_begin_alike_and_no_others_do() -> None:
    for mine, other in product(TAGS, TAGS):
        same = (mine.batch_id, mine.input_file_id, mine.shard) == (
            other.batch_id,
            other.input_file_id,
            other.shard,
        )
        assert str(other).startswith(mine.of_shard) is same


def test_the_number_is_told_of_jobs_of_the_same_shard_alone() -> None:
    mine = Tag("batch_1", FILE, 3, 1)
    assert mine.number_of(str(Tag("batch_1", FILE, 3, 12))) == 12
    others = (
        str(Tag("batch_1", FILE, 31, 2)),
        str(Tag("batch_1", OTHER_FILE, 3, 2)),
        mine.of_shard,
        "",
        None,
    )
    assert [mine.number_of(other) for other in others] == [None] * len(others)


def test_two_batches_of_one_id_are_told_apart_by_their_input() -> None:
    # An id that comes of an idempotency key is the same at two installations which share an account.
    assert str(Tag("batch_1", FILE, 0, 1)) != str(Tag("batch_1", OTHER_FILE, 0, 1))


@pytest.mark.parametrize("tag", TAGS, ids=str)
def test_a_tag_is_known_again_by_its_filename(tag: Tag) -> None:
    assert tag_in_filename(tag.filename) == str(tag)


def test_a_tag_fits_where_providers_keep_it() -> None:
    # OpenAI takes values of 512 characters in a job's metadata, and file systems 255 bytes in a name.
    longest = Tag("batch_" + "f" * 32, "file-" + "f" * 32, 99_999, 9_999)
    assert len(longest.filename) < 255


@pytest.mark.parametrize(
    ("status", "codes", "met"),
    [
        (BatchStatus.FAILED, (TOKEN_LIMIT,), True),
        (BatchStatus.FAILED, ("invalid_json_line", TOKEN_LIMIT), True),
        (BatchStatus.FAILED, ("invalid_json_line",), False),
        (BatchStatus.FAILED, (), False),
        (BatchStatus.COMPLETED, (TOKEN_LIMIT,), False),
        (BatchStatus.VALIDATING, (TOKEN_LIMIT,), False),
    ],
)
def test_a_job_met_the_token_limit_only_if_it_failed_and_says_so(
    status: BatchStatus, codes: tuple[str, ...], met: object
) -> None:
    errors = tuple(BatchError(code=code, message="so it is") for code in codes)
    assert Job(id="b", status=status, errors=errors).met_token_limit is met

"""What is refused at the upload already, and what is left for the validation."""

import pytest

from overnight.domain.errors import InvalidRequest
from overnight.jsonl import UploadCheck

BLOCK_SIZES = [1, 3, 10**7]
BOM = b"\xef\xbb\xbf"


def check(content: bytes, size: int) -> None:
    upload = UploadCheck()
    for start in range(0, len(content), size):
        upload.feed(content[start : start + size])
    upload.finish()


@pytest.mark.parametrize("size", BLOCK_SIZES)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \r\n\n", "the file is empty"),
        (BOM + b'{"a":1}\n', "byte order mark"),
        (BOM, "byte order mark"),
        (BOM[:2], "not a JSON object"),
        (b"hello\n", "not a JSON object"),
        (b"[1]\n{}", "not a JSON object"),
        (b"[\n{}\n]", "not a JSON object"),
        (b"{\n}\n", "not a JSON object"),
        (b'{"a":1', "not a JSON object"),
        (b'{"a":1} {"b":2}\n', "not a JSON object"),
        (b"PK\x03\x04zip", "not a JSON object"),
        (b'{"a":"\x00"}\n', "not a JSON object"),
    ],
)
def test_what_is_not_jsonl_is_refused(content: bytes, reason: str, size: int) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^Invalid file format for Batch API\. Must be \.jsonl"
    ) as caught:
        check(content, size)
    assert reason in caught.value.message
    assert caught.value.param is None
    assert caught.value.code is None


@pytest.mark.parametrize("size", BLOCK_SIZES)
@pytest.mark.parametrize(
    "content",
    [b'{"a":1}', b'{"a":1}\n', b'{"a":1}\r\n', b'\n  \r\n {"a":1}\n', b'{"a":1}\nnot json\n', b"{}\n\n[]"],
)
def test_a_first_line_that_is_an_object_passes(content: bytes, size: int) -> None:
    check(content, size)


def test_a_foreign_file_is_refused_before_its_first_line_ends() -> None:
    with pytest.raises(InvalidRequest):
        UploadCheck().feed(b"%PDF-1.7 and no newline for long")


def test_a_very_long_first_line_is_left_for_the_validation() -> None:
    check(b'{"a":"' + b"x" * 3 * 2**20, 65_536)

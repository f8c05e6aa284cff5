"""Result files in all the shapes there are, cut into blocks anywhere."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from overnight.domain.errors import ResultsCut
from overnight.providers import LineFault, Result
from overnight.providers.result_lines import read_results


async def blocks(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(data: bytes, *, block: int = 7) -> list[Result]:
    return [result async for result in read_results(blocks(data, block))]


async def read_one(line: bytes) -> Result:
    [result] = await read(line)
    return result


def message_in(result: Result) -> str:
    return str(msgspec.json.decode(result.body)["error"]["message"])


async def test_an_answer_keeps_its_bytes() -> None:
    answer = b'{"status_code":200,"request_id":"q","body":{"n": 1.50 }}'
    line = b'{"id":"r","custom_id":"a","response":%b,"error":null}' % answer
    expected = Result(key="a", id="r", status=200, request_id="q", body=b'{"n": 1.50 }')
    for block in (1, 7, 1_000):
        assert await read(line + b"\n", block=block) == [expected]


async def test_the_last_line_needs_no_newline_and_others_may_have_a_return() -> None:
    line = b'{"custom_id":"%d","response":{"status_code":200,"body":{}}}'
    data = b"\xef\xbb\xbf" + line % 1 + b"\r\n\r\n\n" + line % 2
    assert [result.key for result in await read(data)] == ["1", "2"]


async def test_a_body_of_several_lines_becomes_one() -> None:
    result = await read_one(b'{"custom_id":"a","response":{"status_code":200,"body":{\r "n":\r1}}}')
    assert result.body == b'{"n":1}'


async def test_an_error_may_be_an_object_or_a_text() -> None:
    line = b'{"custom_id":"a","response":null,"error":%b}'
    as_object = await read_one(line % b'{"code":"batch_expired","message":"Too late."}')
    assert as_object.fault == LineFault(code="batch_expired", message="Too late.")
    as_text = await read_one(line % b'"Too late."')
    assert as_text.fault == LineFault(code="provider_error", message="Too late.")
    as_number = await read_one(line % b'{"code":504}')
    assert as_number.fault == LineFault(code="504", message="The provider does not say why.")
    assert (await read_one(line % b"[1]")).fault is not None


async def test_a_failure_without_a_body_gets_one_from_its_error() -> None:
    result = await read_one(b'{"custom_id":"a","response":{"status_code":400,"body":null},"error":"Bad."}')
    assert (result.status, result.fault, message_in(result)) == (400, None, "Bad.")


async def test_a_failure_whose_body_is_a_text_keeps_the_text() -> None:
    result = await read_one(b'{"custom_id":"a","response":{"status_code":"429","body":"Slow down."}}')
    assert (result.status, message_in(result)) == (429, "Slow down.")


async def test_a_success_with_nothing_in_it_is_no_answer() -> None:
    line = b'{"custom_id":"a","response":{"status_code":%b,"request_id":"","body":%b}}'
    for body in (b"null", b'""', b"[]"):
        assert await read_one(line % (b"200", body)) == Result(key="a", status=200)
    assert await read_one(line % (b"0", b"null")) == Result(key="a")
    assert await read_one(b'{"custom_id":"a","response":null,"error":null}') == Result(key="a")


async def test_a_success_with_an_error_and_no_body_is_a_fault() -> None:
    result = await read_one(b'{"custom_id":"a","response":{"status_code":200,"body":null},"error":"Lost."}')
    assert result.fault == LineFault(code="provider_error", message="Lost.")


async def test_lines_that_can_t_be_read_are_lost_and_the_others_are_not() -> None:
    good = b'{"custom_id":"a","response":{"status_code":200,"body":{}}}\n'
    for bad in (b"no json\n", b"[]\n", b'{"custom_id":null}\n', b'{"response":{}}\n', b"[" * 9_999 + b"\n"):
        assert [result.key for result in await read(bad + good, block=500)] == ["a"]


async def test_bytes_that_are_no_text_are_replaced() -> None:
    result = await read_one(b'{"custom_id":"a","response":{"status_code":200,"body":{"t":"\xff"}}}\n')
    assert result.body.decode() == '{"t":"\ufffd"}'


async def test_a_file_that_stops_in_mid_line_is_not_taken_for_whole() -> None:
    good = b'{"custom_id":"a","response":{"status_code":200,"body":{}}}\n'
    found: list[Result] = []
    with pytest.raises(ResultsCut):
        found.extend([result async for result in read_results(blocks(good + good[:30], 7))])
    assert await read(b"") == []
    assert await read(b"\n") == []

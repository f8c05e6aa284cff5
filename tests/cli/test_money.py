"""The commands about money, against a gateway that answers over real HTTP."""

import asyncio
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest

from api.cost_schemas import CostObject
from cli import client
from overnight.domain.file import BatchFileKind
from overnight.domain.layout import receipt_key
from overnight.domain.plan import MAX_LINE_BYTES
from overnight.domain.price import Quote
from tests.cli.conftest import Overnight, StubGateway
from tests.overnight.receipts.batches import (
    BATCH,
    SHARD,
    Ran,
    answered,
    failed,
    quoting,
    requests,
)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE", client.FIRST_PAUSE / 100)


def deliver(gateway: StubGateway, *quotes: Quote, said: str = "") -> None:
    """Have the gateway's batch be one of three lines, of which the last failed.

    The input has blank lines and carriage returns, as people's files have. `said` is in the first answer.
    """
    asyncio.run(_deliver(gateway, *quotes, said=said))


async def _deliver(gateway: StubGateway, *quotes: Quote, said: str) -> None:
    asked = b"\n" + requests(3, newline=b"\r\n") + b" \r\n"
    ran = await Ran().of(asked)
    first = answered(0, "r-0", tokens=(3, 2), said=said)
    await ran.keep([first, answered(1, "r-1"), failed(2, "r-2")])
    sealed = await ran.seal()
    account = await ran.charge(quotes or (quoting(),))
    gateway.receipt = await ran.content(receipt_key(BATCH, SHARD, attempt="0010", charged=True))
    gateway.files = {
        "file-in": asked,
        "file-out": b"\n".join(await ran.lines(BatchFileKind.OUTPUT)) + b"\n",
        "file-err": b"\n".join(await ran.lines(BatchFileKind.ERROR)) + b"\n",
    }
    counts = sealed.counts
    gateway.batch |= {
        "status": "completed",
        "output_file_id": "file-out",
        "error_file_id": "file-err",
        "request_counts": {"total": counts.total, "completed": counts.completed, "failed": counts.failed},
        "overnight": {"cost": CostObject.of(account).model_dump(mode="json")},
    }


def test_a_batch_that_adds_up_is_told_in_a_line(overnight: Overnight, gateway: StubGateway) -> None:
    deliver(gateway)
    out, err = overnight("verify", "batch_1")
    assert out == "batch_1 adds up: 3 requests, $0.800000000000000063\n"
    assert err == ""


def test_an_answer_that_is_longer_than_any_request_may_be_adds_up(
    overnight: Overnight, gateway: StubGateway
) -> None:
    deliver(gateway, said="x" * (MAX_LINE_BYTES + 1))
    out, err = overnight("verify", "batch_1")
    assert (out.partition(":")[0], err) == ("batch_1 adds up", "")


def test_what_has_no_price_is_told_beside_the_rest(overnight: Overnight, gateway: StubGateway) -> None:
    deliver(gateway, quoting(None, reason="nobody knows it"))
    out, _ = overnight("verify", "batch_1")
    assert out == "batch_1 adds up: 3 requests, $0, and 2 answers have no price\n"


def test_a_batch_that_does_not_add_up_is_told_line_by_line(
    overnight: Overnight, gateway: StubGateway
) -> None:
    deliver(gateway)
    gateway.files["file-out"] = gateway.files["file-out"].replace(b'"index": 0', b'"index": 1')
    gateway.files["file-err"] = b""
    out, err = overnight("verify", "batch_1", code=1)
    assert out == ""
    assert err.splitlines() == [
        "  line 1: its line in the output file is not as it was delivered",
        "  line 2: its line in the output file is not as it was delivered",
        "  line 3: it is in the receipt and not in the error file",
        "batch_1 does not add up: 3 differences",
    ]


def test_a_price_that_was_changed_is_noticed(overnight: Overnight, gateway: StubGateway) -> None:
    deliver(gateway)
    (price,) = gateway.batch["overnight"]["cost"]["prices"]
    price["rates"][0]["usd_per_token"]["cached"] = "0.1"
    _, err = overnight("verify", "batch_1", code=1)
    assert f"{price['id']} is another price" in err


def test_of_many_differences_some_are_shown_and_all_are_counted(
    overnight: Overnight, gateway: StubGateway
) -> None:
    deliver(gateway)
    line = gateway.receipt.splitlines()[0] + b"\n"
    gateway.receipt += line * 30
    _, err = overnight("verify", "batch_1", code=1)
    assert len(err.splitlines()) == 21
    assert "does not add up" in err.splitlines()[-1]


def test_an_input_that_is_gone_is_told_and_not_compared(overnight: Overnight, gateway: StubGateway) -> None:
    deliver(gateway)
    del gateway.files["file-in"]
    out, err = overnight("verify", "batch_1")
    assert out.startswith("batch_1 adds up")
    assert err == "The input is no longer there, so requests are not compared.\n"


def test_an_output_that_is_gone_is_an_error(overnight: Overnight, gateway: StubGateway) -> None:
    deliver(gateway)
    del gateway.files["file-out"]
    _, err = overnight("verify", "batch_1", code=1)
    assert "No such File object" in err


def test_a_batch_without_a_receipt_can_t_be_verified(overnight: Overnight, gateway: StubGateway) -> None:
    _, err = overnight("verify", "batch_1", code=1)
    assert err == "overnight: batch_1 is validating and has no receipt\n"
    assert gateway.looks == 1


def test_a_receipt_that_can_t_be_read_is_an_error_in_words(
    overnight: Overnight, gateway: StubGateway
) -> None:
    deliver(gateway)
    gateway.receipt += b"half a li"
    _, err = overnight("verify", "batch_1", code=1)
    assert err.splitlines()[-1] == "overnight: line 4 of the receipt can't be read"


def test_tokens_of_a_kind_that_a_later_gateway_counts_are_an_error_in_words(
    overnight: Overnight, gateway: StubGateway
) -> None:
    deliver(gateway)
    (entry,) = gateway.batch["overnight"]["cost"]["by_model"]
    entry["tokens"]["dreams"] = 4
    _, err = overnight("verify", "batch_1", code=1)
    assert err == "overnight: tokens are of a kind that this version does not know: dreams\n"


def group(usd: str, *, unpriced: int = 0, **names: str | None) -> dict[str, Any]:
    tokens = {"input_tokens": 12_345, "cached_tokens": 0, "output_tokens": 7, "reasoning_tokens": 0}
    return {
        "group": names,
        "batches": 2,
        "requests": 1_000,
        "unpriced_requests": unpriced,
        "tokens": tokens,
        "cost_usd": usd,
    }


SPENT = {
    "group_by": ["day", "model"],
    "data": [
        group("1.5", day="2026-11-22", model="gpt-4o"),
        group("0.000000000000000001", day="2026-11-23", model=None, unpriced=3),
    ],
}


def test_costs_are_shown_as_a_table(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.spend = SPENT
    out, _ = overnight("cost")
    assert [line.split() for line in out.splitlines()] == [
        ["DAY", "MODEL", "BATCHES", "ANSWERS", "TOKENS", "IN", "TOKENS", "OUT", "COST"],
        ["2026-11-22", "gpt-4o", "2", "1,000", "12,345", "7", "$1.5"],
        ["2026-11-23", "-", "2", "1,000", "12,345", "7", "$0.000000000000000001", "+", "3", "unpriced"],
    ]
    assert [parse_qs(asked) for asked in gateway.questions] == [{"group_by": ["day,model"]}]


def test_costs_can_be_had_as_json_with_every_digit(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.spend = SPENT
    out, _ = overnight("cost", "--json")
    assert json.loads(out) == SPENT
    assert sum(Decimal(each["cost_usd"]) for each in json.loads(out)["data"]) == Decimal(
        "1.500000000000000001"
    )


def test_the_question_is_passed_on(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.spend = {"group_by": ["tag"], "data": []}
    overnight("cost", "--by", "tag", "--tag", "team & co", "--since", "2026-11-01", "--until", "2026-11-30")
    (asked,) = gateway.questions
    assert parse_qs(asked) == {
        "group_by": ["tag"],
        "tag": ["team & co"],
        "since": ["2026-11-01"],
        "until": ["2026-11-30"],
    }


def test_a_day_that_is_none_is_refused_before_anybody_is_asked(
    overnight: Overnight, gateway: StubGateway
) -> None:
    overnight("cost", "--since", "yesterday", code=2)
    assert gateway.questions == []


def test_a_question_that_the_gateway_refuses_is_an_error(overnight: Overnight, gateway: StubGateway) -> None:
    gateway.refusal = (400, b'{"error": {"message": "Invalid \'group_by\'.", "param": "group_by"}}')
    _, err = overnight("cost", "--by", "colour", code=1)
    assert "Invalid 'group_by'." in err

"""What a batch cost, as HTTP tells it: on the batch itself, and line by line."""

import csv
import io
from decimal import Decimal

import pytest
from msgspec import UNSET

from overnight.domain.account import Account
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.file import BatchFileKind
from overnight.domain.ids import output_file_id
from overnight.domain.layout import file_key
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts
from overnight.outcomes.receipt_line import encode_lines
from tests.api.desk import ACCOUNT, LINES, NOW, PRICE, PRICED, Desk, receipt_line

SLAB = 256 * 2**10


async def test_a_batch_says_what_it_cost_and_what_that_is_made_of(desk: Desk) -> None:
    batch_id = await desk.ran(LINES)
    told = (await desk.get(f"/v1/batches/{batch_id}"))["overnight"]
    assert told["cost_usd"] is None
    assert told["receipt_file_id"] == output_file_id(batch_id, BatchFileKind.RECEIPT)
    assert told["cost"] == {
        "currency": "usd",
        "total_usd": None,
        "priced_usd": "0.3000004",
        "unpriced_requests": 2,
        "by_token_kind": {"input": "0.3", "output": "0.0000004"},
        "by_model": [
            {
                "provider": "openai",
                "deployment": "dep_1",
                "model": "m",
                "requests": 1,
                "tokens": {"input": 3, "cached": 1, "output": 2},
                "cost_usd": "0.3000004",
                "price": PRICE.id,
                "reason": None,
            },
            {
                "provider": "azure",
                "deployment": "dep_2",
                "model": None,
                "requests": 2,
                "tokens": {},
                "cost_usd": None,
                "price": None,
                "reason": "nobody knows it",
            },
        ],
        "prices": [
            {
                "id": PRICE.id,
                "source": "model_info",
                "model": None,
                "discount": "0.5",
                "service_tier": None,
                "rates": [
                    {"above_input_tokens": 0, "usd_per_token": {"input": "0.1", "output": "0.0000002"}},
                    {"above_input_tokens": 200_000, "usd_per_token": {"input": "20"}},
                ],
            }
        ],
    }


async def test_a_batch_whose_answers_all_have_a_price_has_a_total(desk: Desk) -> None:
    account = Account(entries=(PRICED,), prices=ACCOUNT.prices)
    batch_id = await desk.ran(LINES, account=account)
    told = (await desk.get(f"/v1/batches/{batch_id}"))["overnight"]
    assert told["cost_usd"] == told["cost"]["total_usd"] == told["cost"]["priced_usd"] == "0.3000004"


async def test_a_batch_that_has_not_ended_has_no_cost(desk: Desk) -> None:
    told = (await desk.get(f"/v1/batches/{await desk.create()}"))["overnight"]
    assert (told["cost_usd"], told["cost"], told["receipt_file_id"]) == (None, None, None)


async def test_a_receipt_has_the_batch_and_every_line_of_it(desk: Desk) -> None:
    batch_id = await desk.ran(LINES)
    receipt = await desk.get(f"/v1/batches/{batch_id}/receipt")
    assert receipt["object"] == "batch.receipt"
    assert (receipt["batch_id"], receipt["status"]) == (batch_id, "completed")
    assert receipt["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    assert receipt["cost"] == (await desk.get(f"/v1/batches/{batch_id}"))["overnight"]["cost"]
    assert [line["index"] for line in receipt["lines"]] == [0, 1]
    first, second = receipt["lines"]
    assert (first["custom_id"], first["cost_usd"]) == ('r-0, "é"', "0.3")
    assert first["tokens"] == {"input": 3, "output": 2}
    assert (second["outcome"], second["code"], second["status"]) == ("failed", "batch_expired", None)


@pytest.mark.parametrize("count", [0, 1, 2_000])
async def test_a_receipt_of_any_length_says_the_same_in_every_format(desk: Desk, count: int) -> None:
    lines = [receipt_line(number) for number in range(count)]
    assert count < 2 or len(encode_lines(lines)) > 2 * SLAB
    path = f"/v1/batches/{await desk.ran(lines)}/receipt"
    whole = await desk.get(path)
    assert [line["index"] for line in whole["lines"]] == [*range(count)]

    lone = await desk.get(path, format="ndjson")
    assert lone.headers["content-type"].startswith("application/x-ndjson")
    assert lone.content == encode_lines(lines)

    table = await desk.get(path, format="csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert '_receipt.csv"' in table.headers["content-disposition"]
    rows = [*csv.DictReader(io.StringIO(table.text, newline=""))]
    assert [row["custom_id"] for row in rows] == [line.custom_id for line in lines]
    assert {row["input_tokens"] for row in rows} <= {"3"}
    assert sum(Decimal(row["cost_usd"]) for row in rows) == count * Decimal("0.3")


async def test_a_table_has_an_empty_cell_for_what_is_not_there(desk: Desk) -> None:
    path = f"/v1/batches/{await desk.ran(LINES)}/receipt"
    _, failed = csv.DictReader(io.StringIO((await desk.get(path, format="csv")).text, newline=""))
    assert (failed["status"], failed["code"], failed["reason"]) == ("", "batch_expired", "")
    assert (failed["input_tokens"], failed["outcome"]) == ("0", "failed")


async def test_a_table_has_an_empty_cell_for_a_service_tier_that_an_earlier_version_did_not_look_for(
    desk: Desk,
) -> None:
    before = receipt_line(0, service_tier=UNSET)
    path = f"/v1/batches/{await desk.ran([before, receipt_line(1, service_tier='flex')])}/receipt"
    rows = csv.DictReader(io.StringIO((await desk.get(path, format="csv")).text, newline=""))
    assert [row["service_tier"] for row in rows] == ["", "flex"]


FORMULAS = ("=1+1", '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


async def test_a_table_has_nothing_that_a_spreadsheet_would_run(desk: Desk) -> None:
    harmless = ("a=1", "'=1", "é", "1", " ")
    named = [*FORMULAS, *harmless]
    lines = [receipt_line(number, custom_id=name, model=name, job=name) for number, name in enumerate(named)]
    path = f"/v1/batches/{await desk.ran(lines)}/receipt"
    table = (await desk.get(path, format="csv")).text
    rows = [*csv.DictReader(io.StringIO(table, newline=""))]
    expected = [*(f"'{name}" for name in FORMULAS), *harmless]
    for column in ("custom_id", "model", "job"):
        assert [row[column] for row in rows] == expected
    assert {row["cost_usd"] for row in rows} == {"0.3"}
    # Whoever reads on with a program has it as it is.
    assert [line["custom_id"] for line in (await desk.get(path))["lines"]] == named
    assert (await desk.get(path, format="ndjson")).content == encode_lines(lines)


async def test_a_table_of_spending_has_nothing_that_a_spreadsheet_would_run(desk: Desk) -> None:
    await desk.ran(metadata={"team": "=1+1"})
    table = (await desk.get("/v1/spend", group_by="tag", tag="team", format="csv")).text
    assert [row["tag"] for row in csv.DictReader(io.StringIO(table, newline=""))] == ["'=1+1"]
    report = await desk.get("/v1/spend", group_by="tag", tag="team")
    assert [each["group"]["tag"] for each in report["data"]] == ["=1+1"]


async def test_a_batch_that_never_began_has_an_empty_receipt(desk: Desk) -> None:
    batch_id = await desk.create()
    ended = BatchChange(revision=9, status=BatchStatus.FAILED, stamps=Stamps(failed_at=NOW))
    await desk.served.catalog.record(batch_id, ended)
    receipt = await desk.get(f"/v1/batches/{batch_id}/receipt")
    assert (receipt["lines"], receipt["receipt_file_id"]) == ([], None)
    assert receipt["cost"]["total_usd"] == "0"
    assert (await desk.get(f"/v1/batches/{batch_id}/receipt", format="ndjson")).content == b""


async def test_a_receipt_that_is_not_there_yet_or_never_was_is_not_found(desk: Desk) -> None:
    running = await desk.get(f"/v1/batches/{await desk.create()}/receipt", status=404)
    assert running["error"]["code"] == "no_receipt"
    assert "has not ended yet" in running["error"]["message"]
    unknown = await desk.get("/v1/batches/batch_nowhere/receipt", status=404)
    assert "batch_nowhere" in unknown["error"]["message"]
    old = await desk.ran(account=None)
    change = BatchChange(
        revision=10, status=BatchStatus.COMPLETED, stamps=Stamps(completed_at=NOW), counts=Counts(1, 1, 0)
    )
    await desk.served.catalog.record(old, change)
    earlier = await desk.get(f"/v1/batches/{old}/receipt", status=404)
    assert "an earlier version has run it" in earlier["error"]["message"]


async def test_a_batch_that_was_given_up_under_way_says_so_where_its_receipt_would_be(desk: Desk) -> None:
    batch_id = await desk.create()
    given_up = BatchChange(
        revision=9, status=BatchStatus.FAILED, stamps=Stamps(failed_at=NOW), counts=Counts(3, 1, 0)
    )
    await desk.served.catalog.record(batch_id, given_up)
    answer = await desk.get(f"/v1/batches/{batch_id}/receipt", status=404)
    assert (answer["error"]["code"], "it was given up" in answer["error"]["message"]) == ("no_receipt", True)


async def test_a_receipt_whose_file_was_deleted_is_not_found(desk: Desk) -> None:
    batch_id = await desk.ran(LINES)
    file_id = output_file_id(batch_id, BatchFileKind.RECEIPT)
    async with desk.served.http() as http:
        assert (await http.delete(f"/v1/files/{file_id}")).status_code == 200
    for wanted in ("json", "ndjson", "csv"):
        gone = await desk.get(f"/v1/batches/{batch_id}/receipt", status=404, format=wanted)
        assert file_id in gone["error"]["message"]


async def test_a_receipt_whose_bytes_are_gone_is_not_found(desk: Desk) -> None:
    batch_id = await desk.ran(LINES)
    await desk.served.storage.delete(file_key(output_file_id(batch_id, BatchFileKind.RECEIPT)))
    gone = await desk.get(f"/v1/batches/{batch_id}/receipt", status=404)
    assert gone["error"]["message"] == "The content of this file is no longer there."


async def test_an_unknown_format_is_refused(desk: Desk) -> None:
    refused = await desk.get(f"/v1/batches/{await desk.ran(LINES)}/receipt", status=400, format="xml")
    assert refused["error"]["param"] == "format"

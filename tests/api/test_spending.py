"""What batches have cost, added up, and what is told of money to whom."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest

from tests.api.desk import LINES, NOW, Desk
from tests.api.served import KEY, Served


async def test_spending_is_told_by_day_unless_something_else_is_asked(desk: Desk) -> None:
    await desk.ran()
    await desk.ran(at=NOW - timedelta(days=1))
    assert await desk.get("/v1/spend") == {
        "object": "list",
        "currency": "usd",
        "group_by": ["day"],
        "data": [
            {
                "group": {"day": day},
                "batches": 1,
                "requests": 3,
                "unpriced_requests": 2,
                "tokens": {"input_tokens": 3, "cached_tokens": 1, "output_tokens": 2, "reasoning_tokens": 0},
                "cost_usd": "0.3000004",
            }
            for day in ("2026-11-22", "2026-11-23")
        ],
    }
    (one,) = (await desk.get("/v1/spend", since="2026-11-23", until="2026-11-23"))["data"]
    assert one["group"] == {"day": "2026-11-23"}


async def test_spending_is_grouped_by_several_things_and_by_tags(desk: Desk) -> None:
    await desk.ran(metadata={"équipe": "nuit, jour"})
    await desk.ran()
    report = await desk.get("/v1/spend", group_by="tag, provider", tag="équipe")
    assert report["group_by"] == ["tag", "provider"]
    assert [tuple(each["group"].values()) for each in report["data"]] == [
        (None, "azure"),
        (None, "openai"),
        ("nuit, jour", "azure"),
        ("nuit, jour", "openai"),
    ]
    table = await desk.get("/v1/spend", group_by="tag,provider", tag="équipe", format="csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = [*csv.DictReader(io.StringIO(table.text, newline=""))]
    assert [*rows[0]][:6] == ["tag", "provider", "batches", "requests", "unpriced_requests", "input_tokens"]
    assert {(row["tag"], row["provider"], row["cost_usd"]) for row in rows} == {
        ("nuit, jour", "openai", "0.3000004"),
        ("nuit, jour", "azure", "0"),
        ("", "openai", "0.3000004"),
        ("", "azure", "0"),
    }


async def test_nothing_spent_is_an_empty_list(desk: Desk) -> None:
    assert (await desk.get("/v1/spend"))["data"] == []
    table = await desk.get("/v1/spend", format="csv")
    assert table.text.splitlines()[0].startswith("day,batches,requests")
    assert len(table.text.splitlines()) == 1


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"group_by": "colour"}, "group_by"),
        ({"group_by": "day,colour"}, "group_by"),
        ({"group_by": ","}, "group_by"),
        ({"group_by": "tag"}, "tag"),
        ({"tag": "team"}, "tag"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"format": "xml"}, "format"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    desk: Desk, params: dict[str, str], param: str
) -> None:
    refused = await desk.get("/v1/spend", status=400, **params)
    assert refused["error"]["param"] == param
    assert refused["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/v1/spend", "/v1/batches/batch_1/receipt"])
async def test_money_is_not_told_to_who_has_no_key(served: Served, path: str) -> None:
    async with served.http(headers={"authorization": "Bearer wrong"}) as http:
        assert (await http.get(path)).status_code == 401


async def test_a_key_s_label_tells_it_from_others_and_never_what_it_is(desk: Desk) -> None:
    batch_id = await desk.ran(LINES)
    label = desk.served.runs.started[batch_id].key
    assert label is not None
    assert re.fullmatch("key_[0-9a-f]{12}", label)
    report = await desk.get("/v1/spend", group_by="key")
    assert [each["group"]["key"] for each in report["data"]] == [label]
    everything = json.dumps(
        [
            report,
            await desk.get(f"/v1/batches/{batch_id}"),
            await desk.get(f"/v1/batches/{batch_id}/receipt"),
            (await desk.get("/v1/spend", group_by="key", format="csv")).text,
            repr(desk.served.runs.started[batch_id]),
        ]
    )
    assert KEY not in everything

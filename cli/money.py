"""The commands about money: what was spent, and whether a batch's receipt adds up."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from cli.batches import gateway
from cli.client import GatewayClient, GatewayError, GatewayRefused
from cli.options import DEFAULT_API_KEY, DEFAULT_URL, ApiKey, AsJson, BatchId, Url, stderr, stdout
from cli.views import BatchView, CostView, SpendView
from overnight.domain.usage import USAGE_FIELDS, Usage
from overnight.jsonl.lines import LineSplitter
from overnight.jsonl.requests import is_blank
from overnight.outcomes.receipt_line import ReceiptLine, decode_line
from overnight.receipts import Claimed, verify
from overnight.receipts.verifying import Difference

SHOWN_DIFFERENCES = 20
LONGEST_LINE = 2**30
"""Bytes. An answer may have 128 MiB, twice as many as a request."""

_GONE = 404

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, in UTC.")]


def cost(
    *,
    by: Annotated[
        str, typer.Option(help="One or several of day, model, provider, project, key, tag, with commas.")
    ] = "day,model",
    since: Day = None,
    until: Day = None,
    tag: Annotated[str | None, typer.Option(help="The key of the metadata that `tag` groups by.")] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = DEFAULT_API_KEY,
) -> None:
    """Show what batches have cost that have ended."""
    wanted = {
        "group_by": by,
        "since": since and since.date().isoformat(),
        "until": until and until.date().isoformat(),
        "tag": tag,
    }
    with gateway(url, api_key) as client:
        raw = client.spend_json({name: value for name, value in wanted.items() if value})
        if as_json:
            typer.echo(raw)
            return
        report = msgspec.json.decode(raw, type=SpendView)
    stdout().print(_spend_table(report))


def verify_batch(batch_id: BatchId, *, url: Url = DEFAULT_URL, api_key: ApiKey = DEFAULT_API_KEY) -> None:
    """Add a batch's receipt up again, from its files; exit code 1 on any difference."""
    console = stderr()
    with gateway(url, api_key) as client:
        batch = client.batch(batch_id)
        cost = batch.overnight.cost
        if cost is None:
            raise GatewayError(f"{batch.id} is {batch.status} and has no receipt")
        with ExitStack() as stack:
            differences = _compare(client, batch, cost, stack)
            shown = 0
            for shown, difference in enumerate(differences, start=1):
                if shown <= SHOWN_DIFFERENCES:
                    where = f"line {difference.line}: " if difference.line else ""
                    console.print(f"  {where}{difference.what}", style="red", markup=False, soft_wrap=True)
    if shown:
        console.print(f"{batch.id} does not add up: {shown} differences", style="red", soft_wrap=True)
        raise typer.Exit(1)
    total = f"${cost.priced_usd:f}"
    if cost.unpriced_requests:
        total = f"{total}, and {cost.unpriced_requests} answers have no price"
    typer.echo(f"{batch.id} adds up: {batch.request_counts.total} requests, {total}")


def _compare(
    client: GatewayClient, batch: BatchView, cost: CostView, stack: ExitStack
) -> Iterator[Difference]:
    def lines(file_id: str | None) -> Iterator[bytes]:
        return _lines(stack.enter_context(client.content(file_id))) if file_id else iter(())

    requests: Iterator[bytes] | None = None
    try:
        requests = lines(batch.input_file_id)
    except GatewayRefused as error:
        if error.status != _GONE:
            raise
        stderr().print("The input is no longer there, so requests are not compared.", soft_wrap=True)
    counts = batch.request_counts
    claimed = Claimed(
        total=counts.total,
        completed=counts.completed,
        failed=counts.failed,
        usage=sum((_usage(entry.tokens) for entry in cost.by_model), Usage()),
        priced=cost.priced_usd,
        unpriced=cost.unpriced_requests,
        prices={each.id: each.price for each in cost.prices},
    )
    return verify(
        claimed,
        receipt=_receipt(stack.enter_context(client.receipt(batch.id))),
        requests=requests,
        answers=lines(batch.output_file_id),
        failures=lines(batch.error_file_id),
    )


def _usage(tokens: Mapping[str, int]) -> Usage:
    if strange := sorted(tokens.keys() - set(USAGE_FIELDS)):
        raise GatewayError(f"tokens are of a kind that this version does not know: {', '.join(strange)}")
    return Usage(**tokens)


def _receipt(chunks: Iterator[bytes]) -> Iterator[ReceiptLine]:
    for number, line in enumerate(_lines(chunks), start=1):
        try:
            yield decode_line(line)
        except msgspec.DecodeError:
            raise GatewayError(f"line {number} of the receipt can't be read") from None


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    splitter = LineSplitter(limit=LONGEST_LINE)
    for chunk in chunks:
        for slab in splitter.feed(chunk):
            yield from (bytes(line) for line in slab.lines if not is_blank(line))
    for slab in splitter.finish():
        yield from (bytes(line) for line in slab.lines if not is_blank(line))


def _spend_table(report: SpendView) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in report.group_by:
        table.add_column(name.upper(), no_wrap=True)
    for name in ("BATCHES", "ANSWERS", "TOKENS IN", "TOKENS OUT", "COST"):
        table.add_column(name, no_wrap=True, justify="right")
    for each in report.data:
        unknown = f" + {each.unpriced_requests} unpriced" if each.unpriced_requests else ""
        table.add_row(
            *(Text(each.group.get(name) or "-") for name in report.group_by),
            f"{each.batches:,}",
            f"{each.requests:,}",
            f"{each.tokens.get('input_tokens', 0):,}",
            f"{each.tokens.get('output_tokens', 0):,}",
            f"${each.cost_usd}{unknown}",
        )
    return table

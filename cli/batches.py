"""The commands a client needs: submit, list, show, watch, cancel, results."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from cli.client import GatewayClient, GatewayError
from cli.options import (
    DEFAULT_API_KEY,
    DEFAULT_URL,
    INTERRUPTED,
    ApiKey,
    AsJson,
    BatchId,
    Url,
    stderr,
    stdout,
    told_plainly,
)
from cli.showing import batch_details, batch_table, print_estimate, print_faults, print_summary
from cli.uploading import upload
from cli.views import BatchView
from cli.watching import LeftRunning, watch

Output = Annotated[Path | None, typer.Option("-o", "--output", help="Write the results to this file.")]


def submit(
    file: Annotated[Path, typer.Argument(help="The batch's lines, as JSONL.", exists=True, dir_okay=False)],
    *,
    endpoint: Annotated[str, typer.Option(help="What every line is for.")] = "/v1/chat/completions",
    model: Annotated[
        str | None, typer.Option(help="Run every line on this model, whatever it names.")
    ] = None,
    metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Up to 16 of them.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key makes the same batch.")] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Say what it may cost, and make no batch of it.")
    ] = False,
    max_cost: Annotated[
        str | None, typer.Option(metavar="USD", help="Refuse it if it may cost more, or stop it when it has.")
    ] = None,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Where to tell how it has ended; shows the secret.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    output: Output = None,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = DEFAULT_API_KEY,
) -> None:
    """Upload FILE and make a batch of it. With -o (which waits), fetch the results when it has ended."""
    console, pairs = stderr(), _pairs(metadata or [])
    with gateway(url, api_key) as client:
        uploaded = upload(client, file, model=model, console=console)
        if estimate:
            print_estimate(stdout(), client.estimate(uploaded.id, endpoint=endpoint))
            return
        batch = client.create(
            uploaded.id,
            endpoint=endpoint,
            idempotency_key=idempotency_key or str(uuid.uuid4()),
            metadata=pairs,
            max_cost=max_cost,
            webhook=webhook,
        )
        typer.echo(batch.id)
        if batch.overnight.webhook and batch.overnight.webhook.signing_secret:
            secret = batch.overnight.webhook.signing_secret
            console.print(f"its webhook is signed with {secret}", markup=False, soft_wrap=True)
        if wait or output:
            _wait(client, batch.id, console=console, output=output)


def list_batches(
    *,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those older than this one.")] = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = DEFAULT_API_KEY,
) -> None:
    """List batches, the newest first."""
    with gateway(url, api_key) as client:
        page = client.batches(limit=limit, after=after)
        if as_json:
            for raw in page.data:
                typer.echo(bytes(raw))
            return
        batches = [msgspec.json.decode(raw, type=BatchView) for raw in page.data]
    stdout().print(batch_table(batches))
    if page.has_more:
        stderr().print(f"There are more: overnight list --after {batches[-1].id}", markup=False)


def show(
    batch_id: BatchId,
    *,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = DEFAULT_API_KEY,
) -> None:
    """Show a batch."""
    with gateway(url, api_key) as client:
        raw = client.batch_json(batch_id)
    if as_json:
        typer.echo(raw)
        return
    batch = msgspec.json.decode(raw, type=BatchView)
    console = stdout()
    console.print(batch_details(batch))
    print_faults(console, batch)


def watch_batch(
    batch_id: BatchId, *, output: Output = None, url: Url = DEFAULT_URL, api_key: ApiKey = DEFAULT_API_KEY
) -> None:
    """Watch a batch until it has ended; exit code 0 if it was completed."""
    with gateway(url, api_key) as client:
        _wait(client, batch_id, console=stderr(), output=output)


def cancel(batch_id: BatchId, *, url: Url = DEFAULT_URL, api_key: ApiKey = DEFAULT_API_KEY) -> None:
    """Cancel a batch; lines that have been answered are kept."""
    with gateway(url, api_key) as client:
        batch = client.cancel(batch_id)
    typer.echo(f"{batch.id} {batch.status}")


def results(
    batch_id: BatchId,
    *,
    output: Output = None,
    errors: Annotated[bool, typer.Option("--errors", help="The lines that failed, instead.")] = False,
    url: Url = DEFAULT_URL,
    api_key: ApiKey = DEFAULT_API_KEY,
) -> None:
    """Print a batch's results, in the order of its lines, or write them to a file."""
    with gateway(url, api_key) as client:
        batch = client.batch(batch_id)
        file_id = batch.error_file_id if errors else batch.output_file_id
        if file_id is None:
            raise GatewayError(_nothing_there(batch, errors=errors))
        if output:
            client.download(file_id, output)
            return
        with client.content(file_id) as chunks:
            for chunk in chunks:
                sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def errors_beside(output: Path) -> Path:
    """Return where the lines that failed go: `out.errors.jsonl` beside `out.jsonl`."""
    return output.with_name(f"{output.stem}.errors{output.suffix}")


@contextmanager
def gateway(url: str, api_key: str) -> Iterator[GatewayClient]:
    """Give the block a gateway to talk to; what goes wrong with it is told in a line."""
    with told_plainly(GatewayError, OSError), GatewayClient(url, api_key=api_key) as client:
        yield client


def _wait(client: GatewayClient, batch_id: str, *, console: Console, output: Path | None) -> None:
    try:
        batch = watch(client, batch_id, console=console)
    except LeftRunning:
        console.print(f"{batch_id} runs on. Look in again with: overnight watch {batch_id}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    print_summary(console, batch)
    if output:
        _fetch(client, batch, output=output, console=console)
    if batch.status != "completed":
        raise typer.Exit(1)


def _fetch(client: GatewayClient, batch: BatchView, *, output: Path, console: Console) -> None:
    fetched = ((batch.output_file_id, output), (batch.error_file_id, errors_beside(output)))
    for file_id, target in fetched:
        if file_id:
            client.download(file_id, target)
            console.print(f"wrote {target}", markup=False, soft_wrap=True)


def _nothing_there(batch: BatchView, *, errors: bool) -> str:
    if not batch.ended:
        return f"{batch.id} is {batch.status}; its results are there when it has ended"
    return f"{batch.id} is {batch.status} and has no {'error' if errors else 'output'} file"


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise typer.BadParameter("should be KEY=VALUE", param_hint="--metadata")
    return {key: value for key, _, value in pairs}

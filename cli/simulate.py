"""`overnight simulate`: a provider that costs nothing, to rehearse against."""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from cli.options import told_plainly

DEFAULT_PORT = 8000

app = typer.Typer(no_args_is_help=True, help="Serve a provider that costs nothing, to rehearse against.")


@app.callback()
def simulate() -> None:
    """Serve a provider that costs nothing, to rehearse against."""


@app.command()
def endpoint(
    *,
    port: Annotated[
        int, typer.Option(help="The port of loopback it listens on.", min=0, max=65_535)
    ] = DEFAULT_PORT,
    key: Annotated[
        str | None, typer.Option(help="Ask for this bearer; without it, any or none will do.")
    ] = None,
    delay: Annotated[float, typer.Option(help="How many seconds each answer takes.", min=0)] = 0.0,
) -> None:
    """Serve a self-hosted, OpenAI-compatible endpoint without a batch API, as vLLM would."""
    with told_plainly(OSError), suppress(KeyboardInterrupt):
        asyncio.run(_serve_endpoint(port=port, key=key, delay=delay))


async def _serve_endpoint(*, port: int, key: str | None, delay: float) -> None:
    from simulators.endpoint import EndpointSimulator  # noqa: PLC0415 - only this command needs a web server

    async with EndpointSimulator(port=port, key=key, delay=delay) as simulator:
        typer.echo(f"Serving {simulator.base_url}")
        typer.echo(f'A deployment of it: {{model: hosted_vllm/simulated, api_base: "{simulator.base_url}"}}')
        await asyncio.Event().wait()

"""`overnight simulate`: a provider that costs nothing, to rehearse against."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import told_plainly
from cli.ports import PortTaken, next_free

if TYPE_CHECKING:
    from simulators.native.shapes import Shapes

DEFAULT_PORT = 8000
OPENAI_PORT = 8001
AZURE_PORT = 8002
VERTEX_PORT = 8003
GCS_PORT = 9023
BUCKET = "overnight"

Port = Annotated[int, typer.Option(help="The port of loopback it listens on.", min=0, max=65_535)]
ControlPort = Annotated[
    int | None,
    typer.Option(help="A port for its control door that stays open while it is down.", min=0, max=65_535),
]
Key = Annotated[str | None, typer.Option(help="Ask for this key; without it, any will do.")]
Speed = Annotated[float, typer.Option(help="How fast its time passes; 3600: an hour a second.", min=0)]
Validating = Annotated[float, typer.Option(help="How many seconds of its time validation takes.", min=0)]
Seconds = Annotated[float, typer.Option(help="How many seconds of its time the lines of a job take.", min=0)]
RuleOption = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="NAME=VALUE", help="How else it behaves, as in max_lines=10."),
]
FaultOption = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="JSON", help="What goes wrong, as its control door takes it."),
]

app = typer.Typer(no_args_is_help=True, help="Serve a provider that costs nothing, to rehearse against.")


@app.callback()
def simulate() -> None:
    """Serve a provider that costs nothing, to rehearse against."""


@app.command()
def endpoint(
    *,
    port: Port = DEFAULT_PORT,
    key: Annotated[
        str | None, typer.Option(help="Ask for this bearer; without it, any or none will do.")
    ] = None,
    delay: Annotated[float, typer.Option(help="How many seconds each answer takes.", min=0)] = 0.0,
) -> None:
    """Serve a self-hosted, OpenAI-compatible endpoint without a batch API, as vLLM would."""
    with told_plainly(OSError), suppress(KeyboardInterrupt):
        asyncio.run(_serve_endpoint(port=port, key=key, delay=delay))


@app.command()
def openai(
    *,
    port: Port = OPENAI_PORT,
    control_port: ControlPort = None,
    key: Key = None,
    speed: Speed = 1.0,
    validating_seconds: Validating = 1.0,
    seconds: Seconds = 10.0,
    webhook_url: Annotated[str | None, typer.Option(help="Where its webhooks go.")] = None,
    webhook_secret: Annotated[str | None, typer.Option(help="What they are signed with: whsec_….")] = None,
    rule: RuleOption = None,
    fault: FaultOption = None,
) -> None:
    """Serve OpenAI's Files and Batches API."""
    rules = {
        "key": key,
        "validating_seconds": validating_seconds,
        "seconds": seconds,
        "webhook_url": webhook_url,
        "webhook_secret": webhook_secret,
    }
    _serve_native(_openai, rules, port=port, control_port=control_port, speed=speed, rule=rule, fault=fault)


@app.command()
def azure(
    *,
    port: Port = AZURE_PORT,
    control_port: ControlPort = None,
    key: Key = None,
    token: Annotated[str | None, typer.Option(help="Take this Entra ID token, too.")] = None,
    odd: Annotated[bool, typer.Option(help="Have all of Azure's oddities under /openai/v1, too.")] = False,
    speed: Speed = 1.0,
    validating_seconds: Validating = 1.0,
    seconds: Seconds = 10.0,
    rule: RuleOption = None,
    fault: FaultOption = None,
) -> None:
    """Serve Azure OpenAI's Files and Batches API, in both of its URL styles."""
    rules = {
        "key": key,
        "token": token,
        "validating_seconds": validating_seconds,
        "seconds": seconds,
    }
    shapes = partial(_azure, odd=odd)
    _serve_native(shapes, rules, port=port, control_port=control_port, speed=speed, rule=rule, fault=fault)


@app.command()
def vertex(
    *,
    port: Port = VERTEX_PORT,
    control_port: ControlPort = None,
    key: Annotated[
        str | None, typer.Option(help="Ask for this access token; without it, any or none will do.")
    ] = None,
    gcs: Annotated[
        str | None,
        typer.Option(
            envvar="STORAGE_EMULATOR_HOST",
            help="The address of a Cloud Storage emulator; without one, it starts its own.",
        ),
    ] = None,
    gcs_port: Annotated[
        int,
        typer.Option(help="Its own starts there, or on the next port that is free.", min=1, max=65_535),
    ] = GCS_PORT,
    bucket: Annotated[str, typer.Option(help="The bucket that is to be there.")] = BUCKET,
    speed: Speed = 1.0,
    validating_seconds: Validating = 1.0,
    seconds: Seconds = 10.0,
    rule: RuleOption = None,
    fault: FaultOption = None,
) -> None:
    """Serve Vertex AI's batch prediction API, beside a Cloud Storage emulator."""
    from simulators.vertex.emulator import NoEmulator  # noqa: PLC0415 - only this command needs it
    from simulators.vertex.manner import VertexManner  # noqa: PLC0415 - only this command needs it

    rules = {"key": key, "validating_seconds": validating_seconds, "seconds": seconds}
    with told_plainly(OSError, ValueError, NoEmulator, PortTaken), suppress(KeyboardInterrupt):
        behaviour = VertexManner().rules().changed({**rules, **_named(rule or [])})
        where = {"port": port, "control_port": control_port, "speed": speed, "faults": _read_all(fault)}
        with _storage(gcs, bucket, port=gcs_port) as url:
            asyncio.run(_serve_vertex(url, bucket, rules=behaviour, **where))


async def _serve_endpoint(*, port: int, key: str | None, delay: float) -> None:
    from simulators.endpoint import EndpointSimulator  # noqa: PLC0415 - only this command needs a web server

    async with EndpointSimulator(port=port, key=key, delay=delay) as simulator:
        typer.echo(f"Serving {simulator.base_url}")
        typer.echo(f'A deployment of it: {{model: hosted_vllm/simulated, api_base: "{simulator.base_url}"}}')
        await asyncio.Event().wait()


def _serve_native(
    provider: Callable[[], "Shapes"],
    rules: dict[str, Any],
    *,
    rule: list[str] | None,
    fault: list[str] | None,
    **where: Any,  # noqa: ANN401 - handed on
) -> None:
    from simulators.native.server import NativeSimulator  # noqa: PLC0415 - only these need a web server

    async def serve() -> None:
        stop = _asked_to_stop()
        async with NativeSimulator(shapes, rules=behaviour, faults=faults, **where) as simulator:
            typer.echo(f"Serving {simulator.api_base}")
            deployment = f'{shapes.facts.deployment}, api_base: "{simulator.api_base}"'
            typer.echo(f"A deployment of it: {{{deployment}}}")
            typer.echo(f"Its control door: {simulator.control_url}")
            await stop.wait()

    with told_plainly(OSError, ValueError), suppress(KeyboardInterrupt):
        shapes = provider()
        behaviour = shapes.rules().changed({**rules, **_named(rule or [])})
        faults = _read_all(fault)
        asyncio.run(serve())


async def _serve_vertex(gcs: str, bucket: str, **behaviour: Any) -> None:  # noqa: ANN401 - handed on
    from simulators.vertex.server import VertexSimulator  # noqa: PLC0415 - only this needs a web server

    stop = _asked_to_stop()
    async with VertexSimulator(gcs=gcs, **behaviour) as simulator:
        await simulator.buckets.create(bucket)
        deployment = f'{simulator.deployment}, gcs_bucket_name: {bucket}, api_base: "{simulator.api_base}"'
        typer.echo(f"Serving {simulator.api_base}")
        typer.echo(f"A deployment of it: {{{deployment}}}")
        typer.echo(f"Its environment: STORAGE_EMULATOR_HOST={gcs}")
        typer.echo(f"Its token endpoint: {simulator.token_uri}")
        typer.echo(f"Its control door: {simulator.control_url}")
        await stop.wait()


@contextmanager
def _storage(gcs: str | None, bucket: str, *, port: int) -> Iterator[str]:
    """Return the address of a Cloud Storage: the one that is given, or one that lives as long as we do."""
    if gcs is not None:
        yield gcs if "://" in gcs else f"http://{gcs}"
        return
    from simulators.native.listener import HOST  # noqa: PLC0415 - only this command needs it
    from simulators.vertex.emulator import Emulator  # noqa: PLC0415 - not everybody has it

    with Emulator(bucket=bucket, port=next_free(HOST, port)) as emulator:
        yield emulator.url


def _openai() -> "Shapes":
    from simulators.openai import OpenAIShapes  # noqa: PLC0415 - only this command needs it

    return OpenAIShapes()


def _azure(*, odd: bool) -> "Shapes":
    from simulators.azure import AzureShapes  # noqa: PLC0415 - only this command needs it

    return AzureShapes(odd=odd)


def _asked_to_stop() -> asyncio.Event:
    """Return what SIGTERM sets from now on, so that the simulator can tidy its folder away."""
    stop = asyncio.Event()
    with suppress(NotImplementedError):  # Windows ends it without asking.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    return stop


def _read_all(faults: list[str] | None) -> list[Any]:
    return [json.loads(each) for each in faults or []]


def _named(rules: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE, the value as JSON where it is that. What is no rule is refused by the simulator."""
    read: dict[str, Any] = {}
    for each in rules:
        name, _, value = each.partition("=")
        try:
            read[name] = json.loads(value)
        except ValueError:
            read[name] = value
    return read

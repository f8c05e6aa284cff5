"""What docker-compose.yml promises to whoever runs it: order, bounds, nothing open, no secret in it."""

import re
from datetime import timedelta

import pytest

from api.stopping import DRAIN, Stopping
from tests.deployment.composed import (
    CHECKOUT,
    COMPOSE_FILE,
    MissingVariable,
    Service,
    example_variables,
    ours,
    services,
    whole,
)
from workers.terms import Terms

SECRETS = {name: f"secret{number}" for number, name in enumerate(example_variables())}
COMPOSED = services(SECRETS)
JOBS = {"temporal-schema", "temporal-namespace", "db-upgrade", "temporal-setup"}
LASTING = {name: service for name, service in COMPOSED.items() if name not in JOBS}
WORKERS = {name: service for name, service in LASTING.items() if name.startswith("worker-")}
SECRET = re.compile("KEY|PASSWORD|PWD|SECRET|DATABASE_URL")


def waits_for(service: Service) -> dict[str, str]:
    return {name: needed["condition"] for name, needed in service.get("depends_on", {}).items()}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_nothing_starts_before_every_secret_is_given(name: str) -> None:
    with pytest.raises(MissingVariable, match=name):
        services({**SECRETS, name: ""})


def test_the_example_has_every_variable_and_no_value() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text()))
    example = (CHECKOUT / ".env.example").read_text()
    assert wanted - {"OVERNIGHT_VERSION", "TEMPORAL_VERSION", "TEMPORAL_UI_VERSION"} == set(
        re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)
    )
    assert set(example_variables().values()) == {""}


def test_no_secret_is_in_the_file() -> None:
    for name, service in COMPOSED.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert any(secret in value for secret in SECRETS.values()), f"{name}: {variable}"


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_no_list_of_processes_shows_a_secret(name: str) -> None:
    service = COMPOSED[name]
    shown = [*service.get("entrypoint", []), *service.get("command", [])]
    shown += service.get("healthcheck", {}).get("test", [])
    assert not [word for word in shown for secret in SECRETS.values() if secret in word]


def test_only_the_gateway_is_published_beyond_this_host() -> None:
    published = {name: ports for name, service in COMPOSED.items() if (ports := service.get("ports"))}
    assert published.pop("gateway") == ["4000:4000"]
    assert published
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", sorted(WORKERS))
def test_a_worker_tells_its_metrics_to_who_is_on_the_network_and_is_asked_there_how_it_is(name: str) -> None:
    options = dict(word.split("=") for word in WORKERS[name]["command"] if word.startswith("--metrics-"))
    assert options["--metrics-host"] == "0.0.0.0"  # noqa: S104 - in a container, of which no port is published
    assert f":{options['--metrics-port']}/" in WORKERS[name]["healthcheck"]["test"][-1]
    assert "inside" in WORKERS[name]["networks"]


@pytest.mark.parametrize("name", sorted(ours(LASTING)))
def test_who_is_told_to_stop_has_the_time_that_it_takes(name: str) -> None:
    takes = Terms().ends_within if name in WORKERS else Stopping(drain=DRAIN).ends_within
    assert not [word for word in LASTING[name]["command"] if word.startswith(("--grace", "--drain"))]
    assert seconds(LASTING[name]["stop_grace_period"]) > takes


def seconds(written: str) -> timedelta:
    """Read a duration of so many seconds."""
    return timedelta(seconds=int(written.removesuffix("s")))


@pytest.mark.parametrize("name", sorted(LASTING))
def test_what_lasts_comes_back_has_a_bound_and_tells_how_it_is(name: str) -> None:
    service = LASTING[name]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"]["memory"]
    if name != "temporal-ui":
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_each_waits_for_those_it_needs_to_be_well_or_done(name: str) -> None:
    for needed, condition in waits_for(COMPOSED[name]).items():
        done = "service_completed_successfully" if needed in JOBS else "service_healthy"
        assert condition == done, needed


def test_gateways_and_workers_wait_for_tables_search_attributes_and_the_store() -> None:
    for name, service in ours(LASTING).items():
        assert {*waits_for(service)} == {"db-upgrade", "temporal-setup", "store"}, name


def test_every_queue_has_a_worker() -> None:
    from workflows import queues  # noqa: PLC0415 - what it is compared with

    asked = [
        word.removeprefix("--queue=")
        for service in ours(COMPOSED).values()
        for word in service["command"]
        if word.startswith("--queue=")
    ]
    assert sorted(asked) == sorted(queues.ALL)


@pytest.mark.parametrize("name", sorted(ours(COMPOSED)))
def test_ours_can_write_nowhere_but_to_their_own_folders(name: str) -> None:
    service = COMPOSED[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    writable = [*service.get("volumes", []), *service["tmpfs"]]
    assert all(re.search(r"(^|:)/(tmp|var/lib/overnight)(:|$)", each) for each in writable)


@pytest.mark.parametrize("name", sorted(COMPOSED))
def test_every_image_has_a_version(name: str) -> None:
    image = COMPOSED[name]["image"]
    if not image.startswith("overnight:"):
        assert re.fullmatch(r"[\w/.-]+:v?\d+\.\d+(\.\d+)?", image)


def test_every_volume_and_config_that_is_used_is_there() -> None:
    composed = whole(SECRETS)
    for service in COMPOSED.values():
        assert {each.split(":")[0] for each in service.get("volumes", [])} <= composed["volumes"].keys()
        assert {each["source"] for each in service.get("configs", [])} <= composed["configs"].keys()
        assert set(service["networks"]) <= composed["networks"].keys()
    assert (CHECKOUT / composed["configs"]["overnight"]["file"]).is_file()

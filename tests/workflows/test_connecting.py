"""Where Temporal is looked for, how it lets one in, and what is said when it does not."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from overnight.domain.errors import InvalidConfig, TemporalUnavailable
from tests.emulators.certificates import Certificates
from tests.emulators.temporal_front import Front, front
from workflows.connecting import connect

KEY = "key-that-nobody-may-read"


class Variables:
    """TEMPORAL_* as a test sets them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        for name in list(os.environ):
            if name.startswith("TEMPORAL_"):
                monkeypatch.delenv(name)

    def set(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Variables:
    # Nor is there a file where the SDK looks by itself.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("HOME", str(tmp_path / "nothing"))
    return Variables(monkeypatch)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def mutual(temporal: WorkflowEnvironment, certificates: Certificates) -> AsyncIterator[Front]:
    """A Temporal that wants a certificate of its clients."""
    target = temporal.client.service_client.config.target_host
    async with front(target, certificates=certificates, client_certificates=True) as door:
        yield door


@pytest.fixture
async def keyed(temporal: WorkflowEnvironment, certificates: Certificates) -> AsyncIterator[Front]:
    """A Temporal that wants an API key, over TLS."""
    target = temporal.client.service_client.config.target_host
    async with front(target, certificates=certificates) as door:
        door.api_key = KEY
        yield door


async def test_a_profile_that_is_not_there_is_said_plainly(told: Variables) -> None:
    told.set(TEMPORAL_PROFILE="nowhere")
    with pytest.raises(InvalidConfig, match="nowhere"):
        await connect(lazy=True)


async def test_the_embedded_server_is_connected_to_whatever_the_variables_say(told: Variables) -> None:
    told.set(TEMPORAL_PROFILE="nowhere", TEMPORAL_NAMESPACE="theirs", TEMPORAL_API_KEY=KEY)
    client = await connect("127.0.0.1:9", lazy=True)
    config = client.service_client.config
    assert (config.target_host, client.namespace, config.api_key) == ("127.0.0.1:9", "default", None)
    assert not config.tls


async def test_an_address_that_is_given_wins_and_the_rest_is_read_from_the_variables(told: Variables) -> None:
    told.set(TEMPORAL_ADDRESS="127.0.0.1:9", TEMPORAL_NAMESPACE="theirs")
    client = await connect(address="127.0.0.1:10", lazy=True)
    assert (client.service_client.config.target_host, client.namespace) == ("127.0.0.1:10", "theirs")


async def test_without_any_variable_it_is_looked_for_where_its_own_tools_look(told: Variables) -> None:
    client = await connect(lazy=True)
    assert client.service_client.config.target_host == "localhost:7233"


async def test_a_client_certificate_lets_one_in(
    told: Variables, mutual: Front, certificates: Certificates
) -> None:
    told.set(TEMPORAL_ADDRESS=mutual.address, **certificates.told("client"))
    assert await (await connect()).service_client.check_health()


@pytest.mark.parametrize("client", [None, "stranger"])
async def test_who_has_no_certificate_that_is_known_is_told_so(
    told: Variables, mutual: Front, certificates: Certificates, client: str | None
) -> None:
    told.set(TEMPORAL_ADDRESS=mutual.address, **certificates.told(client))
    with pytest.raises(TemporalUnavailable, match=f"{mutual.address}: .*client certificate"):
        await connect()


async def test_an_api_key_lets_one_in_and_turns_tls_on(
    told: Variables, keyed: Front, certificates: Certificates, tmp_path: Path
) -> None:
    told.set(TEMPORAL_ADDRESS=keyed.address, TEMPORAL_API_KEY=KEY, **certificates.told())
    assert await (await connect()).service_client.check_health()
    assert keyed.keys_seen == {f"Bearer {KEY}"}


async def test_a_key_that_is_not_accepted_is_said_and_not_shown(
    told: Variables, keyed: Front, certificates: Certificates
) -> None:
    wrong = "key-of-another-house"
    told.set(TEMPORAL_ADDRESS=keyed.address, TEMPORAL_API_KEY=wrong, **certificates.told())
    with pytest.raises(TemporalUnavailable, match="does not accept the API key") as caught:
        await connect()
    assert keyed.address in str(caught.value)
    # The server has quoted it; a traceback must not.
    assert wrong not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_profile_of_a_file_says_all_of_it(
    told: Variables, keyed: Front, certificates: Certificates, tmp_path: Path
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(
        f"""
        [profile.prod]
        address = "{keyed.address}"
        namespace = "default"
        api_key = "{KEY}"
        [profile.prod.tls]
        server_name = "temporal.test"
        server_ca_cert_path = "{certificates.folder / "ca.pem"}"
        """
    )
    told.set(TEMPORAL_CONFIG_FILE=str(file), TEMPORAL_PROFILE="prod")
    assert await (await connect()).service_client.check_health()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"TEMPORAL_TLS": "true"}, "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
        (
            {"TEMPORAL_TLS_SERVER_NAME": "other.test"},
            "TEMPORAL_TLS_SERVER_NAME|TEMPORAL_TLS_SERVER_CA_CERT_PATH",
        ),
        ({"TEMPORAL_TLS": "false"}, "wants TLS"),
    ],
)
async def test_what_is_wrong_with_tls_is_said(
    told: Variables, keyed: Front, variables: dict[str, str], reason: str
) -> None:
    told.set(TEMPORAL_ADDRESS=keyed.address, **variables)
    with pytest.raises(TemporalUnavailable, match=reason):
        await connect()


async def test_another_name_in_the_certificate_is_said(
    told: Variables, keyed: Front, certificates: Certificates
) -> None:
    told.set(TEMPORAL_ADDRESS=keyed.address, TEMPORAL_TLS_SERVER_NAME="other.test", **certificates.told())
    with pytest.raises(TemporalUnavailable, match="for another name"):
        await connect()


async def test_tls_to_a_server_without_it_is_said(told: Variables, temporal: WorkflowEnvironment) -> None:
    told.set(TEMPORAL_ADDRESS=temporal.client.service_client.config.target_host, TEMPORAL_TLS="true")
    with pytest.raises(TemporalUnavailable, match="does not speak TLS"):
        await connect()


@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:9", "nobody listens there"), ("nowhere.invalid:7233", "there is no host of that name")],
)
async def test_an_address_where_nobody_is_is_said(told: Variables, address: str, reason: str) -> None:
    told.set(TEMPORAL_ADDRESS=address)
    with pytest.raises(TemporalUnavailable, match=f"{address}: {reason}"):
        await connect()


async def test_a_certificate_that_is_not_there_is_named(told: Variables, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    told.set(TEMPORAL_TLS_CLIENT_CERT_PATH=missing, TEMPORAL_TLS_CLIENT_KEY_PATH=missing)
    with pytest.raises(InvalidConfig, match=missing):
        await connect()


async def test_a_certificate_without_its_key_is_said(told: Variables, certificates: Certificates) -> None:
    told.set(TEMPORAL_TLS_CLIENT_CERT_PATH=str(certificates.folder / "client.pem"))
    with pytest.raises(InvalidConfig, match="both client cert and private key"):
        await connect()


@pytest.mark.parametrize("written", [f'"{KEY}', f'["{KEY}"]', f"'{KEY}' {KEY}"])
async def test_a_file_that_cant_be_read_is_named_and_none_of_it_is_quoted(
    told: Variables, tmp_path: Path, written: str
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f"[profile.prod]\napi_key = {written}\n")
    told.set(TEMPORAL_CONFIG_FILE=str(file), TEMPORAL_PROFILE="prod")
    with pytest.raises(InvalidConfig, match="line 2") as caught:
        await connect()
    assert str(file) in str(caught.value)
    assert KEY not in str(caught.value)

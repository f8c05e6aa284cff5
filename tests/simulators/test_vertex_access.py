"""Who is let in to the simulated Vertex AI, and how a service account gets its tokens."""

import base64
import json
import time
from typing import Any

import pytest

from simulators.vertex.tokens import GRANT
from tests.simulators.vertexing import JOBS, VertexRehearsal, error_of


def _part(said: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def _assertion(*, alg: str = "RS256", **claims: Any) -> str:
    """Return what a service account signs; who takes it here has no key to check the signature."""
    now = int(time.time())
    usual = {"iss": "robot@my-project.iam", "aud": "https://oauth2.googleapis.com/token", "iat": now}
    claimed = {name: value for name, value in {**usual, "exp": now + 3600, **claims}.items() if value}
    return f"{_part({'alg': alg})}.{_part(claimed)}.c2lnbmF0dXJl"


async def _exchange(vertex: VertexRehearsal, assertion: str, *, grant: str = GRANT) -> Any:
    return await vertex.http.post(
        vertex.simulator.token_uri, data={"grant_type": grant, "assertion": assertion}
    )


async def _status(vertex: VertexRehearsal, authorization: str | None) -> int:
    headers = {"Authorization": authorization} if authorization else {}
    return (await vertex.http.get(JOBS, headers=headers)).status_code


async def test_without_a_key_anybody_is_let_in(vertex: VertexRehearsal) -> None:
    for authorization in (None, "Bearer anything", "Basic abc"):
        assert await _status(vertex, authorization) == 200


async def test_with_a_key_only_its_bearer_is_let_in(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"key": "secret"})
    assert await _status(vertex, "Bearer secret") == 200
    for authorization in (None, "Bearer wrong-one", "secret", "Basic secret"):
        assert await _status(vertex, authorization) == 401
    answer = await vertex.http.get(JOBS, headers={"Authorization": "Bearer wrong-one"})
    assert error_of(answer)[1] == "UNAUTHENTICATED"
    assert "wrong-one" not in answer.text
    assert "secret" not in json.dumps(await vertex.look())


async def test_a_service_account_gets_a_token_that_is_taken_like_the_key(vertex: VertexRehearsal) -> None:
    await vertex.order("/rules", {"key": "secret"})
    answer = await _exchange(vertex, _assertion())
    said = await vertex.said(answer)
    assert (said["token_type"], said["expires_in"]) == ("Bearer", 3600)
    assert await _status(vertex, f"Bearer {said['access_token']}") == 200
    assert await vertex.look("/tokens") == {"issued": 1, "expired": 0}


async def test_a_token_that_has_expired_is_refused_with_a_key_and_without(vertex: VertexRehearsal) -> None:
    token = (await _exchange(vertex, _assertion())).json()["access_token"]
    assert await _status(vertex, f"Bearer {token}") == 200
    await vertex.order("/rules", {"token_seconds": 0, "token_said_seconds": 1800})
    assert await _status(vertex, f"Bearer {token}") == 401
    await vertex.order("/rules", {"token_seconds": 3600, "key": "secret"})
    # Once expired, always expired; the next one is good.
    assert await _status(vertex, f"Bearer {token}") == 401
    fresh = (await _exchange(vertex, _assertion())).json()
    assert fresh["expires_in"] == 1800
    assert await _status(vertex, f"Bearer {fresh['access_token']}") == 200
    assert await vertex.look("/tokens") == {"issued": 2, "expired": 1}


@pytest.mark.parametrize(
    ("assertion", "grant", "error"),
    [
        (_assertion(), "refresh_token", "unsupported_grant_type"),
        (_assertion(exp=1), GRANT, "invalid_grant"),
        (_assertion(iss=None), GRANT, "invalid_grant"),
        (_assertion(alg="none"), GRANT, "invalid_grant"),
        ("a.b", GRANT, "invalid_grant"),
        ("!.!.!", GRANT, "invalid_grant"),
        ("", GRANT, "invalid_grant"),
    ],
)
async def test_an_assertion_that_earns_no_token_is_told_why(
    vertex: VertexRehearsal, assertion: str, grant: str, error: str
) -> None:
    answer = await _exchange(vertex, assertion, grant=grant)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


async def test_issuing_tokens_can_go_wrong_too(vertex: VertexRehearsal) -> None:
    await vertex.order("/faults", {"verb": "token", "kind": "status", "status": 503, "times": 1})
    assert (await _exchange(vertex, _assertion())).status_code == 503
    assert (await _exchange(vertex, _assertion())).status_code == 200

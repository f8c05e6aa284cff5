"""Whether the gateway lives, and whether what it stands on is there.

That is open to everyone; what exactly is wrong, which names hosts and buckets, is for whoever has the key.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security.http import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field

from api.auth import bearer, shows_key
from api.gateway import Gateway, TheGateway
from overnight.health.parts import Status, in_brief, status_of
from overnight.providers.complaints import named

router = APIRouter(prefix="/health", tags=["health"])


class Liveliness(BaseModel):
    """The gateway answers."""

    status: Literal["alive"] = "alive"


class Bucket(BaseModel):
    """The bucket that a deployment's rows go through, and what was last seen of it."""

    deployment: str
    bucket: str = Field(examples=["gs://my-bucket/rows"])
    state: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """Whether a batch can be taken in now; every part says `ok` or what is wrong with it.

    What is wrong, and the buckets, are told to whoever bears the master key, or to everyone where there is
    none. Others read `unavailable`, and nothing of buckets.

    A bucket that can't be used makes nothing unready: it is one deployment's, and others may do without. A
    gateway that is `draining` was told to stop: send it nothing new.
    """

    status: Status
    parts: dict[str, str] = Field(examples=[{"temporal": "ok", "catalog": "ok", "storage": "ok"}])
    buckets: list[Bucket] | None = None


async def may_know(
    request: Request,
    gateway: TheGateway,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> bool:
    """Return whether the caller may know everything. Nobody is turned away."""
    return gateway.settings.master_key is None or shows_key(request, gateway.settings.master_key)


@router.get("/liveness", include_in_schema=False)
@router.get("/liveliness")
async def liveliness() -> Liveliness:
    """Say that the gateway is up. Nothing is checked."""
    return Liveliness()


@router.get("/readiness", responses={503: {"model": Readiness}}, response_model_exclude_none=True)
async def readiness(
    response: Response, gateway: TheGateway, knows: Annotated[bool, Depends(may_know)]
) -> Readiness:
    """Check Temporal, the catalog and storage, and tell how the deployments' buckets are.

    What was found is told again for a few seconds, however often somebody asks.
    """
    parts = await gateway.parts.states()
    status = status_of(parts, gateway.draining)
    response.status_code = 200 if status == "ready" else 503
    buckets = _buckets(gateway)
    if not knows:
        return Readiness(status=status, parts=in_brief(parts))
    return Readiness(status=status, parts=parts, buckets=buckets)


def _buckets(gateway: Gateway) -> list[Bucket]:
    return [
        Bucket(deployment=named(deployment), bucket=bucket.settings.address, state=trial.state)
        for bucket, trial in gateway.bucket_trials
        for deployment in bucket.deployments
    ]

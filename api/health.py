"""Whether the gateway lives, and whether what it stands on is there. Open to everyone, so without secrets."""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.gateway import TheGateway
from overnight.health.parts import Check, Status, states_of, status_of
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

    A bucket that can't be used makes nothing unready: it is one deployment's, and others may do without. A
    gateway that is `draining` was told to stop: send it nothing new.
    """

    status: Status
    parts: dict[str, str] = Field(examples=[{"temporal": "ok", "catalog": "ok", "storage": "ok"}])
    buckets: list[Bucket]


@router.get("/liveness", include_in_schema=False)
@router.get("/liveliness")
async def liveliness() -> Liveliness:
    """Say that the gateway is up. Nothing is checked."""
    return Liveliness()


@router.get("/readiness", responses={503: {"model": Readiness}})
async def readiness(response: Response, gateway: TheGateway) -> Readiness:
    """Check Temporal, the catalog and storage, and tell how the deployments' buckets are."""
    checks: Mapping[str, Check] = {
        "temporal": gateway.runs.check,
        "catalog": gateway.catalog.check,
        "storage": gateway.storage_check,
    }
    parts = await states_of(checks)
    status = status_of(parts, gateway.draining)
    response.status_code = 200 if status == "ready" else 503
    return Readiness(
        status=status,
        parts=parts,
        buckets=[
            Bucket(deployment=named(deployment), bucket=bucket.settings.address, state=trial.state)
            for bucket, trial in gateway.bucket_trials
            for deployment in bucket.deployments
        ],
    )

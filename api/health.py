"""Whether the gateway lives, and whether what it stands on is there. Open to everyone, so without secrets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.gateway import TheGateway
from overnight.domain.errors import OvernightError

CHECK_TIMEOUT = timedelta(seconds=5)

router = APIRouter(prefix="/health", tags=["health"])


class Liveliness(BaseModel):
    """The gateway answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether a batch can be taken in now; every part says `ok` or what is wrong with it."""

    status: Literal["ready", "not ready"]
    parts: dict[str, str] = Field(examples=[{"temporal": "ok", "catalog": "ok", "storage": "ok"}])


@router.get("/liveness", include_in_schema=False)
@router.get("/liveliness")
async def liveliness() -> Liveliness:
    """Say that the gateway is up. Nothing is checked."""
    return Liveliness()


@router.get("/readiness", responses={503: {"model": Readiness}})
async def readiness(response: Response, gateway: TheGateway) -> Readiness:
    """Check Temporal, the catalog and storage."""
    checks: dict[str, Callable[[], Awaitable[None]]] = {
        "temporal": gateway.runs.check,
        "catalog": gateway.catalog.check,
        "storage": gateway.storage_check,
    }
    found = await asyncio.gather(*(_state(check()) for check in checks.values()))
    ready = all(state == "ok" for state in found)
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not ready", parts=dict(zip(checks, found, strict=True)))


async def _state(check: Awaitable[None]) -> str:
    try:
        await asyncio.wait_for(check, CHECK_TIMEOUT.total_seconds())
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT.total_seconds():.0f} seconds"
    except OvernightError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - one part's surprise must not hide what is known of the others
        return type(error).__name__
    return "ok"

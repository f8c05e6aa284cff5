"""The gateway as an ASGI application: its routes, its doors, and nothing it owns."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline

from api import (
    batches,
    estimates,
    files,
    health,
    metrics,
    models,
    receipts,
    spending,
    uploads,
    webhook_endpoints,
    webhooks,
)
from api.auth import require_key
from api.downloads import Downloads
from api.errors import install_error_handlers
from api.gateway import Gateway, UploadLimits, utc_now
from api.last_resort import LastResort
from api.observing import Observing
from api.openai_events import OpenAIEvents
from api.request_id import RequestIds
from api.request_log import RequestLog
from api.room import Room
from api.routing import PATH, require_known_provider
from api.schemas import ErrorEnvelope
from api.telling import Metrics, MetricsPages
from api.trial import Trial
from api.turns import Turns
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.health.parts import Draining, Parts
from overnight.health.recent import RecentCheck
from overnight.providers import rows_buckets
from overnight.storage.protocol import Storage
from overnight.webhooks.sender import WebhookSender
from workflows.runs import BatchRuns

_DESCRIPTION = "LLM batches that are never lost: OpenAI's Files and Batches API in front, Temporal behind."

_ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorEnvelope, "description": "The request was refused"},
    "5XX": {"model": ErrorEnvelope, "description": "The gateway could not do it"},
}


def create_app(
    *,
    settings: Settings,
    storage: Storage,
    catalog: Catalog,
    runs: BatchRuns,
    clock: Callable[[], datetime] = utc_now,
    uploads: UploadLimits | None = None,
    pages: MetricsPages | None = None,
    draining: Draining | None = None,
) -> FastAPI:
    """Return the gateway over these parts, which belong to the caller: closing them is its affair."""
    limits, secret = uploads or UploadLimits(), settings.openai_webhook_secret
    # FastAPI's own pages of documentation take their scripts from the internet, which not every machine has.
    app = FastAPIOffline(title="Overnight", description=_DESCRIPTION, responses=_ERRORS)
    app.state.gateway = Gateway(
        settings=settings,
        storage=storage,
        catalog=catalog,
        runs=runs,
        clock=clock,
        uploads=limits,
        room=Room(storage, factor=limits.room_factor, reserved=limits.reserved, step=limits.room_step),
        turns=Turns(),
        downloads=Downloads(storage, redirected=settings.redirect_downloads, clock=clock),
        parts=Parts(
            {
                "temporal": RecentCheck(runs.check),
                "catalog": RecentCheck(catalog.check),
                "storage": RecentCheck(storage.check),
            }
        ),
        draining=draining or Draining(),
        bucket_trials=tuple(
            (bucket, Trial(bucket.problem, of=f"bucket {bucket.settings.address}"))
            for bucket in rows_buckets(settings.all_deployments)
        ),
        openai_events=OpenAIEvents(secret, catalog=catalog, runs=runs) if secret else None,
        webhooks=WebhookSender(settings.webhook_hosts),
        metrics=Metrics(catalog, pages=pages or MetricsPages(), clock=clock),
    )
    app.include_router(_openai_routes(), prefix="/v1")
    # The same without the version, for clients whose base URL lacks it.
    app.include_router(_openai_routes(), include_in_schema=False)
    app.include_router(
        _openai_routes(),
        prefix=PATH,
        dependencies=[Depends(require_known_provider)],
        include_in_schema=False,
    )
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(webhooks.router)
    install_error_handlers(app)
    # The last one added is the outermost: every log line has the id, and a crash has its line.
    app.add_middleware(LastResort)
    app.add_middleware(RequestLog)
    app.add_middleware(Observing)
    app.add_middleware(RequestIds)
    return app


def _openai_routes() -> APIRouter:
    router = APIRouter(dependencies=[Depends(require_key)])
    # A path is looked for in this order, and clients that wait ask for batches most.
    for part in (estimates, batches, receipts, files, uploads, spending, models, webhook_endpoints):
        router.include_router(part.router)
    return router

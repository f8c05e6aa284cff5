"""Deployments whose prices are asked for, as a configuration makes them."""

from datetime import UTC, datetime
from typing import Any

from overnight.domain.deployment import BatchLane, Deployment

AT = datetime(2026, 11, 1, tzinfo=UTC)
"""A day on which the list has batch prices of its own."""

BEFORE = datetime(2026, 10, 1, tzinfo=UTC)
"""A day on which it has none, so that what providers publish for all batches holds."""


def deployed(provider: str, model: str, *, api_base: str, **fields: Any) -> Deployment:
    return Deployment(
        **{"id": "dep_1", "model_name": "night", "lane": BatchLane.NATIVE, **fields},
        provider=provider,
        model=model,
        api_base=api_base,
    )


def openai(model: str = "gpt-4o-mini", **fields: Any) -> Deployment:
    fields = {"api_base": "https://api.openai.com/v1", **fields}
    return deployed("openai", model, **fields)


def azure(model: str, **fields: Any) -> Deployment:
    return deployed("azure", model, api_base="https://night.openai.azure.com", **fields)


def vertex(model: str, **fields: Any) -> Deployment:
    base = "https://us-central1-aiplatform.googleapis.com"
    return deployed("vertex_ai", model, api_base=base, **fields)


def endpoint(
    api_base: str = "http://gpu:8000/v1", model: str = "llama-3.3-70b-versatile", **fields: Any
) -> Deployment:
    fields = {"lane": BatchLane.LINES, **fields}
    return deployed("openai", model, api_base=api_base, **fields)

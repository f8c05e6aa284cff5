"""Ids: random for what a client creates, derived wherever a repeat must be the same thing."""

import hashlib
import secrets
from collections.abc import Iterable

from overnight.domain.file import BatchFileKind

_RANDOM_BYTES = 16
_DERIVED_HEX = 32

ID_SECTIONS = tuple(f"{section:02x}" for section in range(256))
"""How what follows `file-`, `batch_` or `upload_` begins, each as often as any other."""


def new_file_id() -> str:
    """Return an id for a file that a client uploads."""
    return f"file-{secrets.token_hex(_RANDOM_BYTES)}"


def new_upload_id() -> str:
    """Return an id for a file that comes in parts."""
    return f"upload_{secrets.token_hex(_RANDOM_BYTES)}"


def new_part_id() -> str:
    """Return an id for one part of an upload."""
    return f"part_{secrets.token_hex(_RANDOM_BYTES)}"


def new_batch_id() -> str:
    """Return an id for a batch that came without an idempotency key."""
    return f"batch_{secrets.token_hex(_RANDOM_BYTES)}"


def new_request_id() -> str:
    """Return an id for one HTTP request to the gateway."""
    return f"req_{secrets.token_hex(_RANDOM_BYTES)}"


def new_webhook_endpoint_id() -> str:
    """Return an id for an endpoint that a client registers."""
    return f"we_{secrets.token_hex(_RANDOM_BYTES)}"


def new_test_event_id() -> str:
    """Return an id for an event that never happened."""
    return f"evt_{secrets.token_hex(_RANDOM_BYTES)}"


def batch_id_for_key(project: str, idempotency_key: str) -> str:
    """Return the one batch id that this project's idempotency key can make."""
    return f"batch_{_digest('batch', project, idempotency_key)}"


def output_file_id(batch_id: str, kind: BatchFileKind) -> str:
    """Return the id of a file that a batch makes, the same however often it is made."""
    return f"file-{_digest('file', batch_id, kind)}"


def line_id(batch_id: str, index: int) -> str:
    """Return the id of the result of the request at 0-based `index`."""
    return f"batch_req_{batch_id.removeprefix('batch_')[:_DERIVED_HEX]}{index:08x}"


def deployment_id(*identity: str) -> str:
    """Return an id that names a deployment in a workflow without saying where it is."""
    return f"dep_{_digest('deployment', *identity)[:12]}"


def places_id(deployments: Iterable[str], *, model: str | None) -> str:
    """Return what names the places for a model at these deployments together, in whatever order they are."""
    return _digest("places", model or "", *sorted(deployments))[:16]


def batch_webhook_id(batch_id: str, parameters_hash: str) -> str:
    """Return the id of the endpoint that a batch may bring along, if these parameters are what started it."""
    return f"we_{_digest('webhook', batch_id, parameters_hash)}"


def old_batch_webhook_id(batch_id: str) -> str:
    """Return the id that such an endpoint had when requests of one idempotency key shared it."""
    return f"we_{_digest('webhook', batch_id)}"


def event_id(batch_id: str, event_type: str) -> str:
    """Return the id of what happened to a batch, the same however often it is told."""
    return f"evt_{_digest('event', batch_id, event_type)}"


def delivery_id(event: str, endpoint_id: str) -> str:
    """Return the id that every attempt to deliver an event to an endpoint bears."""
    return f"wh_{_digest('delivery', event, endpoint_id)}"


def parameters_hash(canonical: bytes) -> str:
    """Return what two creates with one idempotency key must agree on."""
    return hashlib.sha256(canonical).hexdigest()


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode()
    return hashlib.sha256(joined).hexdigest()[:_DERIVED_HEX]

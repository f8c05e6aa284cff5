"""What the span of a whole batch says of it."""

from opentelemetry.util.types import AttributeValue

from overnight.domain.batch import BatchChange, BatchOrder
from overnight.telemetry import genai
from overnight.telemetry.tracing import BATCH_ID


def batch_attributes(order: BatchOrder, change: BatchChange) -> dict[str, AttributeValue]:
    """Return the attributes of a batch, as it is now."""
    counts = change.counts
    attributes: dict[str, AttributeValue] = {
        BATCH_ID: order.batch_id,
        "overnight.batch.status": change.status.value,
        "overnight.lines.total": counts.total,
        "overnight.lines.completed": counts.completed,
        "overnight.lines.failed": counts.failed,
        genai.OPERATION: genai.operation_name(order.endpoint),
    }
    if change.model is not None:
        attributes[genai.RESPONSE_MODEL] = change.model
    if change.usage is not None:
        attributes |= genai.usage_attributes(change.usage)
    if change.cost is not None:
        attributes["overnight.cost_usd"] = float(change.cost)
    providers = (
        {entry.provider for entry in change.account.entries if entry.provider} if change.account else set()
    )
    if len(providers) == 1:
        attributes[genai.PROVIDER] = genai.provider_name(providers.pop())
    return attributes

"""A shard's plan as it is kept in storage."""

import msgspec

from overnight.domain.plan import ShardPlan

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ShardPlan)


def encode_plan(plan: ShardPlan) -> bytes:
    """Return the plan as JSON."""
    return _encoder.encode(plan)


def decode_plan(content: bytes) -> ShardPlan:
    """Return the plan that `encode_plan` wrote."""
    return _decoder.decode(content)

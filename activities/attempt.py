"""What an attempt calls what it writes, so that no other attempt ever writes there."""

import secrets

from temporalio import activity


def attempt_name() -> str:
    """Return a name that no other attempt at the running activity has, before or after."""
    # Temporal numbers attempts from 1 again after a Reset, so the number alone would name two of them.
    return f"{activity.info().attempt:04d}-{secrets.token_hex(4)}"

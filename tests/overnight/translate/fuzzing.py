"""How properties are tried: the same cases every time, and as slowly as a busy machine likes."""

from hypothesis import HealthCheck, settings

PATIENT = settings(
    deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

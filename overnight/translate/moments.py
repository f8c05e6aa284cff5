"""When an answer was made, as a provider writes it."""

from datetime import UTC, datetime


def unix_seconds(*written: str | None) -> int:
    """Return the first of these ISO 8601 moments that can be read, in Unix seconds; 0 if none can."""
    for moment in written:
        try:
            if moment:
                read = datetime.fromisoformat(moment)
                return max(0, int(read.replace(tzinfo=read.tzinfo or UTC).timestamp()))
        except (ValueError, OverflowError):
            continue
    return 0

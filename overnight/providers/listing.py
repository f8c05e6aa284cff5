"""A provider's lists, page by page and newest first, no further back than needed."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from overnight.providers.shapes import Raw, moment_of, text_of

GetPage = Callable[[Mapping[str, str]], Awaitable[Raw]]

CLOCK_SKEW = timedelta(minutes=10)
"""How far the provider's clock may be from ours."""


async def listed_since(
    since: datetime, *, get: GetPage, query: Mapping[str, str]
) -> AsyncGenerator[Raw, None]:
    """Yield the items that are not older than `since`, give or take the clocks; each once.

    A listing that does not say when an item was made, or that is not sorted, is read to its end.
    """
    horizon = since - CLOCK_SKEW
    seen: set[str] = set()
    place: Mapping[str, str] | None = {}
    while place is not None:
        page = await get({**query, **place})
        new = [item for item in _items(page) if text_of(item.get("id")) not in seen]
        for item in new:
            seen.add(text_of(item.get("id")) or "")
            if (moment_of(item.get("created_at")) or horizon) >= horizon:
                yield item
        # A provider that ignores where to go on sends the same page for ever.
        place = _next_place(page, new) if new and not _sinks_below(horizon, new) else None


def _items(page: Raw) -> list[Raw]:
    data = page.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _next_place(page: Raw, items: Sequence[Raw]) -> Mapping[str, str] | None:
    """Return what to ask for next: OpenAI's `after`, or the cursor that Groq hands out."""
    paging = page.get("paging")
    cursor = text_of(paging.get("next_cursor")) if isinstance(paging, dict) else None
    if cursor:
        return {"cursor": cursor}
    last = text_of(page.get("last_id")) or text_of(items[-1].get("id"))
    return {"after": last} if page.get("has_more") is True and last else None


def _sinks_below(horizon: datetime, items: Sequence[Raw]) -> bool:
    """Tell whether a page that runs from new to old has got past the horizon."""
    first, last = moment_of(items[0].get("created_at")), moment_of(items[-1].get("created_at"))
    return first is not None and last is not None and first >= last and last < horizon

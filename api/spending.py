"""`GET /v1/spend`: what ended batches have cost, by day, model, provider, project, key or a tag."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.cost_schemas import TokenTotals
from api.gateway import DEFAULT_PROJECT, TheGateway
from api.tables import as_csv
from overnight.domain.errors import InvalidRequest
from overnight.domain.price import usd_told
from overnight.domain.spend import Spend, SpendBy, SpendQuery

router = APIRouter(prefix="/spend", tags=["spend"])


class SpendGroup(BaseModel):
    """What the batches of one group came to."""

    group: dict[SpendBy, str | None]
    batches: int
    requests: int
    unpriced_requests: int = Field(description="Answers whose price nobody knows, which `cost_usd` lacks.")
    tokens: TokenTotals
    cost_usd: str

    @classmethod
    def of(cls, spend: Spend) -> Self:
        """Return the object of a group."""
        return cls(
            group=dict(spend.group),
            batches=spend.batches,
            requests=spend.lines,
            unpriced_requests=spend.unpriced_lines,
            tokens=TokenTotals.of(spend.usage),
            cost_usd=usd_told(spend.usd),
        )


class SpendReport(BaseModel):
    """All groups there are, in their order."""

    object: Literal["list"] = "list"
    currency: Literal["usd"] = "usd"
    group_by: list[SpendBy]
    data: list[SpendGroup]


_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}


@router.get("", response_model=SpendReport, responses=_CSV)
async def get_spend(
    gateway: TheGateway,
    *,
    group_by: Annotated[
        str, Query(description="One or several of day, model, provider, project, key, tag")
    ] = "day",
    since: Annotated[date | None, Query(description="The first day (UTC) on which a batch ended")] = None,
    until: Annotated[date | None, Query(description="The last one")] = None,
    tag: Annotated[str | None, Query(description="The key of the metadata that `tag` groups by")] = None,
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 - its name on the wire
) -> Response | SpendReport:
    """Add up what batches cost that have ended. An answer counts on the day its batch ended, in UTC."""
    by = _groups(group_by, tag)
    query = SpendQuery(project=DEFAULT_PROJECT, by=by, since=since, until=until, tag=tag)
    groups = [SpendGroup.of(spend) for spend in await gateway.catalog.spend(query)]
    if format == "csv":
        return Response(_as_csv(by, groups), media_type="text/csv; charset=utf-8")
    return SpendReport(group_by=list(by), data=groups)


def _groups(asked: str, tag: str | None) -> tuple[SpendBy, ...]:
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(SpendBy)]
    if unknown or not names:
        wrong = unknown[0] if unknown else asked
        message = f"Invalid 'group_by': {wrong!r} is not one of {', '.join(SpendBy)}."
        raise InvalidRequest(message, param="group_by", code="invalid_value")
    by = tuple(dict.fromkeys(SpendBy(name) for name in names))
    if (SpendBy.TAG in by) != (tag is not None):
        message = "To group by a tag, say `group_by=tag` and `tag=` with the key of the batches' metadata."
        raise InvalidRequest(message, param="tag", code="invalid_value")
    return by


def _as_csv(by: Sequence[SpendBy], groups: Sequence[SpendGroup]) -> str:
    tokens = tuple(TokenTotals.model_fields)
    header = [*by, "batches", "requests", "unpriced_requests", *tokens, "cost_usd"]
    return as_csv([header, *(_cells(each, by, tokens) for each in groups)])


def _cells(group: SpendGroup, by: Sequence[SpendBy], tokens: Sequence[str]) -> list[object]:
    counted = group.tokens.model_dump()
    return [
        *(group.group[one] for one in by),
        group.batches,
        group.requests,
        group.unpriced_requests,
        *(counted[name] for name in tokens),
        group.cost_usd,
    ]

"""`POST /v1/batches/estimate`: what a batch may use and cost, before it does. Nothing is made."""

from typing import Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from activities.estimating import Estimated, estimated_for
from activities.inspection import inspected, scratch_folder, unable
from api.cost_schemas import PriceObject, Usd
from api.gateway import DEFAULT_PROJECT, Gateway, TheGateway
from api.json_route import BoundedRoute
from api.requests import BatchCreate
from api.routing import TheHint, require_usable
from overnight.domain.batch import BatchError
from overnight.domain.errors import InvalidRequest
from overnight.domain.estimate import CostRange, TokenRange
from overnight.domain.price import usd_told
from overnight.providers import endpoints_of

router = APIRouter(prefix="/batches", tags=["batches"], route_class=BoundedRoute)


class TokenRangeObject(BaseModel):
    """Tokens; null is for what nobody knows: what a model without a past reads of audio, or may write."""

    low: int
    likely: int | None
    high: int | None

    @classmethod
    def of(cls, tokens: TokenRange) -> Self:
        """Return the object of a range."""
        return cls(low=tokens.low, likely=tokens.likely, high=tokens.high)


class CostRangeObject(BaseModel):
    """US dollars, from the cheapest deployment with the least tokens to the dearest with the most."""

    low: Usd
    likely: Usd | None
    high: Usd | None

    @classmethod
    def of(cls, cost: CostRange) -> Self:
        """Return the object of a range."""
        likely, high = cost.likely, cost.high
        return cls(
            low=usd_told(cost.low),
            likely=None if likely is None else usd_told(likely),
            high=None if high is None else usd_told(high),
        )


class InputError(BaseModel):
    """How far the input of past batches was from what had been approximated, in parts of that."""

    low: float
    high: float
    measured_on_batches: int = Field(
        description="0 where this model has no past batches: the error is then one that is assumed."
    )


class EstimatedPrice(BaseModel):
    """What one of the model's deployments charges."""

    deployment: str | None
    provider: str | None
    price: PriceObject | None
    reason: str | None


class EstimateObject(BaseModel):
    """What a batch may use and cost."""

    object: Literal["batch.estimate"] = "batch.estimate"
    model: str
    requests: int
    input_tokens: TokenRangeObject
    input_error: InputError
    output_tokens: TokenRangeObject
    cost_usd: CostRangeObject | None
    reason: str | None = Field(description="Why there is no cost.")
    prices: list[EstimatedPrice]

    @classmethod
    def of(cls, model: str, found: Estimated) -> Self:
        """Return the object of an estimate."""
        estimate = found.estimate
        return cls(
            model=model,
            requests=estimate.requests,
            input_tokens=TokenRangeObject.of(estimate.input),
            input_error=InputError(
                low=round(estimate.error_low, 4),
                high=round(estimate.error_high, 4),
                measured_on_batches=estimate.measured_on,
            ),
            output_tokens=TokenRangeObject.of(estimate.output),
            cost_usd=CostRangeObject.of(found.cost) if found.cost else None,
            reason=found.unpriced,
            prices=[
                EstimatedPrice(
                    deployment=quoted.deployment,
                    provider=quoted.provider,
                    price=PriceObject.of(quoted.price.id, quoted.price) if quoted.price else None,
                    reason=quoted.reason,
                )
                for quoted in found.quotes
            ],
        )


@router.post("/estimate")
async def post_estimate(wanted: BatchCreate, gateway: TheGateway, hint: TheHint) -> EstimateObject:
    """Read the input, and say what a batch of it may use and cost. The body is that of a create."""
    provider = hint.with_field(wanted.custom_llm_provider)
    require_usable(provider, gateway.settings)
    return await _estimate(wanted, gateway, provider)


async def _estimate(wanted: BatchCreate, gateway: Gateway, provider: str | None) -> EstimateObject:
    now = gateway.clock()
    file = await gateway.catalog.file(wanted.input_file_id, project=DEFAULT_PROJECT, now=now)
    provider = provider or file.provider
    with scratch_folder() as scratch:
        inspection, demand = await inspected(
            gateway.storage,
            file.key,
            settings=gateway.settings,
            endpoint=wanted.endpoint,
            provider=provider,
            scratch=scratch,
        )
        for problem in inspection.problems():
            raise _invalid(problem, more=inspection.problem_count - 1)
    model = inspection.model or ""
    serving = gateway.settings.deployments_for(model, provider)
    able = tuple(each for each in serving if wanted.endpoint in endpoints_of(each))
    if not able:
        raise _invalid(unable(wanted.endpoint, serving), more=0)
    found = await estimated_for(gateway.catalog, demand, able, model=model, project=DEFAULT_PROJECT, at=now)
    return EstimateObject.of(model, found)


def _invalid(problem: BatchError, *, more: int) -> InvalidRequest:
    where = f"Line {problem.line}: " if problem.line else ""
    others = f" ({more} other lines are wrong as well)" if more else ""
    return InvalidRequest(f"{where}{problem.message}{others}", param=problem.param, code=problem.code)

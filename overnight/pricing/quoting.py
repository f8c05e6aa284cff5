"""What a model's answers are charged at: as the operator has declared it, or as the provider lists it."""

from datetime import datetime

from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment
from overnight.domain.price import Quote
from overnight.pricing.price_list import NotListed, list_price


def quote(
    deployment: Deployment, model: str | None, *, at: datetime, service_tier: str | None = None
) -> Quote:
    """Return what `model`, as an answer called itself, costs at the deployment at that time.

    An operator's own price wins. A price that nobody knows is None with a reason, which is not the same as 0.
    The service tier that an answer names counts where lines are sent one by one; a batch API has one price.
    """
    tier = service_tier if deployment.lane is BatchLane.LINES else None
    price, reason = deployment.tier_prices.get(tier or "", deployment.price), None
    if price is None:
        try:
            price = list_price(deployment, _names(deployment, model), at=at, service_tier=tier)
        except NotListed as error:
            reason = f"{error}; model_info of {deployment.model_name} has none"
    return Quote(
        deployment=deployment.id,
        provider=deployment.provider,
        model=model,
        price=price,
        reason=reason,
        service_tier=service_tier,
    )


def _names(deployment: Deployment, model: str | None) -> list[str]:
    # An answer names the exact version; at Azure, what the deployment is called is its owner's choice.
    names = deployment.base_model, model, deployment.model
    known = [name for name in names if name and name != ANY_MODEL]
    return [*known, *(name.rpartition("/")[2] for name in known)]

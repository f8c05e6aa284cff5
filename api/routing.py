"""Which provider a client asks for: LiteLLM's clients say so in any of four places."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from starlette.exceptions import HTTPException

from api.requests import ProviderName
from overnight.config import KNOWN_PROVIDERS, Settings
from overnight.domain.batch import Batch
from overnight.domain.errors import InvalidRequest

FIELD = "custom_llm_provider"
HEADER = "custom-llm-provider"
PATH = "/{provider}/v1"
"""Where everything is served once more, for clients whose base URL names the provider."""


async def require_known_provider(request: Request) -> None:
    """Let a request below PATH pass, or raise a 404: nobody has ever heard of that URL."""
    if request.path_params["provider"] not in KNOWN_PROVIDERS:
        raise HTTPException(404)


@dataclass(frozen=True, slots=True)
class Hint:
    """What path, header and query say of the provider; None where they say nothing."""

    path: str | None
    header: str | None
    query: str | None

    def with_field(self, field: str | None) -> str | None:
        """Return the provider that these and a field of the body agree on, None if nobody names one.

        Raises InvalidRequest when they name several.
        """
        places = {
            "the path": self.path,
            f"the header '{HEADER}'": self.header,
            f"the query parameter '{FIELD}'": self.query,
            f"the field '{FIELD}'": field,
        }
        said = {place: name for place, name in places.items() if name}
        if len(set(said.values())) > 1:
            listed = ", ".join(f"{place} says '{name}'" for place, name in said.items())
            message = f"The request names more than one provider: {listed}."
            raise InvalidRequest(message, param=FIELD, code="invalid_value")
        return next(iter(said.values()), None)


def require_usable(provider: str | None, settings: Settings) -> None:
    """Raise InvalidRequest, saying what is missing, when nothing can be for this provider."""
    why = settings.why_none_at(provider) if provider else None
    if why:
        raise InvalidRequest(why, param=FIELD, code="invalid_value")


def provider_of(batch: Batch, settings: Settings) -> str | None:
    """Return whom a batch is for: the provider it names, or that of all its deployments; None if open."""
    named = {*batch.deployments}
    running = {each.provider for each in settings.all_deployments if not named.isdisjoint(each.ids)}
    return batch.order.provider or (running.pop() if len(running) == 1 else None)


async def _hint_of(
    request: Request,
    header: Annotated[ProviderName | None, Header(alias=HEADER)] = None,
    query: Annotated[ProviderName | None, Query(alias=FIELD)] = None,
) -> Hint:
    return Hint(path=request.path_params.get("provider"), header=header, query=query)


TheHint = Annotated[Hint, Depends(_hint_of)]

"""The `litellm_params` of one entry → a deployment: which provider, which lane, how hard, what price."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from overnight.config.access import Access
from overnight.config.credentials import Credential
from overnight.config.document import Place
from overnight.config.prices import declared_price, declared_tiers
from overnight.config.reading import Reading
from overnight.config.schema import ModelInfo, ModelParams
from overnight.config.vendors import AZURE, BATCHES_ONLY, KNOWN, OPENAI, SELF_HOSTED, VERTEX, listed
from overnight.domain.deployment import (
    ANY_MODEL,
    DEFAULT_LINE_TIMEOUT,
    DEFAULT_PARALLEL_REQUESTS,
    BatchLane,
    Deployment,
)

_AZURES_ONLY = ("api_version", "azure_ad_token")
_OPENAIS_ONLY = ("organization", "project")
_VERTEXES_ONLY = ("vertex_project", "vertex_location", "vertex_credentials", "gcs_bucket_name", "bucket_name")
_STRANGE = {
    AZURE: (*_OPENAIS_ONLY, *_VERTEXES_ONLY),
    VERTEX: (*_OPENAIS_ONLY, *_AZURES_ONLY, "api_key"),
}
"""The keys that mean nothing to a provider; those that copy OpenAI are told nothing of the others' keys."""
_BOUNDS_OF_LINES = ("max_parallel_requests", "rpm", "tpm")

_NO_BOUNDS = (
    "{name}: {keys} would bound lines that Overnight sends itself, but {provider}'s batch API runs these, "
    "within limits of its own."
)
_BY_ENTRA_ID = "{name}: it has no key and no token, so Azure is asked with {source}."
_NO_BATCH_API = (
    "{provider}/ has no batch API; if the server at api_base copies OpenAI's, say model: openai/{name}"
)
_ONLY_BATCHES = {
    AZURE: (
        "azure/ models are run by Azure's batch API; to have each line sent by itself, say "
        "model: openai/{name} with the resource's address and /openai/v1 as api_base"
    ),
    VERTEX: (
        "vertex_ai/ models are run by Vertex AI's batch prediction; to have each line sent by itself, say "
        "model: openai/{name} with the address of an endpoint that speaks OpenAI's API as api_base"
    ),
}


class _Model(NamedTuple):
    provider: str
    name: str


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters that are in order by themselves; whether they agree with one another is found out here.

    `place` is where they stand in the file: `model_list`, position, `litellm_params`.
    """

    reading: Reading
    params: ModelParams
    place: Place

    def deployment(self, model_name: str, info: ModelInfo) -> Deployment | None:
        """Return the deployment, still without an id, or None if `reading` has got a problem with it."""
        params, model = self.params, self._model()
        if model is None:
            return None
        access = Access(self.reading, params, self.place, model.provider)
        base, credential, lane = access.base(), access.credential(), self._lane(model, access)
        google = access.google(credential)
        self._check_wildcards(model_name, model)
        if base is None:
            return None
        lag = params.batch_list_lag_seconds
        self._set_aside(model)
        self._warn(model_name, model, credential, lane)
        return Deployment(
            id="",
            model_name=model_name,
            provider=model.provider,
            model=model.name,
            api_base=base,
            api_version=access.api_version(),
            api_key=None if google else credential.key,
            ad_token=credential.token,
            key_source=credential.source,
            organization=access.organization(),
            project=access.project(),
            lane=lane,
            timeout=timedelta(seconds=params.timeout) if params.timeout else DEFAULT_LINE_TIMEOUT,
            max_parallel_requests=params.max_parallel_requests or DEFAULT_PARALLEL_REQUESTS,
            rpm=params.rpm,
            tpm=params.tpm,
            list_lag=None if lag is None else timedelta(seconds=lag),
            google=google,
            # LiteLLM, too, lets a price among the parameters win over one in `model_info`.
            price=declared_price(params, info, lane=lane),
            tier_prices=declared_tiers(params, info, lane=lane),
            base_model=info.base_model or params.base_model,
        )

    def _model(self) -> _Model | None:
        provider, slash, name = self.params.model.partition("/")
        mine = f"this version runs {listed(KNOWN)} models"
        if not slash or not name:
            self._problem("model", f"should name a provider and a model, as in {OPENAI}/{provider}")
        elif provider not in KNOWN:
            self._problem("model", f"nobody knows the provider `{provider}`; {mine}")
        else:
            # LiteLLM marks a family of models before Azure's deployment, which itself has no slash.
            return _Model(provider, name.rpartition("/")[2] if provider == AZURE else name)
        return None

    def _lane(self, model: _Model, access: Access) -> BatchLane:
        wanted = self.params.batch_lane
        if wanted is BatchLane.NATIVE and model.provider == SELF_HOSTED:
            self._problem("batch_lane", _NO_BATCH_API.format(**model._asdict()))
        if wanted is BatchLane.LINES and model.provider in BATCHES_ONLY:
            self._problem("batch_lane", _ONLY_BATCHES[model.provider].format(name=model.name))
        has_batch_api = model.provider in BATCHES_ONLY or access.is_openais
        return wanted or (BatchLane.NATIVE if has_batch_api else BatchLane.LINES)

    def _check_wildcards(self, model_name: str, model: _Model) -> None:
        if "*" in model_name and model_name != ANY_MODEL:
            place = (*self.place[:-1], "model_name")
            self.reading.problem(place, "a `*` can stand for any name, but not for a part of one")
        elif "*" in model.name and (model.name, model_name) != (ANY_MODEL, ANY_MODEL):
            self._problem("model", f"{model.provider}/* goes with the model_name `*` only")

    def _set_aside(self, model: _Model) -> None:
        strange = _STRANGE.get(model.provider, (*_AZURES_ONLY, *_VERTEXES_ONLY))
        document = self.reading.document
        self.reading.set_aside.extend(document.path((*self.place, key)) for key in self._given(strange))

    def _warn(self, name: str, model: _Model, credential: Credential, lane: BatchLane) -> None:
        if credential.is_entra_id:
            self.reading.warnings.append(_BY_ENTRA_ID.format(name=name, source=credential.source))
        bounds = self._given(_BOUNDS_OF_LINES)
        if lane is BatchLane.NATIVE and bounds:
            told = {"name": name, "keys": " and ".join(bounds), "provider": model.provider}
            self.reading.warnings.append(_NO_BOUNDS.format(**told))

    def _given(self, keys: tuple[str, ...]) -> list[str]:
        return [key for key in keys if getattr(self.params, key) is not None]

    def _problem(self, key: str, what: str) -> None:
        self.reading.problem((*self.place, key), what)

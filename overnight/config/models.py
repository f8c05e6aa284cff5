"""`model_list` → deployments: which provider, where, with which key, how hard, and at what price."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from overnight.config.addresses import fault_in, points_at
from overnight.config.document import Place
from overnight.config.prices import declared_price
from overnight.config.reading import Reading
from overnight.config.schema import ModelEntry, ModelInfo, ModelParams
from overnight.config.settings import ANY_MODEL
from overnight.domain.deployment import (
    DEFAULT_LINE_TIMEOUT,
    DEFAULT_PARALLEL_REQUESTS,
    BatchLane,
    Deployment,
)
from overnight.domain.ids import deployment_id

OPENAI = "openai"
OPENAI_BASE = "https://api.openai.com/v1"
OPENAI_KEY = "OPENAI_API_KEY"
SELF_HOSTED = "hosted_vllm"
_NOT_YET = ("azure", "vertex_ai")

_SENT_AS_LINES = (
    "{name}: this version does not drive OpenAI's own batch API yet, so every line is sent to {base} as a "
    "request of its own, at the ordinary price. Say batch_lane: lines if that is what you want."
)
_POINTS_AT_ITSELF = (
    "{name}: its api_base {base} is this gateway itself, where no model answers, so its lines can't be "
    "answered. Put the address of the model's own server there."
)
_DUPLICATE = "'{name}' has an entry with this model and api_base already; several entries must differ in one"


class _Model(NamedTuple):
    provider: str
    name: str


def read_deployments(
    reading: Reading, entries: Sequence[object], *, gateway_port: int
) -> tuple[Deployment, ...]:
    """Return the deployments of `model_list`, leaving out those with problems, which `reading` keeps."""
    found: list[Deployment] = []
    for position, raw in enumerate(entries):
        place: Place = ("model_list", position)
        deployment = _read_deployment(reading, raw, place)
        if deployment is None:
            continue
        alike = [each for each in found if _identity(each) == _identity(deployment)]
        if any(each.api_base == deployment.api_base for each in alike):
            reading.problem(place, _DUPLICATE.format(name=deployment.model_name))
        if points_at(deployment.api_base, gateway_port):
            where = {"name": deployment.model_name, "base": deployment.api_base}
            reading.warnings.append(_POINTS_AT_ITSELF.format(**where))
        found.append(replace(deployment, id=_id(deployment, number=len(alike))))
    return tuple(found)


def _identity(deployment: Deployment) -> tuple[str, str, str]:
    return deployment.model_name, deployment.provider, deployment.model


def _id(deployment: Deployment, *, number: int) -> str:
    # Not the address: running batches name a deployment by its id, and are to follow it when it moves.
    return deployment_id(*_identity(deployment), str(number))


def openai_for_any_model(api_key: str) -> tuple[Deployment, str]:
    """Return the one deployment there is without a file, OpenAI under any name, and what to warn of."""
    deployment = Deployment(
        id=deployment_id(ANY_MODEL, OPENAI, ANY_MODEL, "0"),
        model_name=ANY_MODEL,
        provider=OPENAI,
        model=ANY_MODEL,
        api_base=OPENAI_BASE,
        api_key=api_key,
    )
    return deployment, _SENT_AS_LINES.format(name=OPENAI_KEY, base=OPENAI_BASE)


def _read_deployment(reading: Reading, raw: object, place: Place) -> Deployment | None:
    entry = reading.section(ModelEntry, raw, place)
    if entry is None:
        return None
    params_place = (*place, "litellm_params")
    info = reading.section(ModelInfo, entry.model_info, (*place, "model_info"))
    params = reading.section(ModelParams, entry.litellm_params, params_place)
    if params is None or info is None:
        return None
    return _Parameters(reading, params, params_place).deployment(entry.model_name, info)


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The `litellm_params` of one entry, in order by themselves, and whether they agree with one another."""

    reading: Reading
    params: ModelParams
    place: Place

    def deployment(self, model_name: str, info: ModelInfo) -> Deployment | None:
        params, model = self.params, self._model()
        self._check_lane()
        base, key = self._base(model), self._key(model)
        if model is None or base is None:
            return None
        self._check_wildcards(model_name, model)
        if model.provider == OPENAI and params.api_base is None and params.batch_lane is None:
            self.reading.warnings.append(_SENT_AS_LINES.format(name=model_name, base=base))
        return Deployment(
            id="",
            model_name=model_name,
            provider=model.provider,
            model=model.name,
            api_base=base,
            api_key=key,
            organization=params.organization,
            timeout=timedelta(seconds=params.timeout) if params.timeout else DEFAULT_LINE_TIMEOUT,
            max_parallel_requests=params.max_parallel_requests or DEFAULT_PARALLEL_REQUESTS,
            rpm=params.rpm,
            tpm=params.tpm,
            # LiteLLM, too, lets a price among the parameters win over one in `model_info`.
            price=declared_price(params, info),
        )

    def _model(self) -> _Model | None:
        provider, slash, name = self.params.model.partition("/")
        mine = f"this version runs {OPENAI}/ and {SELF_HOSTED}/ models"
        if not slash or not name:
            self._problem("model", f"should name a provider and a model, as in {OPENAI}/{provider}")
        elif provider in _NOT_YET:
            self._problem("model", f"{mine}, not {provider}/ ones")
        elif provider not in (OPENAI, SELF_HOSTED):
            self._problem("model", f"nobody knows the provider `{provider}`; {mine}")
        else:
            return _Model(provider, name)
        return None

    def _check_wildcards(self, model_name: str, model: _Model) -> None:
        if "*" in model_name and model_name != ANY_MODEL:
            place = (*self.place[:-1], "model_name")
            self.reading.problem(place, "a `*` can stand for any name, but not for a part of one")
        elif "*" in model.name and (model.name, model_name) != (ANY_MODEL, ANY_MODEL):
            self._problem("model", f"{model.provider}/* goes with the model_name `*` only")

    def _check_lane(self) -> None:
        if self.params.batch_lane is BatchLane.NATIVE:
            what = "`native` is not available in this version, which sends every line itself; say `lines`"
            self._problem("batch_lane", what)

    def _base(self, model: _Model | None) -> str | None:
        base = self.params.api_base
        if base is not None:
            fault = fault_in(base)
            if fault:
                self._problem("api_base", fault)
            return None if fault else base.rstrip("/")
        if model and model.provider == SELF_HOSTED:
            self._problem("api_base", f"is missing: where does {model.name} run? (http://host:port/v1)")
            return None
        return OPENAI_BASE

    def _key(self, model: _Model | None) -> str | None:
        key, base = self.params.api_key, self.params.api_base
        if key is not None or base is not None or model is None or model.provider != OPENAI:
            return key
        # OpenAI's own key goes to OpenAI only, never to an endpoint that somebody else runs.
        usual = self.reading.environ.get(OPENAI_KEY)
        if not usual:
            self._problem("api_key", f"is missing, and the environment variable {OPENAI_KEY} is not set")
        return usual

    def _problem(self, key: str, what: str) -> None:
        self.reading.problem((*self.place, key), what)

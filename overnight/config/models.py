"""`model_list` → deployments, each with an id that stays, and no two of them the same."""

from collections.abc import Sequence
from dataclasses import replace

from overnight.config.addresses import points_at
from overnight.config.document import Place
from overnight.config.parameters import Parameters
from overnight.config.reading import Reading
from overnight.config.schema import ModelEntry, ModelInfo, ModelParams
from overnight.domain.deployment import Deployment
from overnight.domain.ids import deployment_id

_POINTS_AT_ITSELF = (
    "{name}: its api_base {base} is this gateway itself, where no model answers, so its lines can't be "
    "answered. Put the address of the model's own server there."
)
_DUPLICATE = (
    "'{name}' has an entry with this model, api_base and key already; several entries must differ in one"
)


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
        if any(_access(each) == _access(deployment) for each in alike):
            reading.problem(place, _DUPLICATE.format(name=deployment.model_name))
        if points_at(deployment.api_base, gateway_port):
            where = {"name": deployment.model_name, "base": deployment.api_base}
            reading.warnings.append(_POINTS_AT_ITSELF.format(**where))
        found.append(replace(deployment, id=_id(deployment, number=len(alike))))
    return tuple(found)


def _identity(deployment: Deployment) -> tuple[str, str, str]:
    return deployment.model_name, deployment.provider, deployment.model


def _access(deployment: Deployment) -> tuple[object, ...]:
    account = deployment.api_key, deployment.ad_token, deployment.organization, deployment.project
    return deployment.api_base, *account, deployment.google


def _id(deployment: Deployment, *, number: int) -> str:
    # Not the address: running batches name a deployment by its id, and are to follow it when it moves.
    return deployment_id(*_identity(deployment), str(number))


def _read_deployment(reading: Reading, raw: object, place: Place) -> Deployment | None:
    entry = reading.section(ModelEntry, raw, place)
    if entry is None:
        return None
    params_place = (*place, "litellm_params")
    info = reading.section(ModelInfo, entry.model_info, (*place, "model_info"))
    params = reading.section(ModelParams, entry.litellm_params, params_place)
    if params is None or info is None:
        return None
    return Parameters(reading, params, params_place).deployment(entry.model_name, info)

"""`model_list` → deployments, each with an id that stays, and no two of them the same."""

from collections.abc import Sequence

from overnight.config.addresses import points_at
from overnight.config.document import Place
from overnight.config.identity import Entry, kind_of, with_ids
from overnight.config.parameters import Parameters
from overnight.config.reading import Reading
from overnight.config.schema import ModelEntry, ModelInfo, ModelParams
from overnight.domain.deployment import Deployment

_POINTS_AT_ITSELF = (
    "{name}: its api_base {base} is this gateway itself, where no model answers, so its lines can't be "
    "answered. Put the address of the model's own server there."
)
_DUPLICATE = (
    "'{name}' has an entry with this model, api_base and key already; several entries must differ in one"
)
_SAME_ID = "another entry has this id already; jobs that run are told apart by it"


def read_deployments(
    reading: Reading, entries: Sequence[object], *, gateway_port: int
) -> tuple[Deployment, ...]:
    """Return the deployments of `model_list`, leaving out those with problems, which `reading` keeps."""
    found: list[Entry] = []
    for position, raw in enumerate(entries):
        place: Place = ("model_list", position)
        entry = _read_entry(reading, raw, place)
        if entry is not None:
            _check(reading, entry, place, beside=found, gateway_port=gateway_port)
            found.append(entry)
    return tuple(with_ids(found))


def _check(
    reading: Reading, entry: Entry, place: Place, *, beside: Sequence[Entry], gateway_port: int
) -> None:
    deployment = entry.deployment
    alike = (each.deployment for each in beside if kind_of(each.deployment) == kind_of(deployment))
    if any(_access(each) == _access(deployment) for each in alike):
        reading.problem(place, _DUPLICATE.format(name=deployment.model_name))
    if entry.own_id is not None and any(each.own_id == entry.own_id for each in beside):
        reading.problem((*place, "model_info", "id"), _SAME_ID)
    if points_at(deployment.api_base, gateway_port):
        where = {"name": deployment.model_name, "base": deployment.api_base}
        reading.warnings.append(_POINTS_AT_ITSELF.format(**where))


def _access(deployment: Deployment) -> tuple[object, ...]:
    account = deployment.api_key, deployment.ad_token, deployment.organization, deployment.project
    return deployment.api_base, *account, deployment.google


def _read_entry(reading: Reading, raw: object, place: Place) -> Entry | None:
    entry = reading.section(ModelEntry, raw, place)
    if entry is None:
        return None
    params_place = (*place, "litellm_params")
    info = reading.section(ModelInfo, entry.model_info, (*place, "model_info"))
    params = reading.section(ModelParams, entry.litellm_params, params_place)
    if params is None or info is None:
        return None
    deployment = Parameters(reading, params, params_place).deployment(entry.model_name, info)
    return None if deployment is None else Entry(deployment, info.id)

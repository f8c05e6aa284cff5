"""What callers ask for, checked as Vertex AI checks it; what does not pass is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from simulators.native.manner import Json
from simulators.native.refusals import Reason, Refusal
from simulators.vertex.buckets import Place
from simulators.vertex.jobs import Order
from simulators.vertex.models import model_of
from simulators.vertex.rows import field_of, snake

_FIELDS = (
    "name",
    "displayName",
    "model",
    "modelVersionId",
    "unmanagedContainerModel",
    "inputConfig",
    "instanceConfig",
    "modelParameters",
    "outputConfig",
    "dedicatedResources",
    "serviceAccount",
    "manualBatchTuningParameters",
    "generateExplanation",
    "explanationSpec",
    "labels",
    "encryptionSpec",
    "disableContainerLogging",
)
_JOB = "batch_prediction_job"
_FORMAT = "jsonl"
_LONGEST_NAME = 128
_MOST_LABELS = 64
_LONGEST_LABEL = 63


def order_of(said: object, *, project: str, location: str, served: Collection[str] | None) -> Order:
    """Check what a job is to be. Raises Refusal."""
    if not isinstance(said, dict):
        raise Refusal(Reason.BAD_REQUEST, problem="The body has to be an object.")
    asked = _known(said)
    model = model_of(_text(asked, "model"), served)
    uris = _uris(_config(asked, "inputConfig", "instancesFormat", "gcsSource").get("uris"))
    output = _config(asked, "outputConfig", "predictionsFormat", "gcsDestination")
    instance = asked.get("instanceConfig") or {}
    return Order(
        project=project,
        location=location,
        display_name=_display_name(asked),
        model=model,
        uris=[_place(uri, "input_config.gcs_source.uris") for uri in uris],
        output=_place(_text(output, "outputUriPrefix"), "output_config.gcs_destination.output_uri_prefix"),
        labels=_labels(asked.get("labels")),
        key_field=field_of(instance, "keyField"),
        parameters=asked.get("modelParameters") or {},
        said=_said(asked, uris),
    )


def page_size(said: str | None, *, usual: int, most: int) -> int:
    """Return how many jobs a page has; more than `most` is cut down to it. Raises Refusal."""
    if not said:
        return usual
    if not said.isdecimal():
        raise Refusal(Reason.BAD_REQUEST, problem=f"Invalid value at 'page_size' (TYPE_INT32), \"{said}\"")
    return min(int(said) or usual, most)


def _known(said: Mapping[str, Any]) -> Json:
    """Return the fields under the names that JSON has for them."""
    names = {each: name for name in _FIELDS for each in (name, snake(name))}
    for name in said:
        if name not in names:
            raise Refusal(
                Reason.BAD_REQUEST, problem=f"Unknown name \"{name}\" at '{_JOB}': Cannot find field."
            )
    return {names[name]: value for name, value in said.items()}


def _text(said: Mapping[str, Any], name: str) -> str:
    value = field_of(said, name)
    if not value:
        raise Refusal(Reason.MISSING_PARAMETER, param=f"{_JOB}.{snake(name)}")
    if not isinstance(value, str):
        raise Refusal(Reason.BAD_REQUEST, problem=f"Invalid value at '{_JOB}.{snake(name)}' (TYPE_STRING)")
    return value


def _config(asked: Json, name: str, form: str, source: str) -> Mapping[str, Any]:
    """Return where something lies, of a config that says in which format."""
    config = asked.get(name) or {}
    path = f"{_JOB}.{snake(name)}"
    if not field_of(config, form):
        raise Refusal(Reason.MISSING_PARAMETER, param=f"{path}.{snake(form)}")
    if field_of(config, form) != _FORMAT:
        raise Refusal(
            Reason.INVALID_VALUE,
            param=f"{path}.{snake(form)}",
            problem=f'"{field_of(config, form)}" is not simulated; jsonl is.',
        )
    where = field_of(config, source)
    if not isinstance(where, Mapping):
        raise Refusal(Reason.MISSING_PARAMETER, param=f"{path}.{snake(source)}")
    return where


def _uris(said: object) -> list[str]:
    # A single value may stand for a list of one, as everywhere in Google's JSON.
    uris = [said] if isinstance(said, str) else said
    if not isinstance(uris, list) or not uris:
        raise Refusal(Reason.MISSING_PARAMETER, param=f"{_JOB}.input_config.gcs_source.uris")
    return uris


def _place(uri: str, param: str) -> Place:
    try:
        return Place.of(uri)
    except (TypeError, ValueError) as error:
        problem = f'"{uri}" is not a valid Cloud Storage URI.'
        raise Refusal(Reason.INVALID_VALUE, param=f"{_JOB}.{param}", problem=problem) from error


def _display_name(asked: Json) -> str:
    name = _text(asked, "displayName")
    if len(name) > _LONGEST_NAME:
        raise Refusal(
            Reason.INVALID_VALUE,
            param=f"{_JOB}.display_name",
            problem=f"The display name must be at most {_LONGEST_NAME} characters long.",
        )
    return name


def _labels(said: object) -> Mapping[str, str]:
    labels: Any = said or {}
    fine = isinstance(labels, dict) and len(labels) <= _MOST_LABELS
    if not fine or not all(_is_label(key, value) for key, value in labels.items()):
        raise Refusal(
            Reason.INVALID_VALUE,
            param=f"{_JOB}.labels",
            problem=(
                f"There can be no more than {_MOST_LABELS} labels attached to a single resource. Label keys "
                "and values can only contain lowercase letters, numbers, dashes and underscores. Label keys "
                "must start with a letter or number, and both must be less than 64 characters in length."
            ),
        )
    return dict(labels)


def _is_label(key: object, value: object) -> bool:
    if not isinstance(key, str) or not isinstance(value, str) or max(len(key), len(value)) > _LONGEST_LABEL:
        return False
    fine = all(each in "_-" or (each.isalnum() and not each.isupper()) for each in key + value)
    return fine and key[:1].isalnum()


def _said(asked: Json, uris: list[str]) -> Json:
    """Return what is shown again of an order."""
    config = asked["inputConfig"]
    shown = {name: value for name, value in asked.items() if value and name != "name"}
    shown["inputConfig"] = {
        "instancesFormat": field_of(config, "instancesFormat"),
        "gcsSource": {"uris": uris},
    }
    output = asked["outputConfig"]
    prefix = field_of(field_of(output, "gcsDestination"), "outputUriPrefix")
    shown["outputConfig"] = {
        "predictionsFormat": field_of(output, "predictionsFormat"),
        "gcsDestination": {"outputUriPrefix": prefix},
    }
    return shown

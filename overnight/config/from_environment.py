"""The deployments that the usual environment variables make by themselves, for any model of a provider."""

from collections.abc import Mapping, Sequence

from overnight.config.addresses import fault_in
from overnight.config.azure import azure_address
from overnight.config.credentials import ENTRA_ID, azure_credential, google_credential, openai_credential
from overnight.config.google import bucket_in, usual_base
from overnight.config.reading import Reading
from overnight.config.vendors import (
    AZURE,
    AZURE_BASES,
    AZURE_KEYS,
    GOOGLE_BUCKETS,
    GOOGLE_LOCATIONS,
    GOOGLE_PROJECTS,
    OPENAI,
    OPENAI_BASE,
    OPENAI_ORGANIZATIONS,
    OPENAI_PROJECTS,
    VERTEX,
    first_set,
    value_of,
)
from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment, GooglePlace
from overnight.domain.ids import deployment_id

_UNUSABLE = "{name} {fault}; it makes no model of azure/ available."
_NO_ADDRESS = "{key} is set, but {base} is not: where is the resource? It makes no model of azure/ available."
_NO_PLACE = "{project} is set, but {needed} is not; it makes no model of vertex_ai/ available."
_FIRST_OF_SEVERAL = (
    "the environment has {all}; a batch goes to {others} only when it says so with custom_llm_provider."
)
_NAMES = {OPENAI: "OpenAI", AZURE: "Azure", VERTEX: "Vertex AI"}
_BY_ENTRA_ID = "{base} is asked with {credential}, since neither {key} nor AZURE_AD_TOKEN is set."


def environment_deployments(reading: Reading, *, beside: Sequence[Deployment]) -> tuple[Deployment, ...]:
    """Return one deployment for each provider that the environment has what is needed for, OpenAI first.

    `beside` are those of the file. One of them that serves any model of a provider takes the place of the
    environment's. Where there are none, the environment's are all there is, and are worth more warnings.
    """
    taken = {each.provider for each in beside if each.model_name == ANY_MODEL}
    possible = (_openai(reading.environ), _azure(reading), _vertex(reading))
    found = tuple(each for each in possible if each and each.provider not in taken)
    if not beside:
        reading.warnings.extend(_warnings(reading.environ, found))
    return found


def _openai(environ: Mapping[str, str]) -> Deployment | None:
    credential = openai_credential(environ)
    if credential is None:
        return None
    return Deployment(
        id=_id(OPENAI),
        model_name=ANY_MODEL,
        provider=OPENAI,
        model=ANY_MODEL,
        api_base=OPENAI_BASE,
        api_key=credential.key,
        key_source=credential.source,
        organization=value_of(environ, OPENAI_ORGANIZATIONS),
        project=value_of(environ, OPENAI_PROJECTS),
        lane=BatchLane.NATIVE,
    )


def _azure(reading: Reading) -> Deployment | None:
    base = first_set(reading.environ, AZURE_BASES)
    if base is None:
        return None
    if fault := fault_in(base.value):
        reading.warnings.append(_UNUSABLE.format(name=base.name, fault=fault))
        return None
    address = azure_address(base.value)
    credential = azure_credential(reading.environ)
    return Deployment(
        id=_id(AZURE),
        model_name=ANY_MODEL,
        provider=AZURE,
        model=ANY_MODEL,
        api_base=address.base,
        api_version=address.version(None, environ=reading.environ),
        api_key=credential.key,
        ad_token=credential.token,
        key_source=credential.source,
        lane=BatchLane.NATIVE,
    )


def _vertex(reading: Reading) -> Deployment | None:
    project = value_of(reading.environ, GOOGLE_PROJECTS[:1])
    if project is None:
        return None
    location, bucket = value_of(reading.environ, GOOGLE_LOCATIONS), value_of(reading.environ, GOOGLE_BUCKETS)
    if location is None or bucket is None:
        needed = GOOGLE_LOCATIONS[0] if location is None else GOOGLE_BUCKETS[-1]
        reading.warnings.append(_NO_PLACE.format(project=GOOGLE_PROJECTS[0], needed=needed))
        return None
    credential, place = google_credential(reading.environ), bucket_in(bucket)
    return Deployment(
        id=_id(VERTEX),
        model_name=ANY_MODEL,
        provider=VERTEX,
        model=ANY_MODEL,
        api_base=usual_base(location),
        key_source=credential.source,
        lane=BatchLane.NATIVE,
        google=GooglePlace(
            project=project,
            location=location,
            bucket=place.name,
            prefix=place.prefix,
            credentials=credential.key,
        ),
    )


def _id(provider: str) -> str:
    return deployment_id(ANY_MODEL, provider, ANY_MODEL, "0")


def _warnings(environ: Mapping[str, str], found: tuple[Deployment, ...]) -> list[str]:
    warnings = []
    azure_key = first_set(environ, AZURE_KEYS)
    if azure_key and not first_set(environ, AZURE_BASES):
        warnings.append(_NO_ADDRESS.format(key=azure_key.name, base=AZURE_BASES[0]))
    if len(found) > 1:
        names = [_NAMES[each.provider] for each in found]
        warnings.append(_FIRST_OF_SEVERAL.format(all=" and ".join(names), others=" or ".join(names[1:])))
    warnings += (
        _BY_ENTRA_ID.format(base=each.api_base, credential=each.key_source, key=AZURE_KEYS[0])
        for each in found
        if each.key_source == ENTRA_ID
    )
    return warnings

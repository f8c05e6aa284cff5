"""docker-compose.yml as Docker would read it, for checks and for running its services without Docker."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[2]
COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
EXAMPLE = CHECKOUT / ".env.example"

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")

Service = dict[str, Any]


class MissingVariable(Exception):
    """A variable that has no default is not set, or empty."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in, by the compose specification's rules. Raises MissingVariable."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name, kind, rest = found.groups()
        given = variables.get(name, "")
        if given:
            return given
        if kind == "-":
            return str(rest)
        raise MissingVariable(name)

    return _VARIABLE.sub(value, text)


def example_variables() -> dict[str, str]:
    """Return what .env.example sets, empty values included."""
    lines = (line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def whole(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole file. Raises MissingVariable."""
    composed: dict[str, Any] = yaml.safe_load(interpolate(COMPOSE_FILE.read_text(), variables))
    return composed


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """Return the services by name. Raises MissingVariable."""
    composed: dict[str, Service] = whole(variables)["services"]
    return composed


def ours(composed: Mapping[str, Service]) -> dict[str, Service]:
    """Return the services that are Overnight's own."""
    return {name: service for name, service in composed.items() if service["image"].startswith("overnight:")}

"""One pass over a config file that gathers everything wrong with it before it complains."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from overnight.config.document import Document, Place
from overnight.config.schema import Section
from overnight.domain.errors import InvalidConfig

_REFERENCE = "os.environ/"
_NEAR = 0.6
_ALMOST_THE_SAME = 0.93
"""How alike a note and a price's name must be for the note to be a misspelt price."""

S = TypeVar("S", bound=Section)


@dataclass(slots=True)
class Reading:
    """A document, what was found wrong in it, and what was set aside.

    `variables` names the environment variable that stands for a value, by the value's place.
    """

    document: Document
    environ: Mapping[str, str]
    set_aside: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    variables: dict[Place, str] = field(default_factory=dict)
    _problems: dict[Place, str] = field(default_factory=dict)

    def problem(self, place: Place, what: str) -> None:
        """Note what is wrong at a place; the first thing said about a place is the one that counts."""
        self._problems.setdefault(place, what)

    def section(self, kind: type[S], raw: object, place: Place) -> S | None:
        """Return the section at `place` less the values that are wrong; None if it can't do without them.

        What is missing or null is all defaults.
        """
        if raw is None:
            raw = {}
        if not isinstance(raw, dict):
            self.problem(place, f"should be a mapping of keys to values, not a {_kind(raw)}")
            return None
        known = {key: value for key, value in raw.items() if self._keeps(kind, str(key), place)}
        resolved = {key: self._resolved(value, (*place, str(key))) for key, value in known.items()}
        try:
            return kind.model_validate(resolved)
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False, include_context=False)
        for detail in details:
            self.problem((*place, *detail["loc"]), _in_words(detail))
        # What is right is looked at further, so that its problems are reported in the same go.
        wrong = {detail["loc"][0] for detail in details}
        try:
            return kind.model_validate({key: value for key, value in resolved.items() if key not in wrong})
        except ValidationError:
            return None

    def texts(self, raw: object, place: Place) -> dict[str, str]:
        """Return the mapping of texts at `place`, each as it is or a variable's; what is null has none."""
        if raw is None:
            return {}
        if not isinstance(raw, dict):
            self.problem(place, f"should be a mapping of keys to values, not a {_kind(raw)}")
            return {}
        return {str(key): str(self._resolved(value, (*place, str(key)))) for key, value in raw.items()}

    def finish(self) -> None:
        """Raise InvalidConfig with every problem there is, in the order of the file."""
        for place in self.document.repeated:
            self.problem(place, "stands twice; which of them counts?")
        if not self._problems:
            return
        lines = sorted(self._problems, key=lambda place: self.document.line(place) or 0)
        listed = "\n".join(f"  {self.document.where(place)}: {self._problems[place]}" for place in lines)
        count = f"{len(lines)} problem{'s' if len(lines) > 1 else ''}"
        raise InvalidConfig(f"{self.document.name} can't be used, {count}:\n{listed}")

    def _keeps(self, kind: type[Section], key: str, place: Place) -> bool:
        if kind.knows(key):
            return True
        misspelt = bool(difflib.get_close_matches(key, kind.model_fields, cutoff=_ALMOST_THE_SAME))
        if kind.sets_aside(key) and not misspelt:
            self.set_aside.append(self.document.path((*place, key)))
        elif misspelt or not kind.takes_notes:
            self.problem((*place, key), _unknown(key, kind))
        return False

    def _resolved(self, value: object, place: Place) -> object:
        if not isinstance(value, str) or not value.startswith(_REFERENCE):
            return value
        name = value.removeprefix(_REFERENCE)
        if not self.environ.get(name):
            self.problem(place, f"the environment variable {name} is not set")
            return value
        self.variables[place] = name
        return self.environ[name]


def _unknown(key: str, kind: type[Section]) -> str:
    candidates = [*kind.model_fields, *kind.set_aside]
    nearest = difflib.get_close_matches(key, candidates, n=1, cutoff=_NEAR)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else f"; it could be {', '.join(kind.model_fields)}"
    return f"nobody knows this key{hint}"


def _in_words(detail: ErrorDetails) -> str:
    return "is missing" if detail["type"] == "missing" else detail["msg"].replace("Input should", "should")


def _kind(raw: object) -> str:
    return "list" if isinstance(raw, list) else "single value"

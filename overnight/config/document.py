"""A YAML file as a plain tree, with the line every value stands on, so that an error can say where."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import yaml

from overnight.domain.errors import InvalidConfig

Place = tuple[str | int, ...]
"""The way from the top of the file to a value: keys, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds. `lines` are 1-based; `repeated` are the keys that stand twice in one mapping."""

    name: str
    tree: object
    lines: Mapping[Place, int]
    repeated: tuple[Place, ...]

    def where(self, place: Place) -> str:
        """Name a place for people, as in `line 5, model_list[0].litellm_params.api_base`."""
        line = self.line(place)
        return ", ".join(part for part in (f"line {line}" if line else "", self.path(place)) if part)

    def path(self, place: Place) -> str:
        """Write a place as `model_list[0].litellm_params.api_base`."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")

    def line(self, place: Place) -> int | None:
        """Return the 1-based line of a place, or of what it would stand in."""
        # A missing key has no line of its own; the mapping it is missing from has one.
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


def read_document(path: Path) -> Document:
    """Read and parse `path`. Raises InvalidConfig, naming the line, when it can't be."""
    try:
        text = path.read_text("utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
    except OSError as error:
        raise InvalidConfig(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"{path} is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise InvalidConfig(f"{path} is not valid YAML{line}: {error.problem}") from error
    if node is None:
        return Document(path.name, {}, {}, ())
    # Before construction, which merges `<<` into the mappings and lets a repeated key win silently.
    repeated = tuple(_repeated(node, ()))
    tree = _constructed(loader, node, path)
    return Document(path.name, tree, dict(_lines(node, ())), repeated)


class _Loader(yaml.SafeLoader):
    """YAML's safe types, but a number with a point stays exactly as written, and a date stays a text."""


def _exact_number(loader: _Loader, node: yaml.ScalarNode) -> Decimal | float:
    try:
        return Decimal(str(node.value).replace("_", ""))
    except InvalidOperation:
        return loader.construct_yaml_float(node)


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:float", _exact_number)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)


def _constructed(loader: _Loader, node: yaml.Node, path: Path) -> object:
    try:
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise InvalidConfig(f"{path} is not valid YAML{line}: {error.problem}") from error


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _lines(item, (*place, position))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*place, str(key.value)))
            yield (*place, str(key.value)), key.start_mark.line + 1


def _repeated(node: yaml.Node, place: Place) -> Iterator[Place]:
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _repeated(item, (*place, position))
    elif isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            if key.value in seen:
                yield (*place, str(key.value))
            seen.add(str(key.value))
            yield from _repeated(value, (*place, str(key.value)))

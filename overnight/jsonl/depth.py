"""How deeply a line may be nested: whoever reads it later must not find it deeper than who has accepted it.

Python bounds how deeply calls may be nested, and JSON that is decoded counts as calls. So a line that could
just be decoded where an input is inspected could not be where somebody is called by a few functions more.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

ROOM = 200
"""Calls. What reads accepted lines is called by some 60."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def leaving_room(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call it with less room for nested calls than all those have who may have to read what it accepts."""

    def deeper(room: int) -> _T:
        return deeper(room - 1) if room else call(*args, **kwargs)

    return deeper(ROOM)

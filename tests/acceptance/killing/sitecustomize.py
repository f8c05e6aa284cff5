"""Kill -9 at a named point, in whichever real process gets there first. Only in tests, through PYTHONPATH.

A point is `module:qualified.name:number`: the process dies just before that call of that function, or, of an
async generator, after it has yielded that many items. `module:qualified.name:number:done` is for a coroutine:
the process dies once that call of it has returned, and before anybody hears what.

With KILL_MARK, KILL_AT is one point, and its parent, the supervisor, is killed with the process, as when a
machine loses power. KILL_MARK names a file that is written then, so that it happens once.

With KILL_ORDERS, KILL_AT are several points, and KILL_ORDERS names a file of those, one a line, at which the
process is to die alone. The first line is the next point; it goes when that is reached, and calls count anew.
"""

import importlib.abc
import importlib.machinery
import inspect
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any


class _Point:
    """Where to die. Calls are counted, for as long as it is the point to die at."""

    def __init__(self, written: str) -> None:
        self.module, self.path, number, *done = written.split(":")
        self.once_done = done == ["done"]
        self._written = written
        self._number = int(number)
        self._count = itertools.count(1)

    def reached(self) -> None:
        """Die, if it is time to."""
        if self._is_next() and next(self._count) == self._number:
            self._die()

    def _is_next(self) -> bool:
        return "KILL_ORDERS" not in os.environ or _orders()[:1] == [self._written]

    def _die(self) -> None:
        if "KILL_ORDERS" in os.environ:
            Path(os.environ["KILL_ORDERS"]).write_text("\n".join(_orders()[1:]))
        else:
            try:
                Path(os.environ["KILL_MARK"]).touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _orders() -> list[str]:
    path = Path(os.environ["KILL_ORDERS"])
    return path.read_text().split() if path.exists() else []


def _deadly(function: Callable[..., Any], point: _Point) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def items(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for item in function(*args, **kwargs):
                yield item
                point.reached()

        return items

    if point.once_done:

        @wraps(function)
        async def done(*args: Any, **kwargs: Any) -> Any:
            returned = await function(*args, **kwargs)
            point.reached()
            return returned

        return done

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        point.reached()
        return function(*args, **kwargs)

    return call


class _Loader(importlib.abc.Loader):
    def __init__(self, real: importlib.abc.Loader, points: list[_Point]) -> None:
        self._real, self._points = real, points

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        for point in self._points:
            *owners, name = point.path.split(".")
            owner: Any = module
            for step in owners:
                owner = getattr(owner, step)
            setattr(owner, name, _deadly(getattr(owner, name), point))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, points: list[_Point]) -> None:
        self._points = points

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        points = [point for point in self._points if point.module == fullname]
        if not points:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Loader(spec.loader, points)
        return spec


if "KILL_ORDERS" in os.environ or ("KILL_AT" in os.environ and not Path(os.environ["KILL_MARK"]).exists()):
    sys.meta_path.insert(0, _Finder([_Point(written) for written in os.environ["KILL_AT"].split()]))

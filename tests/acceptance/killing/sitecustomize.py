"""Kill -9 at a named point, in whichever real process gets there first. Only in tests, through PYTHONPATH.

KILL_AT is `module:qualified.name:number`: the process dies just before that call of that function, or, of
an async generator, after it has yielded that many items. Its parent, the supervisor, is killed with it, as
when a machine loses power. KILL_MARK names a file that is written then, so that it happens once.
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


def _kill() -> None:
    try:
        Path(os.environ["KILL_MARK"]).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(function: Callable[..., Any], number: int) -> Callable[..., Any]:
    count = itertools.count(1)

    if inspect.isasyncgenfunction(function):

        @wraps(function)
        async def items(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for item in function(*args, **kwargs):
                yield item
                if next(count) == number:
                    _kill()

        return items

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if next(count) == number:
            _kill()
        return function(*args, **kwargs)

    return call


class _Loader(importlib.abc.Loader):
    def __init__(self, real: importlib.abc.Loader, path: str, number: int) -> None:
        self._real, self._path, self._number = real, path, number

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        *owners, name = self._path.split(".")
        owner: Any = module
        for step in owners:
            owner = getattr(owner, step)
        setattr(owner, name, _deadly(getattr(owner, name), self._number))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, where: str) -> None:
        self._module, self._path, number = where.split(":")
        self._number = int(number)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Loader(spec.loader, self._path, self._number)
        return spec


if "KILL_AT" in os.environ and not Path(os.environ["KILL_MARK"]).exists():
    sys.meta_path.insert(0, _Finder(os.environ["KILL_AT"]))

"""What a simulated provider can be told to do wrong: to calls, by verb, and to the jobs created next."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Generic, Self, TypeVar

from simulators.native.problems import ProblemKind
from simulators.native.refusals import Reason


class CallFaultKind(StrEnum):
    """The ways a call can go wrong."""

    DELAY = "delay"
    REJECT = "reject"
    STATUS = "status"
    HTML = "html"
    HANG = "hang"
    DROP = "drop"
    DROP_MIDWAY = "drop_midway"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFault:
    """What happens to the calls of `verb` (a pattern), after `seconds` of our time.

    `skip` calls pass first, then `times` suffer (None: all, until the faults are cleared). With `done` the
    provider does what it was asked before the answer goes wrong: a create that is accepted and whose answer
    is lost. `status` goes with STATUS and HTML, `reason` with REJECT, `retry_after` (the header) with all
    three, `bytes` with DROP_MIDWAY: how many arrive, half of them when None.
    """

    kind: CallFaultKind
    verb: str = "*"
    times: int | None = None
    skip: int = 0
    seconds: float = 0.0
    done: bool = False
    status: int = 500
    reason: Reason = Reason.RATE_LIMITED
    retry_after: str | None = None
    bytes: int | None = None

    @classmethod
    def from_json(
        cls, said: Mapping[str, Any], *, verbs: Collection[str], reasons: Collection[Reason]
    ) -> Self:
        """Read a fault as the control door has it, of what the provider does and says. Raises ValueError."""
        _refuse_unknown(cls, said)
        if not any(fnmatchcase(verb, said.get("verb", "*")) for verb in verbs):
            raise ValueError(f"no verb is like {said['verb']}: they are {', '.join(verbs)}")
        if said.get("kind") == "lose_answer":
            said = {**said, "kind": CallFaultKind.DROP, "done": True}
        kind, reason = CallFaultKind(said.get("kind", "")), Reason(said.get("reason", Reason.RATE_LIMITED))
        if reason not in reasons:
            raise ValueError(f"this provider never says {reason}")
        return cls(**{**said, "kind": kind, "reason": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What goes wrong with a job; shares are of its lines, from 0 to 1, and every n-th counts from line n.

    `expire_at` ends its window when that share is done, `stuck_at` is where it stops moving. Every
    `fail_every`-th line fails with the HTTP `fail_status` (0: not with an answer but with `request_timeout`).
    `counts_off_by` is added to the completed lines it reports. `problem` fails its validation. A fate's
    seconds win over the rules'; `list_after_seconds` hides it from the list for so long.
    """

    expire_at: float | None = None
    stuck_at: float | None = None
    fail_every: int | None = None
    fail_status: int = 500
    shuffle: bool = False
    lose_every: int | None = None
    duplicate_every: int | None = None
    counts_off_by: int = 0
    problem: ProblemKind | None = None
    list_after_seconds: float = 0.0
    validating_seconds: float | None = None
    seconds: float | None = None
    finalizing_seconds: float | None = None
    unheeded_seconds: float | None = None
    cancelling_seconds: float | None = None

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read a fate as the control door has it. Raises ValueError."""
        _refuse_unknown(cls, said)
        problem = said.get("problem")
        return cls(**{**said, "problem": None if problem is None else ProblemKind(problem)})

    def as_json(self) -> dict[str, Any]:
        """Return what is not as usual."""
        usual = asdict(type(self)())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}


F = TypeVar("F", bound=Fate)


@dataclass(slots=True)
class _Turn:
    skip: int
    times: int | None

    def take(self) -> bool:
        if self.skip:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class FaultBook(Generic[F]):
    """The faults that are set; of several that fit, the one set last happens.

    `usual` is the fate of a job that has none, and its class what fates there are.
    """

    def __init__(self, usual: F) -> None:
        self.usual = usual
        self._calls: list[tuple[CallFault, _Turn]] = []
        self._jobs: list[tuple[F, _Turn]] = []

    def add(self, fault: CallFault) -> None:
        """Let calls suffer this from now on."""
        self._calls.insert(0, (fault, _Turn(fault.skip, fault.times)))

    def fate(self, said: Mapping[str, Any]) -> F:
        """Read a fate as the control door has it. Raises ValueError."""
        return type(self.usual).from_json(said)

    def doom(self, fate: F, *, skip: int, times: int | None) -> None:
        """Let the next `times` jobs but `skip` have this fate; None: all of them."""
        self._jobs.insert(0, (fate, _Turn(skip, times)))

    def clear(self) -> None:
        """Let nothing go wrong any more, but with jobs that have their fate already."""
        self._calls.clear()
        self._jobs.clear()

    def next_call(self, verb: str) -> CallFault | None:
        """Return what goes wrong with this call."""
        for fault, turn in self._calls:
            if fnmatchcase(verb, fault.verb) and turn.take():
                return fault
        return None

    def next_fate(self) -> F:
        """Return the fate of the job that is being created."""
        return next((fate for fate, turn in self._jobs if turn.take()), self.usual)


def _refuse_unknown(cls: type[CallFault | Fate], said: Mapping[str, Any]) -> None:
    unknown = set(said) - {field.name for field in fields(cls)}
    if unknown:
        raise ValueError(f"a {cls.__name__} has no {sorted(unknown)}")

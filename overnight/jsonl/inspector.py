"""Reads a batch's input once, from the first byte to the last: every line checked, counted, cut into shards.

Nearly every line of nearly every input is fine, so the way of a good line is short: one decode into
a struct that has the rules in its types. Only where that fails is the line looked at again, by the
judge, who knows what to call it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.plan import ShardPlan
from overnight.jsonl import refusals
from overnight.jsonl.accepted import Decode, decoder_of
from overnight.jsonl.depth import leaving_room
from overnight.jsonl.duplicates import DuplicateFinder
from overnight.jsonl.judge import LineJudge
from overnight.jsonl.lines import Line, LineSplitter, Slab, is_utf8
from overnight.jsonl.planner import Planner
from overnight.jsonl.problems import ProblemLog, blocks_of, merged, problems_in
from overnight.jsonl.requests import UNDECODABLE, is_blank


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What the input is. `shards` is empty if there are problems: such an input is not run.

    `lines` counts requests, good or bad; `model` is the one model that all are for, None if none is
    for a known one. The problems are read from scratch, which must still be there.
    """

    lines: int
    model: str | None
    shards: tuple[ShardPlan, ...]
    problem_count: int
    _problems: Path = field(repr=False)

    def problems(self) -> Iterator[BatchError]:
        """Yield what is wrong, in line order, one problem a line."""
        return problems_in(self._problems)

    def problems_jsonl(self) -> Iterator[bytes]:
        """Yield the same as JSONL, in blocks of at most 1 MiB, to be stored and `read_problems` later."""
        return blocks_of(self._problems)


class Inspector:
    """Takes the input in blocks cut anywhere, and says in the end what it is.

    A body that names no model is for the `default_model`; without one it is refused. Why a model is not known
    is said in OpenAI's words, or in those of `why_unknown`. `look` is shown all lines. All methods block,
    on the CPU and on `scratch`: a folder of this inspection's own, on a local disk, which takes 8 bytes
    a line, the custom_ids and the problems. They raise OSError if it can't.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        knows_model: Callable[[str], bool],
        scratch: Path,
        default_model: str | None = None,
        why_unknown: Callable[[str], str] | None = None,
        look: Callable[[Sequence[Line]], None] | None = None,
    ) -> None:
        self._look = look
        self._endpoint = endpoint
        self._default_model = default_model
        self._scratch = scratch
        self._splitter = LineSplitter()
        self._judge = LineJudge(
            endpoint=endpoint,
            knows_model=knows_model,
            default_model=default_model,
            why_unknown=why_unknown,
        )
        self._planner = Planner()
        self._ids = DuplicateFinder(scratch)
        self._found = ProblemLog(scratch / "found.jsonl")
        self._decode: Decode | None = None

    def feed(self, block: bytes) -> None:
        """Take in the next block; 1 to 4 MiB is a good size."""
        for slab in self._splitter.feed(block):
            leaving_room(self._inspect, slab)

    def finish(self) -> Inspection:
        """Take in the end of the input, and say what it is. Nothing can be fed after it."""
        for slab in self._splitter.finish():
            leaving_room(self._inspect, slab)
        problems = self._all_problems()
        return Inspection(
            lines=self._planner.lines,
            model=self._judge.model,
            shards=() if problems.count else self._planner.finish(),
            problem_count=problems.count,
            _problems=problems.path,
        )

    def _inspect(self, slab: Slab) -> None:
        if slab.too_long:
            self._found.add(refusals.problem(refusals.too_long(), line=slab.number))
            self._planner.add(slab.offset, [0])
            return
        if self._look is not None:
            self._look(slab.lines)
        ids = self._accept(slab.lines) if slab.utf8 else None
        if ids is None:
            ids = self._inspect_one_by_one(slab)
        else:
            self._planner.add(slab.offset, [*map(len, slab.lines)])
        self._ids.add(slab.number, ids)

    def _accept(self, lines: Sequence[Line]) -> list[str | None] | None:
        """Return the ids of `lines`, or None if any of them may not be a good line."""
        if self._decode is None:
            return None
        try:
            accepted = list(map(self._decode, lines))
        except UNDECODABLE:
            return None
        if any([line.body.stream for line in accepted]):  # noqa: C419 - a list is twice as fast here
            return None
        return [line.custom_id for line in accepted]

    def _inspect_one_by_one(self, slab: Slab) -> list[str | None]:
        ids: list[str | None] = []
        offset = slab.offset
        for number, line in enumerate(slab.lines, slab.number):
            if is_blank(line):
                ids.append(None)
            else:
                ids += (self._accept([line]) if is_utf8(line) else None) or [self._judge_line(line, number)]
                self._planner.add(offset, [len(line)])
            offset += len(line) + 1
        return ids

    def _judge_line(self, line: Line, number: int) -> str | None:
        verdict = self._judge.judge(line, number)
        if verdict.problem:
            self._found.add(verdict.problem)
        model = self._judge.model
        if self._decode is None and model is not None:
            self._decode = decoder_of(
                self._endpoint, model=model, may_be_unnamed=model == self._default_model
            )
        return verdict.custom_id

    def _all_problems(self) -> ProblemLog:
        self._found.close()
        repeats = (
            refusals.problem(refusals.duplicate(use.custom_id), line=use.line) for use in self._ids.repeats()
        )
        problems = ProblemLog(self._scratch / "problems.jsonl")
        for problem in merged(problems_in(self._found.path), repeats):
            problems.add(problem)
        if not self._planner.lines:
            problems.add(refusals.problem(refusals.empty_file(), line=None))
        problems.close()
        return problems

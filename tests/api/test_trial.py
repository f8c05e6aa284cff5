import asyncio
from datetime import timedelta

from api.trial import Trial

LONG = timedelta(hours=1)


class Problem:
    """What a trial finds, once it may end; it counts how often it was made."""

    def __init__(self, said: str | None = None) -> None:
        self.said = said
        self.made = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> str | None:
        self.made += 1
        await self.may_end.wait()
        return self.said


async def told(trial: Trial, state: str) -> None:
    """Wait until it says so."""
    async with asyncio.timeout(60):
        while trial.state != state:  # noqa: ASYNC110 - whoever asks for it is the one who has it made
            await asyncio.sleep(0)


async def test_nobody_waits_for_one_that_hangs() -> None:
    problem = Problem()
    problem.may_end.clear()
    trial = Trial(problem, of="bucket", every=LONG)
    assert (trial.state, trial.state) == ("being tried", "being tried")
    problem.may_end.set()
    await told(trial, "ok")
    assert problem.made == 1


async def test_what_was_found_is_told_until_it_is_old() -> None:
    problem = Problem("there is no bucket")
    trial = Trial(problem, of="bucket", every=timedelta(0))
    await told(trial, "there is no bucket")
    problem.said = None
    await told(trial, "ok")


async def test_one_that_is_young_is_not_made_again() -> None:
    problem = Problem()
    trial = Trial(problem, of="bucket", every=LONG)
    await told(trial, "ok")
    for _ in range(10):
        assert trial.state == "ok"
        await asyncio.sleep(0)
    assert problem.made == 1


async def test_a_surprise_is_known_by_its_name_only() -> None:
    async def problem() -> str | None:
        raise RuntimeError("secret")

    await told(Trial(problem, of="bucket", every=LONG), "RuntimeError")

"""One line's way: sent, tried again while that can help, and ended with exactly one outcome."""

import asyncio
from dataclasses import dataclass

from overnight.jsonl import Request, with_model
from overnight.line_lane.admission import Admission
from overnight.line_lane.availability import Availability
from overnight.line_lane.budget import Hold
from overnight.line_lane.meter import LineMeter
from overnight.line_lane.outcome_record import answered_record, failed_record
from overnight.line_lane.patience import Patience
from overnight.line_lane.transport import Answer, Posting
from overnight.line_lane.trials import Trials
from overnight.line_lane.verdict import judge
from overnight.outcomes.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSender:
    """Sends the lines of one batch to one endpoint of one deployment.

    `model` is what `body.model` becomes, None to leave it alone; `seconds` is the deployment's timeout.
    """

    transport: Posting
    meter: LineMeter
    admission: Admission
    availability: Availability
    patience: Patience
    batch_id: str
    model: str | None
    seconds: float

    @property
    def waiting_on(self) -> str | None:
        """Say, for people, why no line is sent just now; None while lines are sent."""
        return self.availability.waiting_on

    async def send(self, request: Request, *, hold: Hold) -> Record:
        """Send one line until it has an outcome. Nothing that the endpoint does makes it raise.

        A large answer's bytes are on `hold` when this returns.
        """
        body = request.body if self.model is None else with_model(request.body, self.model)
        moment = asyncio.get_running_loop().time
        trials: Trials | None = None
        while True:
            at_once = self.availability.is_open and self.admission.enter_now()
            probing = not at_once and await self._enter()
            sent_at = moment()
            try:
                outcome = await self.transport.post(body, hold=hold)
            finally:
                self._leave(probing=probing)
            if isinstance(outcome, Answer):
                self.availability.answered(sent_at=sent_at)
                self.admission.charge(outcome.reading.usage.total)
                return answered_record(self.batch_id, request, outcome)
            self.meter.failed(outcome)
            trials = trials or Trials(self.availability, self.patience, first_sent=sent_at)
            pause = trials.pause(outcome, judge(outcome), sent_at=sent_at, now=moment(), probing=probing)
            if pause is None:
                return failed_record(self.batch_id, request, outcome, seconds=self.seconds)
            self.meter.sent_again()
            await asyncio.sleep(pause)

    async def _enter(self) -> bool:
        """Wait for the deployment and for a place in it. True if this request is the probe."""
        while True:
            # Who waits for the deployment holds no place, so that there is always one for a probe.
            probing = not self.availability.is_open and await self.availability.wait()
            try:
                await self.admission.enter()
            except BaseException:
                if probing:
                    self.availability.probe_ended()
                raise
            if probing or self.availability.is_open:
                return probing
            self.admission.leave()

    def _leave(self, *, probing: bool) -> None:
        self.admission.leave()
        if probing:
            self.availability.probe_ended()

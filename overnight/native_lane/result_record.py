"""From a provider's result to the record of a line's outcome."""

from dataclasses import dataclass

from overnight.domain.status import StopReason
from overnight.jsonl import with_model
from overnight.outcomes.answer import Reading, read_answer
from overnight.outcomes.record import Record
from overnight.outcomes.result_line import answer_line, error_body, error_line
from overnight.providers.protocol import Result

_BAD_GATEWAY = 502
_UNANSWERED = frozenset(reason.value for reason in StopReason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a job's results are in the words of the batch.

    An answer that names the model as the deployment does is given the client's name for it again; the
    exact version that a provider tells (`gpt-5-2025-08-07`) says more, and stays. `stopped` is why we ended
    the job: a provider that knows only cancelling has cancelled what in truth has expired.
    """

    batch_id: str
    client_model: str | None
    provider_model: str | None
    stopped: StopReason | None = None

    def record(self, result: Result, *, index: int) -> Record:
        """Return the outcome of the line at `index`: for the output file if it was answered well."""
        if result.fault is not None:
            return self._fault(result, index=index, code=result.fault.code, message=result.fault.message)
        reading = read_answer(result.body)
        if reading is None:
            return self._reply(result, index=index, status=result.status or _BAD_GATEWAY, body=_NOTHING)
        body = self._renamed(reading)
        if not 200 <= result.status < 300:
            return self._reply(result, index=index, status=result.status or _BAD_GATEWAY, body=body)
        return Record(
            index=index,
            ok=True,
            line=self._line(result, index=index, status=result.status, body=body),
            usage=reading.usage,
            model=reading.model,
        )

    def _fault(self, result: Result, *, index: int, code: str, message: str) -> Record:
        if code in _UNANSWERED and self.stopped is not None:
            code, message = self.stopped.value, self.stopped.message
        line = error_line(self.batch_id, index, custom_id=result.key, code=code, message=message)
        return Record(index=index, ok=False, line=line)

    def _reply(self, result: Result, *, index: int, status: int, body: bytes) -> Record:
        failed = status if not 200 <= status < 300 else _BAD_GATEWAY
        return Record(index=index, ok=False, line=self._line(result, index=index, status=failed, body=body))

    def _line(self, result: Result, *, index: int, status: int, body: bytes) -> bytes:
        return answer_line(
            self.batch_id,
            index,
            custom_id=result.key,
            status=status,
            request_id=result.request_id,
            body=body,
        )

    def _renamed(self, reading: Reading) -> bytes:
        if self.client_model is None or reading.model is None or reading.model != self.provider_model:
            return reading.body
        return with_model(reading.body, self.client_model)


_NOTHING = error_body("The provider's result holds no answer.", kind="server_error", code="invalid_response")
"""Some jobs end well with lines that have a status and nothing in them."""

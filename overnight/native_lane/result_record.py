"""From a provider's result to the record of a line's outcome."""

from dataclasses import dataclass

from overnight.domain.errors import Untranslatable
from overnight.domain.status import StopReason
from overnight.jsonl import with_model
from overnight.outcomes.answer import Reading, read_answer
from overnight.outcomes.record import Record
from overnight.outcomes.result_line import answer_line, error_body, error_line
from overnight.providers.protocol import LineFault, Result

_BAD_REQUEST = 400
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

    def record(self, result: Result, *, index: int, custom_id: str) -> Record:
        """Return the outcome of the line at `index`: for the output file if it was answered well."""
        line = _Line(self.batch_id, index, custom_id, result.request_id)
        if result.fault is not None:
            return line.unanswered(*self._reason(result.fault))
        reading = read_answer(result.body)
        if reading is None:
            return line.failed(result.status, _NOTHING)
        body = self._renamed(reading)
        if not 200 <= result.status < 300:
            return line.failed(result.status, body)
        return line.answered(result.status, body, reading)

    def refused(self, error: Untranslatable, *, index: int, custom_id: str) -> Record:
        """Return the outcome of a line that never went into the job."""
        body = error_body(error.message, kind="invalid_request_error", code=error.code, param=error.param)
        return _Line(self.batch_id, index, custom_id).failed(_BAD_REQUEST, body)

    def _reason(self, fault: LineFault) -> tuple[str, str]:
        if fault.code in _UNANSWERED and self.stopped is not None:
            return self.stopped.value, self.stopped.message
        return fault.code, fault.message

    def _renamed(self, reading: Reading) -> bytes:
        if self.client_model is None or reading.model is None or reading.model != self.provider_model:
            return reading.body
        return with_model(reading.body, self.client_model)


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of the batch that an outcome is of."""

    batch_id: str
    index: int
    custom_id: str
    request_id: str | None = None

    def unanswered(self, code: str, message: str) -> Record:
        line = error_line(self.batch_id, self.index, custom_id=self.custom_id, code=code, message=message)
        return Record(index=self.index, ok=False, line=line)

    def failed(self, status: int, body: bytes) -> Record:
        # A status that is one of success, or none at all, has no place in the error file.
        told = status if status and not 200 <= status < 300 else _BAD_GATEWAY
        return Record(index=self.index, ok=False, line=self._with_response(told, body))

    def answered(self, status: int, body: bytes, reading: Reading) -> Record:
        line = self._with_response(status, body)
        return Record(index=self.index, ok=True, line=line, tokens=reading.usage.total, model=reading.model)

    def _with_response(self, status: int, body: bytes) -> bytes:
        return answer_line(
            self.batch_id,
            self.index,
            custom_id=self.custom_id,
            status=status,
            request_id=self.request_id,
            body=body,
        )


_NOTHING = error_body("The provider's result holds no answer.", kind="server_error", code="invalid_response")
"""Some jobs end well with lines that have a status and nothing in them."""

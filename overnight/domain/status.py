"""OpenAI's eight batch statuses, and which of them are the end."""

from dataclasses import dataclass
from enum import StrEnum


class BatchStatus(StrEnum):
    """Where a batch is in its life, in OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in _ENDED

    @property
    def delivered(self) -> bool:
        """Whether the client was given what there is, for good. A `failed` batch may be tried once more."""
        return self.ended and self is not BatchStatus.FAILED


_ENDED = frozenset({BatchStatus.FAILED, BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """What the error file says of a line that was never answered."""

    code: str
    message: str


RESULT_MISSING = NoAnswer("result_missing", "The provider's job ended without a result for this request.")


class StopReason(StrEnum):
    """Why a batch stops before all its lines are answered; the value is the code its lines get."""

    CANCELLED = "batch_cancelled"
    EXPIRED = "batch_expired"
    MAX_COST = "max_cost_reached"

    @property
    def message(self) -> str:
        """What the error file says of a line that was never answered."""
        match self:
            case StopReason.CANCELLED:
                return "This request was not executed before the batch was cancelled."
            case StopReason.EXPIRED:
                return "This request could not be executed before the completion window expired."
            case StopReason.MAX_COST:
                return "This request was not executed, as the batch may not cost more than its max_cost."

    @property
    def no_answer(self) -> NoAnswer:
        """The same, with the code."""
        return NoAnswer(self.value, self.message)

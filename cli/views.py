"""What the gateway says of a batch or a file, as far as the command shows it."""

from datetime import timedelta
from decimal import Decimal

import msgspec

from overnight.domain.price import Price, Rates
from overnight.domain.usage import TokenKind

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


class Counts(msgspec.Struct, frozen=True):
    """How many lines there are, and how many have ended well or badly."""

    total: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        """Lines with an outcome."""
        return self.completed + self.failed


class TokensUsed(msgspec.Struct, frozen=True):
    """Tokens of a whole batch."""

    input_tokens: int = 0
    output_tokens: int = 0


class BatchFault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a batch's input; `line` is 1-based."""

    code: str | None = None
    message: str | None = None
    line: int | None = None


class BatchFaults(msgspec.Struct, frozen=True):
    """What is wrong with a batch's input."""

    data: list[BatchFault] = []


class RatesView(msgspec.Struct, frozen=True):
    """US dollars a token, by kind, above so many tokens of input."""

    above_input_tokens: int
    usd_per_token: dict[TokenKind, Decimal]


class PriceView(msgspec.Struct, frozen=True):
    """What answers were charged at."""

    id: str
    source: str
    rates: list[RatesView]
    model: str | None = None
    discount: Decimal | None = None
    service_tier: str | None = None

    @property
    def price(self) -> Price:
        """The same, to be charged at again."""
        rates = tuple(Rates(usd=each.usd_per_token, above=each.above_input_tokens) for each in self.rates)
        return Price(
            source=self.source,
            model=self.model,
            discount=self.discount,
            service_tier=self.service_tier,
            rates=rates,
        )


class CostEntryView(msgspec.Struct, frozen=True):
    """The answers of one model at one deployment."""

    tokens: dict[str, int]
    requests: int
    reason: str | None = None


class CostView(msgspec.Struct, frozen=True):
    """What a batch cost, and what that is made of."""

    priced_usd: Decimal
    unpriced_requests: int
    by_model: list[CostEntryView]
    prices: list[PriceView]
    total_usd: Decimal | None = None


class WebhookShown(msgspec.Struct, frozen=True):
    """Where it is told how a batch has ended, and what signs that, where the batch was just created."""

    signing_secret: str | None = None


class Details(msgspec.Struct, frozen=True):
    """What Overnight says beyond OpenAI's own keys."""

    waiting_on: str | None = None
    errors_total: int = 0
    cost_usd: str | None = None
    cost: CostView | None = None
    webhook: WebhookShown | None = None


class BatchView(msgspec.Struct, frozen=True):
    """A batch. Times are seconds since 1970."""

    id: str
    status: str
    endpoint: str
    created_at: int
    input_file_id: str
    expires_at: int | None = None
    in_progress_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelled_at: int | None = None
    model: str | None = None
    request_counts: Counts = Counts()
    usage: TokensUsed | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: BatchFaults | None = None
    metadata: dict[str, str] | None = None
    overnight: Details = Details()

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in _ENDED

    @property
    def took(self) -> timedelta | None:
        """The time from its creation to its end, or None while there is none."""
        end = self.completed_at or self.failed_at or self.expired_at or self.cancelled_at
        return timedelta(seconds=end - self.created_at) if end else None


class FileView(msgspec.Struct, frozen=True):
    """A file; `bytes` is its size."""

    id: str
    filename: str
    bytes: int


class UploadView(msgspec.Struct, frozen=True):
    """A file that comes in parts; `file` is what it has become."""

    id: str
    file: FileView | None = None


class PartView(msgspec.Struct, frozen=True):
    """A part that has arrived."""

    id: str


class BatchPage(msgspec.Struct, frozen=True):
    """One page of batches, newest first; each as it came."""

    data: list[msgspec.Raw]
    has_more: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """Why the gateway refused."""

    message: str = ""
    param: str | None = None
    code: str | None = None


class RefusalEnvelope(msgspec.Struct, frozen=True):
    """The shape every refusal comes in."""

    error: Refusal


class SpendGroupView(msgspec.Struct, frozen=True):
    """What the batches of one group came to."""

    group: dict[str, str | None]
    batches: int
    requests: int
    unpriced_requests: int
    tokens: dict[str, int]
    cost_usd: str


class SpendView(msgspec.Struct, frozen=True):
    """What was spent, by groups."""

    group_by: list[str]
    data: list[SpendGroupView]


class TokenRangeView(msgspec.Struct, frozen=True):
    """Tokens, from low to high; null is for what nobody knows."""

    low: int
    likely: int | None
    high: int | None


class CostRangeView(msgspec.Struct, frozen=True):
    """US dollars, in the same way."""

    low: str
    likely: str | None
    high: str | None


class InputErrorView(msgspec.Struct, frozen=True):
    """How far approximations of input were off, in parts of them."""

    low: float
    high: float
    measured_on_batches: int


class EstimateView(msgspec.Struct, frozen=True):
    """What a batch may use and cost."""

    model: str
    requests: int
    input_tokens: TokenRangeView
    input_error: InputErrorView
    output_tokens: TokenRangeView
    cost_usd: CostRangeView | None = None
    reason: str | None = None

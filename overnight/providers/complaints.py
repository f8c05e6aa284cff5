"""What a provider says when it does not do what it was asked, in our words.

429 has three meanings: too many calls (wait), too much enqueued (wait for a place), and no money left
(don't wait). Only the body tells which; what follows from each is said here and nowhere else.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from overnight.domain.deployment import Deployment
from overnight.domain.errors import (
    NoPlace,
    NotReadyYet,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)
from overnight.domain.job import TOKEN_LIMIT
from overnight.domain.retry_after import read_retry_after
from overnight.providers.connection import Answer
from overnight.providers.shapes import read_object, text_of

_OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_NO_ROOM_CODES = frozenset({TOKEN_LIMIT, "quotaExceeded"})
# Vertex AI names the quota of jobs at once; any other it has exceeded is one of calls.
_NO_ROOM_WORDS = re.compile(
    r"enqueued token|file storage quota|quota for files|following quotas are exceeded", re.IGNORECASE
)

# OpenAI finds no file that was uploaded a moment ago; Azure's are `pending` first.
_NOT_READY_WORDS = re.compile(
    r"cannot find file|input file .* not found|still being processed|'(?:pending|running|uploaded)' state",
    re.IGNORECASE,
)

_TRANSIENT = frozenset({408, 409, 425, 429})
_KEY_REFUSED = {401: "invalid_api_key", 403: "permission_denied"}
_FILE_TOO_LARGE = 413

_LONGEST_QUOTE = 300
_LONGEST_CODE = 64


def named(deployment: Deployment) -> str:
    """Return what messages call a deployment."""
    return f"deployment '{deployment.model_name}' ({deployment.provider} at {deployment.api_base})"


@dataclass(frozen=True, slots=True)
class Complaint:
    """An answer that is no 2xx, as far as it could be read. `enveloped`: it is JSON, as the API's own are."""

    status: int
    enveloped: bool
    codes: tuple[str, ...]
    text: str
    retry_after: timedelta | None

    @property
    def transient(self) -> bool:
        """Whether the same call may do later."""
        return self.status >= 500 or self.status in _TRANSIENT

    @property
    def wants_room(self) -> bool:
        """Whether the provider has as much queued or stored as it takes."""
        return bool(_NO_ROOM_CODES.intersection(self.codes) or _NO_ROOM_WORDS.search(self.text))

    @property
    def wants_money(self) -> bool:
        """Whether it would do it for an account with credit."""
        return bool(_OUT_OF_MONEY.intersection(self.codes))

    @property
    def not_ready(self) -> bool:
        """Whether the provider is still taking in the file that the call names."""
        return self.status in (400, 404) and bool(_NOT_READY_WORDS.search(self.text))


def read_complaint(answer: Answer) -> Complaint:
    """Read an error envelope: OpenAI's, Azure's, Google's, or what others have made of it."""
    said = read_object(answer.body)
    error = said.get("error") if said else None
    details = error if isinstance(error, dict) else {"message": error, **(said or {})}
    # Google has a word for it as `status`, and the HTTP status once more as `code`.
    codes = (text_of(details.get(name)) for name in ("status", "code", "type"))
    return Complaint(
        status=answer.status,
        enveloped=said is not None,
        codes=tuple(code[:_LONGEST_CODE] for code in codes if code),
        text=text_of(details.get("message")) or "",
        retry_after=read_retry_after(answer.headers, now=datetime.now(UTC)),
    )


def provider_error(answer: Answer, deployment: Deployment) -> ProviderError:
    """Return the error that an answer amounts to, for any call.

    What a 401 or 403 says is left out of the message, since it may quote a piece of the key.
    """
    complaint, name = read_complaint(answer), named(deployment)
    said = f"{name} says: {_quote(complaint, deployment)}"
    status, retry_after = complaint.status, complaint.retry_after
    if complaint.wants_money:
        return ProviderRefused(said, status=status, code=complaint.codes[0])
    if complaint.wants_room and status < 500:
        return NoPlace(said, status=status, retry_after=retry_after)
    if complaint.not_ready:
        return NotReadyYet(said, status=status, retry_after=retry_after)
    if complaint.transient:
        return ProviderUnavailable(said, status=status, retry_after=retry_after)
    if status in _KEY_REFUSED:
        refused = f"{name} answers {status}: it does not accept what came from {deployment.key_source}"
        return ProviderRefused(refused, status=status, code=_KEY_REFUSED[status])
    return ProviderRefused(said, status=status, code=_code(complaint))


def _code(complaint: Complaint) -> str:
    if complaint.codes:
        return complaint.codes[0]
    if 300 <= complaint.status < 400:
        return "unexpected_redirect"
    return {404: "not_found", _FILE_TOO_LARGE: "file_too_large"}.get(complaint.status, "provider_refused")


def _quote(complaint: Complaint, deployment: Deployment) -> str:
    """Return the provider's words, on one line of bounded length, and without the key should it be there."""
    words = " ".join(complaint.text.split())
    for secret in (deployment.api_key, deployment.ad_token):
        if secret:
            words = words.replace(secret, "…")
    codes = " ".join((str(complaint.status), *complaint.codes[:1]))
    return f"{words[:_LONGEST_QUOTE] or 'no more than the status'} ({codes})"

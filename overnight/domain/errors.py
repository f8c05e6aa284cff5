"""Every error that Overnight raises on purpose.

The docstring of an error is its message, unless the place that raises it knows better.

OvernightError
├── InvalidRequest            the client sent something we refuse
│   ├── UnknownModel          no deployment serves the model it names
│   └── Untranslatable        the provider's own API has no way to say it
├── Unauthorized              the bearer is missing or wrong
├── UnknownFile, UnknownBatch, UnknownUpload, UnknownWebhookEndpoint
│                             the client names something that is not here (or not its own)
├── Conflict
│   ├── BatchAlreadyEnded     a batch that has ended can't be cancelled
│   ├── UploadNotPending      an upload that is over takes nothing more
│   ├── BatchOver             a batch that has ended can't be gone on with
│   └── IdempotencyMismatch   one idempotency key, two different requests
├── InvalidConfig             the configuration can't be used
├── UnknownDeployment         the configuration has no deployment of that id (any more)
├── StorageError
│   ├── ObjectNotFound        there are no bytes under that key
│   ├── StorageFull           the disk or the quota has no room
│   ├── CannotSign            nobody can be sent to the store for an object: we may read it, but not say so
│   └── StorageUnavailable    the store did not do it; trying again may help
│       └── StorageRefused    it says no, and will until somebody changes something there
│           └── BucketMissing there is no such bucket
├── ProviderError
│   ├── ProviderUnavailable   the provider can't be reached, or is not well; trying again may help
│   │   ├── SubmissionUnclear the job may or may not have been created
│   │   ├── NotReadyYet       the provider is still taking in what the call is about
│   │   └── ResultsCut        a result file was read to its end, which is in the middle of a line
│   ├── NoPlace               the provider has as much queued as it takes for now
│   └── ProviderRefused       the provider says no for good
│       └── JobNotFound       the provider does not know the job (any more)
├── SinkError                 an event could not be handed over; it is kept, and offered again
│   ├── SinkUnavailable       the sink can't be reached, or is not well
│   └── SinkRefused           the sink says no, and will until somebody changes something there
├── WebhookNotTaken           whoever wants to hear of a batch did not take it; trying again may help
├── CatalogUnavailable        the rows can't be read or written now; trying again may help
├── SchemaMismatch            the catalog's tables are those of another version
└── TemporalUnavailable       Temporal can't be reached; trying again may help

Whether Temporal retries one is decided in `activities/failures.py`, which HTTP status it gets in
`api/errors.py`, and nowhere else.
"""

from __future__ import annotations

from datetime import timedelta


class OvernightError(Exception):
    """Something went wrong in Overnight."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n", 1)[0])

    @property
    def message(self) -> str:
        """What to tell the person who asked."""
        return str(self)


class InvalidRequest(OvernightError):
    """The request is not valid."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownModel(InvalidRequest):
    """No deployment serves this model."""

    def __init__(self, model: str, *, why: str | None = None) -> None:
        message = why or f"The provided model '{model}' is not supported by the Batch API."
        super().__init__(message, param="body.model", code="model_not_found")


class Untranslatable(InvalidRequest):
    """The provider's own API has no way to say this. `param` names the field, as OpenAI names it."""

    def __init__(self, message: str, *, param: str | None) -> None:
        super().__init__(message, param=param, code="unsupported_by_provider")


class Unauthorized(OvernightError):
    """Incorrect API key provided."""


class UnknownFile(OvernightError):
    """No such File object."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"No such File object: {file_id}")


class UnknownBatch(OvernightError):
    """No such Batch object."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"No batch found with id '{batch_id}'.")


class NoReceipt(OvernightError):
    """A batch has no receipt, or not yet."""


class UnknownUpload(OvernightError):
    """No such Upload object."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(f"No such Upload object: {upload_id}")


class UnknownWebhookEndpoint(OvernightError):
    """No such webhook endpoint."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"No such webhook endpoint: {endpoint_id}")


class Conflict(OvernightError):
    """The request contradicts what is already there."""


class BatchAlreadyEnded(Conflict):
    """A batch that has ended can't be cancelled."""

    def __init__(self, status: str) -> None:
        super().__init__(f"Cannot cancel a batch with status '{status}'.")


class UploadNotPending(Conflict):
    """An upload that is over takes nothing more."""

    def __init__(self, wanted: str, *, status: str) -> None:
        super().__init__(f"Cannot {wanted} an upload with status '{status}'.")


class BatchOver(Conflict):
    """A batch that has ended can't be gone on with."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"{batch_id} has ended, and what it needed to run was removed; its files are there.")


class IdempotencyMismatch(Conflict):
    """This idempotency key was already used with other parameters."""


class InvalidConfig(OvernightError):
    """The configuration can't be used."""


class UnknownDeployment(OvernightError):
    """The configuration has no deployment of that id (any more)."""

    def __init__(self, deployment_id: str) -> None:
        super().__init__(f"The configuration has no deployment '{deployment_id}' (any more).")


class StorageError(OvernightError):
    """The store failed."""

    def __init__(self, reason: str, *, key: str) -> None:
        super().__init__(f"{reason} [key={key}]")
        self.reason = reason
        self.key = key


class ObjectNotFound(StorageError):
    """There are no bytes under that key."""

    def __init__(self, key: str) -> None:
        super().__init__("no such object", key=key)


class StorageFull(StorageError):
    """The disk or the quota has no room."""


class CannotSign(StorageError):
    """The store's credentials can't sign URLs."""


class StorageUnavailable(StorageError):
    """The store did not do it; trying again may help."""


class StorageRefused(StorageUnavailable):
    """The store says no, and will until somebody changes something there.

    Our own store is waited for all the same: its batches have no other, and somebody is to set it right.
    """


class BucketMissing(StorageRefused):
    """There is no such bucket, or can be none."""


class ProviderError(OvernightError):
    """The provider did not do it."""

    def __init__(
        self, message: str | None = None, *, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ProviderUnavailable(ProviderError):
    """The provider can't be reached, or is not well."""


class SubmissionUnclear(ProviderUnavailable):
    """The job may or may not have been created."""


class NotReadyYet(ProviderUnavailable):
    """The provider is still taking in what the call is about."""


class ResultsCut(ProviderUnavailable):
    """A result file stops in the middle of a line."""


class NoPlace(ProviderError):
    """The provider has as much queued as it takes for now."""


class ProviderRefused(ProviderError):
    """The provider refuses."""

    def __init__(
        self, message: str | None = None, *, status: int | None = None, code: str = "provider_refused"
    ) -> None:
        super().__init__(message, status=status)
        self.code = code


class JobNotFound(ProviderRefused):
    """The provider does not know the job (any more)."""


class SinkError(OvernightError):
    """The event could not be handed over."""


class SinkUnavailable(SinkError):
    """The sink can't be reached, or is not well."""


class SinkRefused(SinkError):
    """The sink refuses the event, and will until somebody changes something there."""


class WebhookNotTaken(OvernightError):
    """The receiver of a webhook did not take it."""

    def __init__(self, reason: str, *, retry_after: timedelta) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class CatalogUnavailable(OvernightError):
    """The rows can't be read or written now."""


class SchemaMismatch(OvernightError):
    """The catalog's tables are those of another version of Overnight."""


class TemporalUnavailable(OvernightError):
    """Temporal can't be reached."""


class NamespaceNotReady(TemporalUnavailable):
    """Temporal's namespace lacks what batches need."""

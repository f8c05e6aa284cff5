"""A file: bytes a client uploaded, or that a batch produced."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class FilePurpose(StrEnum):
    """What a file is for, in OpenAI's words. Clients may upload all but the `*_output` kinds."""

    ASSISTANTS = "assistants"
    ASSISTANTS_OUTPUT = "assistants_output"
    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"
    EVALS = "evals"
    FINE_TUNE = "fine-tune"
    FINE_TUNE_RESULTS = "fine-tune-results"
    USER_DATA = "user_data"
    VISION = "vision"


UPLOADABLE = (
    FilePurpose.ASSISTANTS,
    FilePurpose.BATCH,
    FilePurpose.FINE_TUNE,
    FilePurpose.VISION,
    FilePurpose.USER_DATA,
    FilePurpose.EVALS,
)


BATCH_FILE_LIFETIME = timedelta(days=30)
"""How long a batch's input and output are kept when nobody says otherwise, as at OpenAI."""


def lifetime_of(purpose: FilePurpose, asked: timedelta | None) -> timedelta | None:
    """Return how long a file that a client sends is kept: as `asked`, or as is usual. None is for good."""
    # Files for anything but batches are kept until they are deleted.
    usual = BATCH_FILE_LIFETIME if purpose is FilePurpose.BATCH else None
    return usual if asked is None else asked


class BatchFileKind(StrEnum):
    """The files a batch makes: answers, lines that failed, a receipt, and what is wrong with its input."""

    OUTPUT = "output"
    ERROR = "error"
    PROBLEMS = "problems"
    RECEIPT = "receipt"

    @property
    def lifetime(self) -> timedelta | None:
        """How long it is kept where nobody says anything else; None is for good."""
        return None if self is BatchFileKind.RECEIPT else BATCH_FILE_LIFETIME


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One row of the catalog's `files`; the bytes are in storage under `key`.

    A batch of it that names no provider is for this one's `provider`, if there is one. `batch_id` names the
    batch that has made it.
    """

    id: str
    project: str
    filename: str
    purpose: FilePurpose
    bytes: int
    key: str
    created_at: datetime
    expires_at: datetime | None = None
    provider: str | None = None
    batch_id: str | None = None

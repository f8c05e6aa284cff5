"""What a provider finds wrong with an input file, before it is put into that provider's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """Why validation fails a job."""

    NOT_JSON = "not_json"
    MISSING_FIELD = "missing_field"
    WRONG_METHOD = "wrong_method"
    WRONG_URL = "wrong_url"
    UNKNOWN_MODEL = "unknown_model"
    NO_MODEL = "no_model"
    OTHER_MODEL = "other_model"
    STREAMING = "streaming"
    DUPLICATE_ID = "duplicate_id"
    TOO_MANY_LINES = "too_many_lines"
    EMPTY_FILE = "empty_file"
    INPUT_MISSING = "input_missing"
    BUCKET_MISSING = "bucket_missing"
    NOT_IMPORTABLE = "not_importable"
    NO_PERMISSION = "no_permission"
    SYSTEM_ERROR = "system_error"
    TOKEN_LIMIT = "token_limit"  # noqa: S105 - a token of text


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding; `line` counts from 1 and is None where no line is to blame."""

    kind: ProblemKind
    line: int | None = None
    subject: str = ""
    """What the message has a hole for: the field, the model, the custom_id, the limit."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in one provider's words; message and parameter may have the hole `{subject}`."""

    code: str
    message: str
    param: str | None = None


Findings = Mapping[ProblemKind, Finding]

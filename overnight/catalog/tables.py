"""The tables. Times are microseconds since 1970 (UTC), so that rows of one second keep their order."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Dialect, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as integer microseconds: exact, sortable, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Turn a datetime into the integer that is stored."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn what is stored into an aware datetime, in UTC."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class Words(TypeDecorator[str]):
    """A text of any length. What no database can hold, or not each of them, is kept as U+FFFD.

    Models, providers and clients can send such characters, and a row must not be lost for one.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Replace NUL, which PostgreSQL can't hold, and halves of surrogate pairs, which are no UTF-8."""
        return value if value is None or value.isalnum() else _UNSTORABLE.sub("\ufffd", value)


MAX_INTEGER = 2**63 - 1
"""What a BigInteger holds."""

metadata = MetaData()

_THERE = text("erased_at IS NULL")
_NOT_ERASED: dict[str, Any] = {"sqlite_where": _THERE, "postgresql_where": _THERE}

files = Table(
    "files",
    metadata,
    Column("id", Words, primary_key=True),
    Column("project", Words, nullable=False),
    Column("filename", Words, nullable=False),
    Column("purpose", Words, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("key", Words, nullable=False),
    Column("provider", Words),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("deleted_at", Moment),
    Column("erased_at", Moment),
    Column("batch_id", Words),
    # What was erased is in no list, and in time most files are.
    Index("files_listed", "project", "created_at", "id", **_NOT_ERASED),
    Index("files_listed_by_purpose", "project", "purpose", "created_at", "id", **_NOT_ERASED),
    Index("files_to_erase_by_deletion", "erased_at", "deleted_at"),
    Index("files_to_erase_by_expiry", "erased_at", "expires_at"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Words, primary_key=True),
    Column("project", Words, nullable=False),
    Column("filename", Words, nullable=False),
    Column("purpose", Words, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("provider", Words),
    Column("lifetime_seconds", BigInteger),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("status", Words, nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("part_ids", JSON(none_as_null=True)),
    Column("file_id", Words),
    Column("cleared_at", Moment),
    Index("uploads_by_clearing", "cleared_at", "expires_at"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("id", Words, primary_key=True),
    Column("upload_id", Words, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("upload_parts_by_upload", "upload_id"),
)

strays = Table(
    "strays",
    metadata,
    Column("key", Words, primary_key=True),
    Column("noticed_at", Moment, nullable=False),
    Index("strays_by_age", "noticed_at"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Words, primary_key=True),
    Column("project", Words, nullable=False),
    Column("input_file_id", Words, nullable=False),
    Column("endpoint", Words, nullable=False),
    Column("completion_window", Words, nullable=False),
    Column("window_seconds", BigInteger, nullable=False),
    Column("provider", Words),
    Column("metadata", JSON(none_as_null=True)),
    Column("output_expires_after_seconds", BigInteger),
    Column("parameters_hash", Words, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("api_key", Words),
    Column("created_at", Moment, nullable=False),
    Column("status", Words, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("in_progress_at", Moment),
    Column("finalizing_at", Moment),
    Column("completed_at", Moment),
    Column("failed_at", Moment),
    Column("expired_at", Moment),
    Column("cancelling_at", Moment),
    Column("cancelled_at", Moment),
    Column("cancel_requested_at", Moment),
    Column("total", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("usage", JSON(none_as_null=True)),
    Column("model", Words),
    Column("cost", Words),
    Column("account", JSON(none_as_null=True)),
    Column("output_file_id", Words),
    Column("error_file_id", Words),
    Column("receipt_file_id", Words),
    Column("errors", JSON(none_as_null=True)),
    Column("errors_total", Integer, nullable=False),
    Column("deployments", JSON(none_as_null=True)),
    Column("warnings", JSON(none_as_null=True)),
    Column("requested_model", Words),
    Column("approximated_input", BigInteger),
    Column("max_cost", Words),
    Column("swept_at", Moment),
    Index("batches_by_age", "project", "created_at", "id"),
    Index("batches_by_status", "status"),
    Index("batches_by_sweep", "swept_at"),
    Index("batches_by_input", "input_file_id"),
    Index("batches_by_model", "project", "requested_model", "completed_at"),
)

progress = Table(
    "progress",
    metadata,
    Column("batch_id", Words, primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("attempt", Words, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd_billionths", BigInteger, nullable=False, server_default="0"),
    Column("waiting_on", Words),
)

waits = Table(
    "waits",
    metadata,
    Column("batch_id", Words, primary_key=True),
    Column("step", Words, primary_key=True),
    Column("reason", Words, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("provider", Words, primary_key=True),
    Column("id", Words, primary_key=True),
    Column("deployment", Words, nullable=False),
    Column("batch_id", Words, nullable=False),
    Column("shard", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("workflow_id", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("jobs_by_batch", "batch_id", "shard", "number"),
)

begun_jobs = Table(
    "begun_jobs",
    metadata,
    Column("batch_id", Words, primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("deployment", Words, nullable=False),
    Column("story", Words, nullable=False),
)

spend = Table(
    "spend",
    metadata,
    Column("batch_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("project", Words, nullable=False),
    Column("api_key", Words),
    Column("day", Words, nullable=False),
    Column("provider", Words),
    Column("model", Words),
    Column("lines", BigInteger, nullable=False),
    Column("unpriced_lines", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    # Both databases add up integers exactly, and only one of them decimals: so billionths of a dollar, and
    # billionths of those.
    Column("usd_billionths", BigInteger, nullable=False),
    Column("usd_rest", BigInteger, nullable=False),
    Index("spend_by_day", "project", "day"),
)

installation = Table("installation", metadata, Column("id", Words, primary_key=True))

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Words, primary_key=True),
    Column("project", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("event_types", JSON, nullable=False),
    Column("secret", Words, nullable=False),
    Column("old_secret", Words),
    Column("old_secret_until", Moment),
    Column("batch_id", Words),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("disabled_at", Moment),
    Index("webhook_endpoints_by_batch", "project", "batch_id", "created_at", "id"),
    Index("webhook_endpoints_by_age", "created_at"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Words, primary_key=True),
    Column("endpoint_id", Words, nullable=False),
    Column("project", Words, nullable=False),
    Column("batch_id", Words, nullable=False),
    Column("event_type", Words, nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", Words, nullable=False),
    Column("attempts", JSON, nullable=False),
    Column("attempts_total", Integer, nullable=False),
    Column("next_try_at", Moment),
    Index("webhook_deliveries_by_endpoint", "endpoint_id", "created_at", "id"),
    Index("webhook_deliveries_by_batch", "batch_id", "status"),
    Index("webhook_deliveries_by_status", "status", "created_at"),
    Index("webhook_deliveries_by_age", "created_at"),
)

"""The tables. Times are microseconds since 1970 (UTC), so that rows of one second keep their order."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import JSON, BigInteger, Column, Dialect, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


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


metadata = MetaData()

files = Table(
    "files",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("filename", Text, nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
    Column("provider", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("deleted_at", Moment),
    Column("erased_at", Moment),
    Column("batch_id", String(64)),
    Index("files_by_age", "project", "created_at", "id"),
    Index("files_by_expiry", "expires_at"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("filename", Text, nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("provider", String(64)),
    Column("lifetime_seconds", BigInteger),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("status", String(16), nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("part_ids", JSON(none_as_null=True)),
    Column("file_id", String(64)),
    Column("cleared_at", Moment),
    Index("uploads_by_clearing", "cleared_at", "expires_at"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("upload_id", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("upload_parts_by_upload", "upload_id"),
)

strays = Table(
    "strays",
    metadata,
    Column("key", Text, primary_key=True),
    Column("noticed_at", Moment, nullable=False),
    Index("strays_by_age", "noticed_at"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("project", String(64), nullable=False),
    Column("input_file_id", String(64), nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("completion_window", String(16), nullable=False),
    Column("window_seconds", BigInteger, nullable=False),
    Column("provider", String(64)),
    Column("metadata", JSON(none_as_null=True)),
    Column("output_expires_after_seconds", BigInteger),
    Column("parameters_hash", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("status", String(16), nullable=False),
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
    Column("model", Text),
    Column("cost", String(40)),
    Column("output_file_id", String(64)),
    Column("error_file_id", String(64)),
    Column("errors", JSON(none_as_null=True)),
    Column("errors_total", Integer, nullable=False),
    Column("deployments", JSON(none_as_null=True)),
    Column("warnings", JSON(none_as_null=True)),
    Column("swept_at", Moment),
    Index("batches_by_age", "project", "created_at", "id"),
    Index("batches_by_status", "status"),
    Index("batches_by_sweep", "swept_at"),
)

progress = Table(
    "progress",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("attempt", String(64), nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("waiting_on", Text),
)

waits = Table(
    "waits",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("step", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("deployment", String(64), nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("workflow_id", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("jobs_by_batch", "batch_id", "shard", "number"),
)

installation = Table("installation", metadata, Column("id", String(64), primary_key=True))

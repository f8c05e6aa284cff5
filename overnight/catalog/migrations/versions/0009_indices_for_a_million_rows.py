"""Indices by which lists and housekeeping stay quick among a million rows, and texts of any length."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NOT_ERASED = sa.text("erased_at IS NULL")

# All that there are by now. A database may have others, which are not ours to change.
_TABLES = (
    "files",
    "batches",
    "progress",
    "waits",
    "jobs",
    "uploads",
    "upload_parts",
    "strays",
    "installation",
    "begun_jobs",
    "spend",
    "webhook_endpoints",
    "webhook_deliveries",
)


def upgrade() -> None:
    """Bring the schema forward."""
    _drop("files_by_age", "files_by_expiry", table="files")
    _listed("files_listed", ["project", "created_at", "id"])
    _listed("files_listed_by_purpose", ["project", "purpose", "created_at", "id"])
    op.create_index("files_to_erase_by_deletion", "files", ["erased_at", "deleted_at"])
    op.create_index("files_to_erase_by_expiry", "files", ["erased_at", "expires_at"])
    op.create_index("batches_by_input", "batches", ["input_file_id"])
    _drop("webhook_deliveries_by_batch", table="webhook_deliveries")
    op.create_index("webhook_deliveries_by_batch", "webhook_deliveries", ["batch_id", "status"])
    op.create_index("webhook_endpoints_by_age", "webhook_endpoints", ["created_at"])
    op.create_index("webhook_deliveries_by_age", "webhook_deliveries", ["created_at"])
    # SQLite has never minded how long a text is.
    if op.get_bind().dialect.name == "postgresql":
        _lengthen()


def downgrade() -> None:
    """Take it back, but for the lengths of texts."""
    _drop("webhook_deliveries_by_age", "webhook_deliveries_by_batch", table="webhook_deliveries")
    op.create_index("webhook_deliveries_by_batch", "webhook_deliveries", ["batch_id"])
    _drop("webhook_endpoints_by_age", table="webhook_endpoints")
    _drop("batches_by_input", table="batches")
    _drop("files_listed", "files_listed_by_purpose", table="files")
    _drop("files_to_erase_by_deletion", "files_to_erase_by_expiry", table="files")
    op.create_index("files_by_age", "files", ["project", "created_at", "id"])
    op.create_index("files_by_expiry", "files", ["expires_at"])


def _listed(name: str, columns: list[str]) -> None:
    op.create_index(name, "files", columns, sqlite_where=_NOT_ERASED, postgresql_where=_NOT_ERASED)


def _drop(*names: str, table: str) -> None:
    for name in names:
        op.drop_index(name, table)


def _lengthen() -> None:
    inspector = sa.inspect(op.get_bind())
    for table in _TABLES:
        for column in inspector.get_columns(table):
            if getattr(column["type"], "length", None):
                op.alter_column(table, column["name"], type_=sa.Text())

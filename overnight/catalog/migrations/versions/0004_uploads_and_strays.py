"""Uploads and their parts, whose a batch's files are, and which objects no row knows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("files", sa.Column("batch_id", sa.String(64)))
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("provider", sa.String(64)),
        sa.Column("lifetime_seconds", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("part_count", sa.Integer, nullable=False),
        sa.Column("part_ids", sa.JSON(none_as_null=True)),
        sa.Column("file_id", sa.String(64)),
        sa.Column("cleared_at", sa.BigInteger),
    )
    op.create_index("uploads_by_clearing", "uploads", ["cleared_at", "expires_at"])
    op.create_table(
        "upload_parts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("upload_id", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("upload_parts_by_upload", "upload_parts", ["upload_id"])
    op.create_table(
        "strays",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("noticed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("strays_by_age", "strays", ["noticed_at"])


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("strays")
    op.drop_table("upload_parts")
    op.drop_table("uploads")
    op.drop_column("files", "batch_id")

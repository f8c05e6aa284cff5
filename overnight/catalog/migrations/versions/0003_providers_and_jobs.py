"""Which provider a batch or a file is for, the jobs that providers run, and what to warn of."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("files", sa.Column("provider", sa.String(64)))
    op.add_column("batches", sa.Column("provider", sa.String(64)))
    op.add_column("batches", sa.Column("warnings", sa.JSON(none_as_null=True)))
    op.create_table(
        "jobs",
        sa.Column("provider", sa.String(64), primary_key=True),
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("deployment", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(64), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("workflow_id", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("jobs_by_batch", "jobs", ["batch_id", "shard", "number"])


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("jobs")
    op.drop_column("batches", "warnings")
    op.drop_column("batches", "provider")
    op.drop_column("files", "provider")

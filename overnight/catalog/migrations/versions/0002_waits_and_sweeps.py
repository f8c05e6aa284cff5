"""What batches wait for, which deployments they run on, and whose leftovers have been removed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("batches", sa.Column("deployments", sa.JSON(none_as_null=True)))
    op.add_column("batches", sa.Column("swept_at", sa.BigInteger))
    op.create_index("batches_by_sweep", "batches", ["swept_at"])
    op.create_table(
        "waits",
        sa.Column("batch_id", sa.String(64), primary_key=True),
        sa.Column("step", sa.String(64), primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("waits")
    op.drop_index("batches_by_sweep", "batches")
    op.drop_column("batches", "swept_at")
    op.drop_column("batches", "deployments")

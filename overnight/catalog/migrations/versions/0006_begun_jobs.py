"""What each shard has last asked a provider for, so that its story can be told again without asking twice."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "begun_jobs",
        sa.Column("batch_id", sa.String(64), primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("deployment", sa.String(64), nullable=False),
        sa.Column("story", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("begun_jobs")

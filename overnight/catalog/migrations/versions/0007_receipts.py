"""What every batch cost and by what, its receipt, and a table to ask about money."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("batches", sa.Column("account", sa.JSON(none_as_null=True)))
    op.add_column("batches", sa.Column("receipt_file_id", sa.String(64)))
    op.add_column("batches", sa.Column("api_key", sa.String(32)))
    op.add_column("batches", sa.Column("requested_model", sa.Text))
    op.add_column("batches", sa.Column("approximated_input", sa.BigInteger))
    op.add_column("batches", sa.Column("max_cost", sa.String(40)))
    op.add_column("progress", sa.Column("usd_billionths", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("batches_by_model", "batches", ["project", "requested_model", "completed_at"])
    op.create_table(
        "spend",
        sa.Column("batch_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(64), nullable=False),
        sa.Column("api_key", sa.String(32)),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("provider", sa.String(64)),
        sa.Column("model", sa.Text),
        sa.Column("lines", sa.BigInteger, nullable=False),
        sa.Column("unpriced_lines", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger, nullable=False),
        sa.Column("usd_billionths", sa.BigInteger, nullable=False),
        sa.Column("usd_rest", sa.BigInteger, nullable=False),
    )
    op.create_index("spend_by_day", "spend", ["project", "day"])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("spend")
    op.drop_index("batches_by_model", "batches")
    op.drop_column("progress", "usd_billionths")
    for column in (
        "max_cost",
        "approximated_input",
        "requested_model",
        "api_key",
        "receipt_file_id",
        "account",
    ):
        op.drop_column("batches", column)

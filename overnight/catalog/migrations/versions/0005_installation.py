"""By what this catalog is told from any other that may be pointed at the same store."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    installation = op.create_table("installation", sa.Column("id", sa.String(64), primary_key=True))
    op.bulk_insert(installation, [{"id": f"installation_{secrets.token_hex(16)}"}])


def downgrade() -> None:
    """Take it back."""
    op.drop_table("installation")

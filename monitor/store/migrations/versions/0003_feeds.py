"""What feeds announced and which revision of a document was read last"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("revision", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("awaited", sa.String(length=200), nullable=False, server_default=""),
        sa.Column("awaited_since", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("target", column)

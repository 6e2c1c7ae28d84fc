"""The ranges by which a watch asks for a package"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("watch_entry", sa.Column("ranges", sa.String(), nullable=False, server_default="[]"))

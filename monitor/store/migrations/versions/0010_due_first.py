"""An index of what is checked before all else that is due"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    news = sa.text("due_at IS NOT NULL AND (awaited_since IS NOT NULL OR suspect IS NOT NULL)")
    op.create_index("target_news", "target", ["source", "due_at"], sqlite_where=news, postgresql_where=news)

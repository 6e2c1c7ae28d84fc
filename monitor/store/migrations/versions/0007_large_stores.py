"""Indexes by which a large store answers as fast as a small one, and who depends on what"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROWS = 10_000


def upgrade() -> None:
    watched = sa.text("due_at IS NOT NULL")
    stale = sa.text("due_at IS NOT NULL AND (fresh_at IS NULL OR failing_since IS NOT NULL)")
    op.drop_index("target_due", "target")
    op.create_index("target_due", "target", ["source", "due_at"], sqlite_where=watched, postgresql_where=watched)
    op.create_index("target_stale", "target", ["failing_since"], sqlite_where=stale, postgresql_where=stale)
    op.create_index("change_of_subject", "change", ["subject", "at"])
    op.create_index("change_of_account", "change", ["account", "kind", "at"])
    op.create_index("alert_cause", "alert", ["cause"], postgresql_ops={"cause": "text_pattern_ops"})
    op.create_index("delivery_made", "delivery", ["created_at"])
    table = op.create_table(
        "dependency",
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("name", "target_id"),
    )
    _fill(op.get_bind(), table)


def _fill(connection: sa.Connection, table: sa.Table) -> None:
    """The dependencies of every release that is stored, package by package."""
    release, value = (
        sa.table("release", *map(sa.column, ("target_id", "dependencies"))),
        sa.table("value", *map(sa.column, ("digest", "body"))),
    )
    lists = (
        sa.select(release.c.target_id, value.c.body)
        .join(value, value.c.digest == release.c.dependencies)
        .distinct()
        .order_by(release.c.target_id)
    )
    found: set[tuple[str, int]] = set()
    for part in connection.execute(lists).partitions(ROWS):
        for target, body in part:
            names = msgspec.json.decode(body)
            found.update((name[:250].replace("\0", ""), target) for name in names)
    rows = [{"name": name, "target_id": target} for name, target in sorted(found)]
    for start in range(0, len(rows), ROWS):
        connection.execute(sa.insert(table), rows[start : start + ROWS])

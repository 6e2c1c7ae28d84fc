"""Acknowledging, silences, acceptances, ended findings, and how late a message was"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "silence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("match", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_silence_ends_at", "silence", ["ends_at"])
    op.create_table(
        "acceptance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.LargeBinary(length=16), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=1000), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("mark"),
    )
    op.create_index("ix_acceptance_subject", "acceptance", ["subject"])
    # Columns are added one by one: to copy a table of years for it would take minutes.
    for column in (
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False, server_default=""),
        sa.Column("resolved_by", sa.String(length=100), nullable=False, server_default=""),
        sa.Column("reopened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("silence_id", sa.Integer(), nullable=True),
        sa.Column("lasting", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("alert", column)
    op.add_column("alert_finding", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("delivery", sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True))

"""Advisories about watched packages, where they stand, and when each package was asked for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "advisory",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("modified", sa.String(length=60), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "advisory_package",
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("advisory_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["advisory_id"], ["advisory.id"]),
        sa.PrimaryKeyConstraint("subject", "advisory_id"),
    )
    op.create_index("ix_advisory_package_advisory_id", "advisory_package", ["advisory_id"])
    op.create_table(
        "advisory_standing",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.String(length=900), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("target_id", "key"),
    )
    op.create_table(
        "advisory_asked",
        sa.Column("target_id", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["target_id"], ["target.id"]),
        sa.PrimaryKeyConstraint("target_id"),
    )
    op.create_index("ix_advisory_asked_asked_at", "advisory_asked", ["asked_at"])

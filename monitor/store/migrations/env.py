"""Alembic's environment: runs on the connection that ``monitor.store.upgrade`` hands over."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import alerts.model  # noqa: F401
import monitor.store.tables  # noqa: F401 - both declare tables

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
context.run_migrations()

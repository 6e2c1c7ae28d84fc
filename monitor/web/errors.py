"""What pages and API raise where there is nothing to show."""

from __future__ import annotations


class Missing(Exception):
    """There is nothing under this address; says what was looked for."""

"""What ends a study before it begins."""

from __future__ import annotations


class BadInput(Exception):
    """An input or an output that cannot be used at all: what, where, and how to mend it."""

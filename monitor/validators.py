"""What makes the next request conditional."""

from __future__ import annotations

from msgspec import Struct


class Validators(Struct, frozen=True):
    """What makes the next request conditional."""

    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    """Of the expanded body that was decoded last: the same bytes need no second decoding."""

"""The API: what ``--json`` prints, over HTTP, and the same actions as the pages."""

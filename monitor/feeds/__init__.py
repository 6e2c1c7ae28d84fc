"""Feeds of registries: which package changed, told within seconds. A feed is a hint; polling stays the safety net."""

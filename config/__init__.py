"""The asking: what is watched, how often, and who hears of it."""

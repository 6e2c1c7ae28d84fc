"""What the watch would have seen: recorded timelines through the ordinary pipeline, and their score."""

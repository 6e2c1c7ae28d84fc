"""What changed between two observations: pure comparisons, and the table of kinds they may find."""

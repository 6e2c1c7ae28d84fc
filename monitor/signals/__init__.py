"""The six weak links of the study (W1 to W6): states that hold now, each in a small module, and what they add up to."""

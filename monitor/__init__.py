"""The watching: sources, observations, snapshots, changes, the daemon and its screens."""

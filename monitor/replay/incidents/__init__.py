"""From the facts of an incident, as public sources state them, to a timeline that can be replayed."""

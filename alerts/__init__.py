"""The telling: from findings to messages that people receive."""

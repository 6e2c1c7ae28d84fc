"""How the log looks, whoever writes it."""

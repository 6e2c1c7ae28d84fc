"""Past one process: an elected daemon defers due work through Procrastinate, and workers on any machine do it."""

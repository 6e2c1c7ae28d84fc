"""The pages: what the watch knows, in one look, and what people do about it."""

"""The calls a user makes, one a file."""

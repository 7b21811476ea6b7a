"""People and how they want to be called."""

"""The plain records."""

"""Killed, frozen and restarted workers, dispatchers and API processes."""

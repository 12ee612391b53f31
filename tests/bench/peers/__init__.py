"""Peers that load the same orders into the same PostgreSQL, each in a virtual environment and a process of its own."""

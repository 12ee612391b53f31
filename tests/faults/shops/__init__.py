"""Processes killed while they pull from a shop or send to it."""

"""Keys, passwords and backups."""

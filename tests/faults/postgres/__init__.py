"""PostgreSQL stopped, locked, full, or with a wrong clock."""

"""Who may do what, and what is recorded about it."""

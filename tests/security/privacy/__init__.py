"""E-mail addresses and erased people."""

"""Decides what is sent, held or tried again; pure, except for the dry runs in `preview`."""

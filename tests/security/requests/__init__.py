"""Attacks by requests: bombs, floods and full disks."""

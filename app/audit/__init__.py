"""The audit trail: one event for each change through API, console and command line. docs/audit.md says what counts."""

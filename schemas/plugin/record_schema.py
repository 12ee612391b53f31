"""What the records of the plugin contract have in common."""

from __future__ import annotations

from schemas.base.fields import RecordSchema


class PluginSchema(RecordSchema):
    """A record that a plugin posts. One with known fields only may be stored as it came."""

    known_only = True

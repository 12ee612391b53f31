"""Describes the modes of a pull for the page on which one is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from app.console.views.formatting import number
from schemas.platforms.registry import PLATFORMS
from schemas.requests.start_form import StartForm, numbers_of


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode. `numbers` are the form fields that it uses."""

    name: str
    label: str
    about: str

    @property
    def numbers(self) -> tuple[str, ...]:
        return numbers_of(self.name)


MODES = {
    mode.name: mode
    for mode in (
        Mode(
            "incremental",
            "New and changed records",
            "Reads records that changed since the last sync, with an overlap for late ones. The usual choice: records"
            " that have not changed are not written again.",
        ),
        Mode(
            "update",
            "Recent changes",
            "Reads records that changed in the last minutes, even if they were read before.",
        ),
        Mode(
            "populate",
            "Missing records",
            "Reads records that are not stored yet and leaves all others unchanged. Continues where its last run ended.",
        ),
        Mode(
            "upsert",
            "Everything",
            "Reads every record, stores new ones and updates changed ones. Takes longest. You can limit it to records"
            " created in the last days.",
        ),
        Mode(
            "full",
            "Full reload",
            "Reads every record as if nothing had been read before, and resets the watermark. Takes longest.",
        ),
        Mode(
            "fill",
            "Import the missing ranges",
            "Reads the periods that earlier syncs did not cover. See the coverage under Explain.",
        ),
    )
}


def modes_of(platform: str) -> list[Mode]:
    return [MODES[name] for name in PLATFORMS[platform].modes]


def summary_of(platform: str, form: StartForm) -> str:
    """One sentence that says what the pull will do."""
    what = f"the {form.entity} of this {PLATFORMS[platform].title} shop"
    sentence = {
        "incremental": f"Read {what} that changed since the last sync",
        "update": f"Read {what} that changed within the last {number(form.stale_after_mins)} minutes",
        "populate": f"Read {what} that are not stored yet",
        "upsert": f"Read all of {what}",
        "full": f"Read all of {what} again from the start",
        "fill": f"Read {what} in the gaps of the coverage",
    }[form.mode]
    if form.days is not None:
        sentence += f", created within the last {number(form.days)} days"
    if form.max_records is not None:
        sentence += f", at most {number(form.max_records)} of them"
    return sentence + "."

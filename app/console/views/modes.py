"""What each mode of a pull does, in the words of the page on which it is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from app.console.views.formatting import number
from schemas.platforms.registry import PLATFORMS
from schemas.requests.start_form import StartForm, numbers_of


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode as the page offers it. `numbers`: the fields that go with it."""

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
            "What is new",
            "Reads what changed since the last sync, with an overlap for what arrives late. The usual choice; what has not"
            " changed is not written again.",
        ),
        Mode(
            "update",
            "Recent changes",
            "Reads what changed within the minutes that you name, whether it was read before or not.",
        ),
        Mode(
            "populate",
            "Fill in what is missing",
            "Reads records that are not stored yet and leaves all others alone. Goes on where the last such run ended.",
        ),
        Mode(
            "upsert",
            "Everything",
            "Reads every record and applies it: new ones are stored, changed ones replaced. Takes longest. Days limit it to"
            " what was created since.",
        ),
        Mode(
            "full",
            "Everything, anew",
            "Reads every record as if nothing had been read before, and sets the watermark anew. Takes longest.",
        ),
        Mode(
            "fill",
            "Close the holes",
            "Reads the stretches of time that earlier runs did not cover: see the coverage under Explain.",
        ),
    )
}


def modes_of(platform: str) -> list[Mode]:
    return [MODES[name] for name in PLATFORMS[platform].modes]


def summary_of(platform: str, form: StartForm) -> str:
    """One sentence that says what is about to happen."""
    what = f"the {form.entity} of this {PLATFORMS[platform].title} shop"
    sentence = {
        "incremental": f"Read {what} that changed since the last sync",
        "update": f"Read {what} that changed within the last {number(form.stale_after_mins)} minutes",
        "populate": f"Read {what} that are not stored yet",
        "upsert": f"Read all of {what}",
        "full": f"Read all of {what} anew",
        "fill": f"Read {what} that fall into the holes of the coverage",
    }[form.mode]
    if form.days is not None:
        sentence += f", created within the last {number(form.days)} days"
    if form.max_records is not None:
        sentence += f", at most {number(form.max_records)} of them"
    return sentence + "."

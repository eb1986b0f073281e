"""What the job worker does for whole records and notes: fits, and samples that are drawn and judged.

A private fit over HTTP names no folder of this machine: its words come from patients who are simulated for it.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.simulate import SimulateAsk, simulate
from careloom.services.synthesize import NOTES, Tell
from careloom.services.synthesize_judge import FhirJudgeAsk
from careloom.services.synthesize_notes_draw import NotesSampleAsk
from careloom.services.synthesize_notes_draw import sample as write_notes
from careloom.services.synthesize_notes_fit import NotesAsk
from careloom.services.synthesize_notes_fit import fit as fit_notes
from careloom.services.synthesize_notes_judge import judge_notes
from careloom.services.synthesize_records import RecordsAsk, RecordsSampleAsk
from careloom.services.synthesize_records import fit as fit_records
from careloom.services.synthesize_records import sample as draw_records
from careloom.services.synthesize_records_judge import judge_whole
from careloom.store.engine import private_folder

Json = dict[str, Any]


def fit_fhir(platform: Platform, who: Principal, run: str, wanted: Mapping[str, Any], tell: Tell) -> None:
    """Does a fit that was asked for over HTTP; as `careloom.services.synthesize_records.fit`, or that of notes."""
    with _public(platform, run, wanted) as public:
        ask = {
            "account": wanted["account"], "epsilon": wanted["epsilon"], "delta": wanted["delta"], "public": public,
            "options": wanted["options"], "seed": wanted["seed"], "name": wanted["name"],
            "control_share": wanted["control_share"], "run": run,
        }  # fmt: skip
        if wanted["engine"] == NOTES:
            fit_notes(platform, who, NotesAsk(None, **ask, cpu_seconds=wanted["cpu_seconds"]), tell)
        else:
            fit_records(platform, who, RecordsAsk(None, **ask), tell)


def sample_fhir(platform: Platform, who: Principal, run: str, wanted: Mapping[str, Any], tell: Tell) -> None:
    """Draws and judges what was asked for over HTTP."""
    cell = wanted["small_cell"]
    if wanted["engine"] == NOTES:
        asked = NotesSampleAsk(wanted["model"], wanted["notes"], wanted["kind"], wanted["records"], run)
        write_notes(platform, who, asked, tell)
        judge_notes(platform, who, FhirJudgeAsk(run, cell, tuple(wanted["kinds"])))
        return
    drawn = RecordsSampleAsk(wanted["model"], wanted["patients"], wanted["values"], run)
    draw_records(platform, who, drawn, tell)
    judge_whole(platform, who, FhirJudgeAsk(run, cell, tuple(wanted["kinds"])))


@contextmanager
def _public(platform: Platform, run: str, wanted: Mapping[str, Any]) -> Iterator[Path | None]:
    """A folder of simulated patients as long as a private fit learns; None for one that is not private."""
    if wanted["epsilon"] is None:
        yield None
        return
    folder = platform.settings.data.directory / "synthetic" / "public" / run
    private_folder(folder.parent.parent)
    private_folder(folder.parent)
    try:
        feeds = ("notes",) if wanted["engine"] == NOTES else ("fhir",)
        ask = SimulateAsk(
            folder, wanted["public_patients"], wanted["seed"], feeds, with_notes=wanted["engine"] == NOTES, processes=1
        )
        simulate(ask)
        yield folder if wanted["engine"] == NOTES else folder / "feeds" / "site-1"
    finally:
        shutil.rmtree(folder, ignore_errors=True)

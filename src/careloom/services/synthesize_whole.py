"""Synthetic patients with notes in one go: records drawn, told by notes, judged, let out and written, or kept in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from careloom.errors import Conflict
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import STEPS, Tell
from careloom.services.synthesize_discard import discard
from careloom.services.synthesize_export import DownloadAsk, export_release
from careloom.services.synthesize_judge import FhirJudgeAsk
from careloom.services.synthesize_notes_draw import NotesSampleAsk
from careloom.services.synthesize_notes_draw import sample as write_notes
from careloom.services.synthesize_notes_judge import judge_notes
from careloom.services.synthesize_records import RecordsSampleAsk
from careloom.services.synthesize_records import sample as draw_records
from careloom.services.synthesize_release import ReleaseAsk, release

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WholeAsk:
    """What is wanted.

    records  model of whole records; notes: model of notes, which learnt from the same patients
    out      a new folder
    given    static category -> the value of all patients; kind: of all notes
    release  what it is called, and by which policy; its sample is that which is drawn
    """

    records: str
    notes: str
    out: Path
    patients: int = 100
    given: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    release: ReleaseAsk = field(default_factory=lambda: ReleaseAsk("", "patients_with_notes"))


def patients(platform: Platform, who: Principal, ask: WholeAsk, tell: Tell | None = None) -> Json:
    """Patients whose notes tell their records, as FHIR NDJSON by type; as `export_release`, with the ``certificate``.

    tell    (done, of `careloom.services.synthesize.STEPS`)
    raises  Withheld where the policy keeps them in: then nothing was written, and the sample stays sealed; otherwise as
            the services that it calls; Conflict where the folder is there
    """
    if ask.out.exists():
        raise Conflict("the folder is there already", "Name a new one.")
    given = draw_records(
        platform, who, RecordsSampleAsk(ask.records, ask.patients, ask.given), _share(tell, 0.0, 0.2)
    )["sample"]  # fmt: skip
    try:
        wish = NotesSampleAsk(ask.notes, kind=ask.kind, records=given)
        drawn = write_notes(platform, who, wish, _share(tell, 0.2, 0.9))["sample"]
    finally:
        discard(platform, who, given)
    judge_notes(platform, who, FhirJudgeAsk(drawn))
    done = release(platform, who, replace(ask.release, sample=drawn))
    made = export_release(platform, who, DownloadAsk(drawn), ask.out)
    if tell is not None:
        tell(STEPS, STEPS)
    return made | {"certificate": done["certificate"]}


def _share(tell: Tell | None, first: float, last: float) -> Tell | None:
    """What tells a part of the work as that of the whole."""
    if tell is None:
        return None
    return lambda done, total: tell(int(STEPS * (first + (last - first) * done / max(1, total))), STEPS)

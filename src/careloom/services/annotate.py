"""What annotation is asked and what it reports; one text analyzed, told to whoever asked, and kept nowhere.

Notes that are stored are annotated by `careloom.services.annotate_notes`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from careloom.errors import CareloomError, QueryError
from careloom.nlp.reader import About, NoteReader, Reading
from careloom.pipeline.registry import load
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.annotate_formats import written
from careloom.services.note_reader import reader_in_force
from careloom.services.platform import Platform
from careloom.settings import Settings

OPERATION = "analyze"
ZONES: tuple[Zone, ...] = ("identified", "research")
"""Zones whose notes are annotated."""
Format = Literal["json", "fhir", "azure", "brat", "spacy"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ANYTHING = "Denies chest pain. Aspirin 81 mg daily for stroke. Potassium 4.1 mmol/L. Appendectomy in 2019. Smokes."
"""Something of every vocabulary."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnalyzeAsk:
    """A text to be read, and what is known about it.

    format   ``json``: everything that was found; ``fhir``: a Bundle of facts; ``azure``: as Text Analytics for health;
             ``brat``: ``text`` and ``annotations``; ``spacy``: a Doc
    time     when it was written, ISO 8601; dates in the text are counted from it
    type     LOINC document code
    refuted  FHIR: what is said to be absent is written as refuted, not left out
    rerank   the likeliest names of problems and symptoms are ranked anew by the encoder, also where the settings do not
    """

    text: str
    format: Format = "json"
    note_id: str = ""
    patient: str = ""
    encounter: str = ""
    time: str = ""
    type: str = ""
    refuted: bool = False
    rerank: bool = False


@dataclass(frozen=True, slots=True)
class AnalyzeReport:
    """What was found in one text.

    result  in the format that was asked; offsets count code points of the text as it came, but for ``brat`` and
            ``spacy``, which bring a text of their own
    """

    format: Format
    result: Json
    reading: Reading
    reader: str

    def as_json(self) -> Json:
        """The result as plain JSON."""
        return self.result


@dataclass(frozen=True, slots=True)
class AnnotateAsk:
    """Which notes are to be annotated.

    zone           identified or research
    patient        ``Patient/<id>`` or its id; of everybody where empty
    is_incremental leaves out notes that this version of the reader has read as they are now
    refuted        what is said to be absent becomes a refuted fact, not none
    run_id         of the run; empty for a new one
    most_notes     ends after the patients with which so many notes were seen; 0 for all
    """

    zone: Zone = "identified"
    patient: str = ""
    is_incremental: bool = False
    refuted: bool = False
    run_id: str = ""
    most_notes: int = 0


@dataclass(slots=True)
class AnnotateReport:
    """What a run did. No word of a note stands in it.

    notes      seen: ``read``, ``skipped`` (read before by this version), ``refused`` (`issues` say why)
    found      label -> annotations in the notes that were read
    facts      ``new``, ``agree`` (the record says so already), ``conflict`` (the record says otherwise), ``retired``
    types      resource type -> facts that were written
    conflicts  up to a hundred: ``type`` of the fact, ``reason``, what it is ``against``, and the ``note``, by reference
    issues     code -> count
    """

    run_id: str
    actor: str
    started: str
    zone: str
    reader: str
    readers: Mapping[str, str]
    is_incremental: bool
    refuted: bool
    notes: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    conflicts: list[dict[str, str]] = field(default_factory=list)
    issues: Counter[str] = field(default_factory=Counter)
    ended: str = ""

    def as_json(self) -> Json:
        """The report as plain JSON."""
        return {
            "id": self.run_id,
            "actor": self.actor,
            "started": self.started,
            "ended": self.ended,
            "zone": self.zone,
            "reader": {"version": self.reader, "components": dict(self.readers)},
            "incremental": self.is_incremental,
            "refuted": self.refuted,
            "notes": {name: self.notes[name] for name in ("read", "skipped", "refused")},
            "found": dict(self.found.most_common()),
            "relations": dict(self.relations.most_common()),
            "facts": {name: self.facts[name] for name in ("new", "agree", "conflict", "retired")},
            "types": dict(self.types.most_common()),
            "conflicts": self.conflicts,
            "issues": dict(self.issues.most_common()),
        }


def analyze(platform: Platform, who: Principal, ask: AnalyzeAsk) -> AnalyzeReport:
    """What is found in one text. Nothing of it is kept; that it was asked is audited, without its words.

    raises  AccessError; QueryError for a format that is not known; TooLarge; FormatError for what is no text
    """
    zone = next((one for one in ZONES if who.may("annotate", one)), ZONES[0])
    admit(platform, who, "annotate", zone, operation=OPERATION)
    try:
        reader = reader_in_force(platform, rerank=ask.rerank)
        report = _analyzed(reader, platform.settings, ask)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    detail = {"format": ask.format, "characters": len(ask.text), "reader": report.reader}
    detail["found"] = len(report.reading.annotated.annotations)
    note(platform, who, OPERATION, zone, detail=detail)
    return report


def warm(platform: Platform) -> None:
    """Loads the reader, and all that it makes when it is first asked; nobody's text is read, and nothing is audited.

    raises  SetupError where a model does not load
    """
    reader_in_force(platform).read_text(_ANYTHING)


def preload(platform: Platform) -> None:
    """Loads the reader that ships, for processes that are forked from this one to share: no connection is left open.

    The run time of its models lives through a fork, for it has no threads of its own (`careloom.text.tagger`).

    raises  SetupError where a model does not load
    """
    try:
        platform.note_reader.read_text(_ANYTHING)
    finally:
        platform.terminologies.close()


def analyze_alone(ask: AnalyzeAsk, settings: Settings) -> AnalyzeReport:
    """The same where nothing is installed: by the terminologies that ship, and without an audit chain to write to."""
    from careloom.terminology.packaged import PACKAGED  # noqa: PLC0415 - an installed platform brings its own

    rerank = ask.rerank or settings.annotate.rerank
    return _analyzed(load("reader.nlp")(PACKAGED, rerank=rerank), settings, ask)


def _analyzed(reader: NoteReader, settings: Settings, ask: AnalyzeAsk) -> AnalyzeReport:
    if ask.format not in FORMATS:
        raise QueryError("there is no such format of annotations", f"Choose one of {', '.join(FORMATS)}.")
    about = About(ask.note_id, ask.patient, ask.encounter, ask.time, ask.type)
    reading = reader.read_text(ask.text, about, settings.annotate.max_text_bytes)
    result = written(reading, ask.format, reader.version, refuted=ask.refuted)
    return AnalyzeReport(ask.format, result, reading, reader.version)

"""What is measured of synthetic notes before the gate: what they repeat, whom they name, whether they tell records.

The measures look at real patients. They stay in the store, for those who may read the data that was learnt. Where the
notes tell whole records, these are judged, too, and of a measure that both have the worse one counts.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from careloom.errors import Conflict, InputError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import open_state, work, zone_of_account
from careloom.services.synthesize_fhir_check import invalid_resources
from careloom.services.synthesize_judge import JUDGE, FhirJudgeAsk, facts_of_fit, keep_report, measured, to_judge
from careloom.services.synthesize_notes import from_annotated
from careloom.services.synthesize_notes_draw import StagedNote, staged_notes, staged_tables
from careloom.services.synthesize_notes_source import NotesSplit, divide_notes, identifiers_by, read_notes_of
from careloom.services.synthesize_over import BESIDE
from careloom.services.synthesize_records import staged_resources
from careloom.services.synthesize_records_judge import KINDS as RECORD_KINDS
from careloom.services.synthesize_records_judge import measured_records
from careloom.store.synthesis import Work
from careloom.synth.notes_facts import Fact, SourceNote
from careloom.synth.notes_fidelity import TextJudge, agreement
from careloom.synth.notes_material import known
from careloom.synth.notes_slots import words_in
from careloom.synth.privacy_notes import judge_notes_privacy
from careloom.synth.records import Records
from careloom.synth.release_measures import digest_of
from careloom.synth.release_policy import DEFAULT, Measure, for_notes, shipped

Json = dict[str, Any]
KINDS = ("verbatim", "fidelity", "agreement", "identifiers", "utility", "privacy")
Read = Callable[[], list[SourceNote]]
"""The notes as the shipped reader reads them, once."""
COMPARED = ("PROBLEM", "SYMPTOM", "MEDICATION", "TEST", "PROCEDURE", "ALLERGEN")
"""Labels whose facts are held against the record."""
DATE_KINDS = frozenset({"DATE"})
"""Kinds of identifiers that synthetic notes may have: their dates are nobody's."""
READ_AT_MOST = 2_000
"""Notes that the reader looks at, the first ones: of more it has no time. The detectors look at all."""
_SUMMED = ("small_cells", "broken_rules", "attacks_that_see", "weak_attacks", "epsilon", "delta", "invalid_resources")
_LEAST = ("patients", "utility", "utility_score")


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What is measured."""

    platform: Platform
    who: Principal
    parts: NotesSplit
    drawn: tuple[StagedNote, ...]
    ask: FhirJudgeAsk
    forms: dict[str, dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        """What the notes say."""
        return [one.note.text for one in self.drawn]

    @property
    def small_cell(self) -> int:
        """Fewer patients are rare."""
        return for_notes(shipped(DEFAULT)).small_cell if self.ask.small_cell is None else self.ask.small_cell

    def looked_at(self) -> tuple[StagedNote, ...]:
        """The notes that are read again."""
        return self.drawn[:READ_AT_MOST]


def judge_notes(platform: Platform, who: Principal, ask: FhirJudgeAsk) -> Json:
    """Measures notes against those of patients who were learnt from and patients who were not; the sample as `told`.

    Measures that need a library which is not installed, or more patients, are missing, and told so.

    raises  AccessError; NotFound; QueryError for another sample; StateError for a model that is tainted; Conflict for a
            sample that was let out, and where what was learnt is not there any more
    """
    one, model, _ = to_judge(platform, who, ask, KINDS, "notes judge")
    task = _task(platform, who, one, model, ask)
    measures, missing = _measured(task, is_public=model.body["privacy"] is not None)
    measures |= facts_of_fit(model)
    measures["invalid_resources"] = invalid_resources(staged_resources(platform, one))
    control_patients = task.parts.told["control_patients"]
    if one.body[BESIDE]:
        beside, more, control_patients = _of_records(platform, who, one, task)
        measures = worst(measures, beside)
        missing |= more
    report = {
        "missing": missing, "rows_sha256": digest_of(staged_resources(platform, one)),
        "control_patients": control_patients, "target": "entities of notes", "small_cell": task.small_cell,
    }  # fmt: skip
    return keep_report(platform, who, one, measures, report)


def worst(one: dict[str, Measure], other: dict[str, Measure]) -> dict[str, Measure]:
    """The measures of both: of one that both have what adds up is added, of the others the worse counts.

    A bound of one of them alone is no bound: epsilon and delta are left out where only one has them.
    """
    found = {**one, **other}
    for name in one.keys() & other.keys():
        both = (one[name], other[name])
        if name in _SUMMED:
            found[name] = Measure(sum(each.value for each in both))
        else:
            found[name] = (min if name in _LEAST else max)(both, key=_height)
    alone = {name for name in ("epsilon", "delta") if (name in one) != (name in other)}
    return {name: each for name, each in found.items() if name not in alone}


def _height(one: Measure) -> float:
    return one.value if one.high is None else one.high


def _of_records(
    platform: Platform, who: Principal, one: Work, task: _Task
) -> tuple[dict[str, Measure], dict[str, str], int]:  # fmt: skip
    """Measures of the records that the notes tell, why some are missing, and how many patients were set aside."""
    model = work(platform, one.body[BESIDE], "model")
    drawn = list(staged_tables(platform, one))
    shown = Records(*(pl.concat([getattr(each, name) for each in drawn]) for name, _ in drawn[0].tables()))
    found = measured_records(platform, who, model, shown, (task.ask.small_cell, RECORD_KINDS, task.ask.seed))
    missing = {f"records: {name}": why for name, why in found.missing.items()}
    return found.measures | facts_of_fit(model), missing, found.control_patients


def _task(platform: Platform, who: Principal, one: Work, model: Work, ask: FhirJudgeAsk) -> _Task:
    zone = zone_of_account(model.body["account"])
    state, where = open_state(platform, model)
    source = read_notes_of(platform, who, Path(where["folder"]) if where["folder"] else None, zone)
    if source.source.told["digest"] != model.body["source"]["digest"]:
        raise Conflict("the notes are not those that were learnt", "Fit the notes as they are now.")
    parts = divide_notes(platform, source, zone, model.body["split"]["share"])
    return _Task(platform, who, parts, tuple(staged_notes(platform, one)), ask, state.told["material"]["forms"])


def _measured(task: _Task, *, is_public: bool) -> tuple[dict[str, Measure], dict[str, str]]:
    """The measures by name, and why some are missing.

    is_public  words and names come from public notes
    """
    words = 0 if is_public else rare_words(task.parts.members, task.texts, task.small_cell)
    found = {"small_cells": Measure(float(words)), "lost_facts": Measure(float(sum(one.lost for one in task.drawn)))}
    read = cache(partial(_read_again, task))
    more, missing = measured({name: partial(act, task, read) for name, act in _ACTS.items()}, task.ask.kinds)
    return found | more, missing


def rare_words(members: Iterable[SourceNote], texts: Iterable[str], small_cell: int) -> int:
    """How many words stand in texts that some learnt patients' notes have, but fewer than `small_cell` patients'.

    Numbers are no words: they come from records, or lie between those of five patients.
    """
    counts: Counter[str] = Counter()
    by_patient: dict[str, set[str]] = {}
    for one in members:
        by_patient.setdefault(one.patient, set()).update(words_in(one.text))
    for words in by_patient.values():
        counts.update(words)
    shown = {word for text in texts for word in words_in(text) if not any(letter.isdigit() for letter in word)}
    return sum(0 < counts[word] < small_cell for word in shown)


def _read_again(task: _Task) -> list[SourceNote]:
    reader = task.platform.note_reader
    return [
        from_annotated(reader.read_text(one.note.text).annotated, one.note.patient, one.note.style, one.note.kind)
        for one in task.looked_at()
    ]


def _verbatim(task: _Task, _: Read) -> dict[str, Measure]:
    judge = TextJudge.of(task.parts.members)
    report = judge.judge([one.note for one in task.drawn])
    names = ("longest_run", "median_run", "known_grams", "perplexity")
    return {name: Measure(float(getattr(report, name))) for name in names}


def _fidelity(task: _Task, read: Read) -> dict[str, Measure]:
    """Mentions of notes against those of the learnt: as read, as the learnt were; and of controls."""
    found: dict[str, Measure] = {}
    judge = TextJudge.of(task.parts.members)
    for suffix, notes in (("", read()), ("_of_controls", task.parts.controls)):
        report = judge.judge(notes)
        found |= {f"{name}{suffix}": Measure(getattr(report, name)) for name in ("entity_distance", "name_distance")}
    return found


def _agreement(task: _Task, read: Read) -> dict[str, Measure]:
    """The records of notes against what the reader finds in them."""
    forms = task.forms

    def names(fact: Fact) -> list[str]:
        return [name for each in forms.values() for name in each.get(known(fact), {})]

    told_ = [[fact for fact in one.facts if fact.label in COMPARED] for one in task.looked_at()]
    found = agreement(list(zip(told_, read(), strict=True)), COMPARED, names)
    return {
        "agreement": Measure(found.f1), "facts_told": Measure(found.told), "facts_true": Measure(found.true),
        "statuses_true": Measure(found.statuses), "parts_true": Measure(found.parts),
    }  # fmt: skip


def _identifiers(task: _Task, _: Read) -> dict[str, Measure]:
    finder = identifiers_by(task.platform, task.who, JUDGE)
    kinds = Counter(kind for one in task.drawn for _, _, kind in finder(one.note.text))
    dates = sum(kinds[each] for each in DATE_KINDS)
    return {"identifiers": Measure(float(kinds.total() - dates)), "dates": Measure(float(dates))}


def _utility(task: _Task, _: Read) -> dict[str, Measure]:
    """A tagger that learnt from the notes, tested on controls, by one that learnt from as many real ones."""
    labels = load("synth.notes.labels")(task.parts.members)
    if not labels:
        raise InputError("no label is mentioned often enough to be learnt", "Learn from more notes.")
    size = min(len(task.drawn), len(task.parts.members))
    shown = [one.note for one in task.drawn[:size]]
    if not {each.label for one in shown for each in one.mentions} & set(labels):
        raise InputError("the notes mention nothing that could be learnt", "Draw more notes.")
    made = load("synth.notes.utility")(
        task.parts.members[:size], shown, task.parts.controls, labels, seed=task.ask.seed
    )  # fmt: skip
    return {
        "utility": Measure(made.ratio), "utility_score": Measure(made.synthetic),
        "utility_score_of_real": Measure(made.real),
    }  # fmt: skip


def _privacy(task: _Task, _: Read) -> dict[str, Measure]:
    sides: list[dict[str, list[str]]] = [{}, {}]
    for side, notes in zip(sides, (task.parts.members, task.parts.controls), strict=True):
        for one in notes:
            side.setdefault(one.patient, []).append(one.text)
    report = judge_notes_privacy(sides[0], sides[1], task.texts, seed=task.ask.seed)
    areas = [each.area for each in report.membership.values()]
    hits = [each.hits for each in report.membership.values()]
    area, hit = max(areas, key=lambda each: each.high), max(hits, key=lambda each: each.high)
    copied = report.copied.copied.beyond
    return {
        "membership_area": Measure(area.value, area.low, area.high),
        "membership_hits": Measure(hit.value, hit.low, hit.high),
        "attacks_that_see": Measure(float(len(report.seen))), "weak_attacks": Measure(float(len(report.weak))),
        "copied_excess": Measure(copied.value, copied.low, copied.high),
    }  # fmt: skip


_ACTS = {
    "verbatim": _verbatim, "fidelity": _fidelity, "agreement": _agreement, "identifiers": _identifiers,
    "utility": _utility, "privacy": _privacy,
}  # fmt: skip

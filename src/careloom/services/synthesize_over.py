"""Why a sample, or what was let out of it, is over: it expired, or somebody left whom a model behind it learnt from.

It reads the store alone, so that whoever hides rows and resources of a release can ask it.
"""

from datetime import datetime

from careloom.errors import NotFound, StateError
from careloom.services.platform import Platform
from careloom.store.synthesis import Work, find, listed

FACT = "release"
"""What a table of a release says of itself: the sample that its rows are of."""
BESIDE = "beside"
"""Of a sample with notes that tell its records: the model of the records, beside that of the notes."""
LANDED = "landed"
"""Of a release: its patients, whose resources lie in the synthetic zone's FHIR store."""


def models_of(platform: Platform, one: Work) -> list[Work]:
    """The models that a sample was drawn of, that which it is listed under first. raises NotFound"""
    names = [one.parent, *([one.body[BESIDE]] if one.body.get(BESIDE) else [])]
    with platform.store("identified").connect() as connection:
        return [find(connection, name, "model") for name in names]


def taints_of(platform: Platform, model: Work) -> list[str]:
    """Why patients left that a model learnt from, sorted; also where another training took its place."""
    with platform.store("identified").rights() as reader:
        return sorted({cause for cause, _ in reader.training(model.body["training"]).taints})


def taints_behind(platform: Platform, one: Work) -> list[str]:
    """The same of all models that a sample was drawn of."""
    return sorted({cause for model in models_of(platform, one) for cause in taints_of(platform, model)})


def why_over(platform: Platform, one: Work) -> str:
    """Why a release that was let out is over; empty where it is not."""
    if platform.runtime.now() >= datetime.fromisoformat(one.body["release"]["expires"]):
        return "it has expired"
    taints = taints_behind(platform, one)
    return f"somebody whom it was learnt from left ({', '.join(taints)})" if taints else ""


def patient_ids(name: str, patients: int) -> list[str]:
    """The ids of the patients of a sample: they are its own, so that no two releases share one."""
    return [f"{name}-{number}" for number in range(patients)]


def closed_patients(platform: Platform) -> list[str]:
    """Ids, in the synthetic zone, of all patients of releases that may not be fetched now, also of half a release.

    raises  StateError where there are releases and the store that knows whether they are open is gone
    """
    if not platform.has_store("identified"):
        lake = platform.lake("synthetic")
        if any(FACT in lake.state(path).facts for path in lake.paths()):
            raise StateError(
                "the identified store is gone, and nothing else says which releases are open",
                "Restore it from a backup.",
            )
        return []
    with platform.store("identified").connect() as connection:
        there = [one for one in listed(connection, "sample") if (one.body.get("release") or {}).get(LANDED)]
    closed = [one for one in there if one.state != "released" or _is_over(platform, one)]
    return [name for one in closed for name in patient_ids(one.name, int(one.body["release"][LANDED]))]


def _is_over(platform: Platform, one: Work) -> bool:
    try:
        return bool(why_over(platform, one))
    except NotFound:  # a model that is gone cannot say that nobody left
        return True

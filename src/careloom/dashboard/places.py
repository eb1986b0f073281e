"""The pages of first rank: what address each has, where it stands in the navigation, who is shown the way to it."""

from collections.abc import Callable
from dataclasses import dataclass

from careloom.client.careloom import Careloom
from careloom.dashboard import (
    analyze,
    capacity,
    cohorts,
    cohorts_compare,
    deidentify,
    deidentify_compare,
    deidentify_policy,
    deidentify_run,
    deployment,
    draft,
    duplicates,
    explore,
    linkage,
    model_compare,
    model_version,
    model_watch,
    models,
    normalize,
    note_corpus,
    note_find,
    note_page,
    note_places,
    note_runs,
    operations,
    overview,
    pair,
    patient,
    patients,
    privacy,
    quality,
    quality_rule,
    quarantine,
    reports,
    run,
    runs,
    synthetic,
    synthetic_model,
    synthetic_notes,
    synthetic_sample,
    synthetic_verify,
)
from careloom.dashboard.address import Address
from careloom.dashboard.parts import Page
from careloom.dashboard.session import Person
from careloom.errors import NotFound

Draw = Callable[[Careloom, Person, Address, list[str]], Page]
"""Makes the page of an address; the list is what stands below the first part. raises NotFound, and what the API does"""

GROUPS = ("", "Data", "Care", "Learn", "Privacy", "Operate")
"""The navigation by task, in its order; the first has no heading."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation.

    part     the first part of its address; empty for the start
    group    one of `GROUPS`
    icon     the class ``icon-<icon>`` of the style sheet
    may_see  whether the API would tell this person anything there; it only hides the way
    draw     its page, and those below
    """

    part: str
    title: str
    group: str
    icon: str
    may_see: Callable[[Person], bool]
    draw: Draw


def no_page() -> NotFound:
    """What is said of an address that no page has."""
    return NotFound("there is no such page", "Choose one on the left.")


def find(part: str) -> Place:
    """The place of an address. raises NotFound"""
    for place in PLACES:
        if place.part == part:
            return place
    raise no_page()


def _overview(api: Careloom, person: Person, _address: Address, _below: list[str]) -> Page:
    return overview.page(api, person)


def _runs(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return runs.page(api, address)
        case ["draft"]:
            return draft.page(person)
        case [run_id]:
            return run.page(api, run_id, address)
    raise no_page()


def _quarantine(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return quarantine.page(api, person, address)
        case [run_id]:
            return quarantine.redrive_page(api, run_id)
    raise no_page()


def _quality(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case [] | [_]:
            return quality.page(api, person, address, *below)
        case [run_id, rule_id]:
            return quality_rule.page(api, run_id, rule_id, address)
    raise no_page()


def _normalize(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return normalize.page(api, address)
        case [run_id]:
            return normalize.run_page(api, person, run_id)
    raise no_page()


def _patients(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return patients.page(api, person, address)
        case [zone, patient_id]:
            return patient.page(api, person, zone, patient_id, address)
    raise no_page()


def _linkage(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return linkage.page(api, address)
        case ["duplicates"]:
            return duplicates.page(api, person, address)
        case [pair_id]:
            return pair.page(api, person, pair_id)
    raise no_page()


def _notes(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case [] if person.may_annotate or not person.note_zones:
            return analyze.page(person)
        case [] | [note_places.FIND]:
            return note_find.page(api, person, address)
        case [note_places.CORPUS]:
            return note_corpus.page(api, person, address)
        case [note_places.RUNS]:
            return note_runs.page(api, person, address)
        case [note_places.RUNS, run_id]:
            return note_runs.run_page(api, person, run_id)
        case [zone, note_id] if zone in note_page.ZONES:
            return note_page.page(api, person, zone, note_id, address)
    raise no_page()


def _deidentification(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return deidentify.page(api, person, address)
        case ["compare", *record]:
            return deidentify_compare.page(api, person, address, record)
        case ["policies", name]:
            return deidentify_policy.page(api, person, name, address)
        case [run_id]:
            return deidentify_run.page(api, person, run_id)
    raise no_page()


def _privacy(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    return privacy.page(api, person, address, below)


def _deployment(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    if below:
        raise no_page()
    return deployment.page(api, person, address)


def _operations(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    return operations.page(api, person, address, below)


def _models(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return models.page(api, address)
        case [name]:
            return models.model_page(api, person, name, address)
        case [name, "watch"]:
            return model_watch.page(api, person, name, address)
        case [name, "compare"]:
            return model_compare.page(api, name, address)
        case [name, version]:
            return model_version.page(api, person, name, version, "", address)
        case [name, version, "lineage" | "card" as part]:
            return model_version.page(api, person, name, version, part, address)
    raise no_page()


def _capacity(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    if below:
        raise no_page()
    return capacity.page(api, person, address)


def _synthetic(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return synthetic.page(api, person, address)
        case [synthetic_verify.PART]:
            return synthetic_verify.page(person)
        case ["models", model]:
            return synthetic_model.page(api, person, model, address)
        case ["samples", sample]:
            return synthetic_sample.page(api, person, sample, address)
        case ["samples", sample, synthetic_notes.PART]:
            return synthetic_notes.page(api, sample)
    raise no_page()


def _reports(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    match below:
        case []:
            return reports.page(api, person, address)
        case [reports.NEW]:
            return reports.new_page(address)
    raise no_page()


def _explore(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    if below or not person.explore_zones:
        raise no_page()
    return explore.page(api, person, address)


def _cohorts(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    if not person.explore_zones:
        raise no_page()
    match below:
        case []:
            return cohorts.page(api, person, address)
        case ["compare"]:
            return cohorts_compare.page(api, person, address)
        case ["build"]:
            return cohorts.build_page(api, person, address)
        case [name]:
            return cohorts.shipped_page(api, person, address, name)
        case [name, patient]:
            return cohorts.why_page(api, person, address, name, patient)
    raise no_page()


PLACES = (
    Place("", "Overview", "", "overview", lambda person: True, _overview),
    Place("runs", "Runs", "Data", "runs", lambda person: person.has_runs, _runs),
    Place("quarantine", "Quarantine", "Data", "quarantine", lambda person: person.has_quarantine, _quarantine),
    Place("quality", "Quality", "Data", "quality", lambda person: bool(person.quality_zones), _quality),
    Place("normalize", "Normalize", "Data", "normalize", lambda person: person.may_normalize, _normalize),
    Place("linkage", "Linkage", "Data", "linkage", lambda person: person.has_pairs, _linkage),
    Place("explore", "Explore", "Data", "explore", lambda person: bool(person.explore_zones), _explore),
    Place("cohorts", "Cohorts", "Care", "cohorts", lambda person: bool(person.explore_zones), _cohorts),
    Place("patients", "Patients", "Care", "patients", lambda person: bool(person.patient_zones), _patients),
    Place("models", "Models", "Learn", "models", lambda person: person.sees_models, _models),
    Place("capacity", "Capacity", "Care", "capacity", lambda person: person.may_forecast, _capacity),
    Place("notes", "Notes", "Learn", "notes", lambda person: person.may_annotate or bool(person.note_zones), _notes),
    Place("synthetic", "Synthetic data", "Learn", "synthetic", lambda person: person.sees_synthetic, _synthetic),
    Place(
        "deidentify", "De-identification", "Privacy", "deidentify",
        lambda person: person.has_deidentifications, _deidentification,
    ),
    Place(
        "privacy", "Privacy and audit", "Privacy", "privacy",
        lambda person: person.may_audit or person.may_erase or person.has_rights, _privacy,
    ),
    Place(
        "operations", "Operations", "Operate", "operations",
        lambda person: person.may_operate or person.sees_health, _operations,
    ),
    Place("reports", "Reports", "Operate", "reports", lambda person: person.has_reports, _reports),
    Place(
        "deployment", "Deployment", "Operate", "deployment", lambda person: person.sees_health, _deployment,
    ),
)  # fmt: skip
"""Within a group in the order in which they are listed."""

"""Why a cohort is smaller than one expects, where its zone is the cause and not its rules: as data, with what to do.

A policy of de-identification may withhold what a cohort stands on: birth dates, whole types of resources, days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from careloom.risk.cohorts import Cohort
from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_fhir import VIEWS_OF, definitions

_ELSEWHERE = "count in the identified zone"


@dataclass(frozen=True, slots=True)
class Ruled:
    """What of a policy of de-identification a cohort feels.

    types    of resources that pass; None where nobody knows
    moments  shift, year or keep: how dates pass
    k        how many patients must look alike, or their traits are left out; None where nobody asks
    """

    name: str
    types: frozenset[str] | None
    moments: str
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """One cause: `code` is stable (birth-unknown, type-withheld, years-only, no-index-event); no value of a patient."""

    code: str
    message: str
    remedy: str

    def as_json(self) -> dict[str, str]:
        """The hint as plain JSON."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


def hints(
    found: Cohort, events: pl.DataFrame, policies: Sequence[Ruled] = (), others: Sequence[Ruled] = ()
) -> list[Hint]:
    """What a cohort lacks because of its zone; empty where nothing does.

    events    that it was extracted from
    policies  that the zone was made under; empty for a zone that nobody de-identified
    others    that one could make it under
    """
    made = [*_births(found, events, policies, others), *_withheld(found, policies, others), *_years(policies, others)]
    if not made and found.steps and not found.steps[0].rows:
        made.append(
            Hint("no-index-event", "There is no fact here that the cohort begins with.",
                 "See which facts the zone has: careloom risk cohort facts; or name another zone.")
        )  # fmt: skip
    return made


def _births(found: Cohort, events: pl.DataFrame, policies: Sequence[Ruled], others: Sequence[Ruled]) -> Iterator[Hint]:
    definition = found.definition
    rules = [one.name for one in definition.rules if one.kind == "age"] if isinstance(definition, Definition) else []
    people = found.verdicts["patient_id"].unique()
    known = events.filter(pl.col("kind") == "birth").drop_nulls("time")["patient_id"].unique()
    unknown = people.len() - people.is_in(known.implode()).sum()
    if not rules or not unknown:
        return
    message = (
        f"{unknown:,} of {people.len():,} patients with an index event have no usable birth date, so that the rule "
        f'"{rules[0]}" holds for none of them.'
    )
    grouped = [one for one in policies if one.k is not None]
    if grouped:
        one = grouped[0]
        message += (
            f" The zone is of the policy {one.name}, which leaves birth years out where fewer than {one.k} look alike."
        )
        free = [other for other in others if other.k is None and other.moments != "year"]
        yield Hint("birth-unknown", message, f"De-identify more patients, or under {_named(free)}; or {_ELSEWHERE}.")
    elif policies:
        message += f" The zone is of the policy {_named(policies)}, which tells no birth of who may be 90 or older."
        free = [other for other in others if other.moments == "keep"]
        yield Hint("birth-unknown", message, f"De-identify under {_named(free)}, or {_ELSEWHERE}.")
    else:
        yield Hint("birth-unknown", message, "Let the feeds send birthDate with each patient.")


def _withheld(found: Cohort, policies: Sequence[Ruled], others: Sequence[Ruled]) -> Iterator[Hint]:
    if not policies or not isinstance(found.definition, Definition):
        return
    resource = {name: str(one["resource"]) for name, one in definitions().items()}
    wanted = {
        resource[view]: name
        for name, one in found.definition.events.items()
        for view in VIEWS_OF.get(one.kind, ())
        if view in resource
    }
    for kind, event in sorted(wanted.items()):
        if any(one.types is None or kind in one.types for one in policies):
            continue
        free = [one for one in others if kind in (one.types or ())]
        yield Hint(
            "type-withheld",
            f"The zone is of the policy {_named(policies)}, which lets no {kind} through: there is no {event} here.",
            f"De-identify under {_named(free)}, or {_ELSEWHERE}.",
        )


def _years(policies: Sequence[Ruled], others: Sequence[Ruled]) -> Iterator[Hint]:
    year = [one for one in policies if one.moments == "year"]
    if year:
        free = [one for one in others if one.moments != "year"]
        yield Hint(
            "years-only",
            f"The zone is of the policy {_named(year)}, which lets the year alone of a date through: what lies days "
            "before or after an index cannot be told.",
            f"De-identify under {_named(free)}, or {_ELSEWHERE}.",
        )


def _named(policies: Sequence[Ruled]) -> str:
    names = sorted({one.name for one in policies})
    return " or ".join(names) if names else "a policy of your own"


def said(found: Sequence[Hint], cause: str, remedy: str) -> tuple[str, str]:
    """(cause, remedy) of an error, with what the hints tell beside it."""
    if not found:
        return cause, remedy
    return " ".join([f"{cause}.", *(one.message for one in found)]), " ".join(
        dict.fromkeys(one.remedy for one in found)
    )

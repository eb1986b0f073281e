"""What a client's resource must be before it is written: valid FHIR, with references that lead somewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from careloom.errors import Conflict, Invalid, Unprocessable
from careloom.fhir.drafts import Resource
from careloom.fhir.references import Reference, each_reference, parse_reference
from careloom.fhir.search_parameters import slots
from careloom.fhir.validate import check
from careloom.issues import Issue
from careloom.services.platform import Platform
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

Name = tuple[str, str]
"""(type, id) of a resource as stored."""


def require_valid(resource: Resource, issues: Iterable[Issue] = ()) -> None:
    """Returns when the resource is valid FHIR R4.

    issues  what was found wrong with its bytes before
    raises  Invalid with all that is wrong
    """
    found = [*issues] or check(resource)
    if found:
        kind = resource.get("resourceType")
        named = kind if isinstance(kind, str) and kind.isalpha() and len(kind) < 64 else "resource"
        raise Invalid(
            f"the {named} is no valid FHIR R4: {found[0].message}" if len(found) == 1 else
            f"the {named} is no valid FHIR R4, for {len(found)} reasons",
            "Correct what each issue names.", found,
        )  # fmt: skip


def require_valid_here(resource: Resource, base: str) -> list[Reference]:
    """What the references of a resource say, once those that `made_local` shortens are shortened.

    raises  Invalid as `require_valid`
    """
    met: list[dict[str, Any]] = []
    issues = check(resource, met)
    if made_local(each_reference(resource) if issues else met, base):
        met = []
        issues = check(resource, met)
    if issues:
        require_valid(resource, issues)
    return [parse_reference(one["reference"]) for one in met if "reference" in one]


def made_local(references: Iterable[dict[str, Any]], base: str) -> bool:
    """Shortens, in place, every reference to this very zone by its whole address: ``Type/id`` is what is indexed,
    sealed and erased by. True where there was one."""
    found = False
    for reference in references:
        text = reference.get("reference", "")
        if text.startswith(base) and parse_reference(text.removeprefix(base)).form == "relative":
            reference["reference"] = text.removeprefix(base)
            found = True
    return found


def said_by(resource: Resource) -> list[Reference]:
    """What the references of a resource say."""
    return [parse_reference(reference["reference"]) for reference in each_reference(resource)]


def named_by(references: Iterable[Reference]) -> set[Name]:
    """What literal references name."""
    return {(one.type, one.id) for one in references if one.form == "relative"}


def placed(issues: Iterable[object], entry: str) -> tuple[object, ...]:
    """Issues of a resource in a Bundle, with the entry before their places."""
    return tuple(
        replace(one, place=f"{entry}.resource.{one.place.partition('.')[2]}".rstrip("."))
        if isinstance(one, Issue) and entry else one
        for one in issues
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Integrity:
    """Referential integrity of one step: literal references lead somewhere, and nothing points to what is deleted.

    written  what the step writes, by name
    deleted  what it deletes
    """

    platform: Platform
    zone: Zone
    transaction: Transaction
    written: Mapping[Name, Resource]
    deleted: frozenset[Name]

    def require_targets(self, name: Name, said: Iterable[Reference]) -> None:
        """Returns when each literal reference of a written resource leads to something that will be there.

        said    what its references say
        raises  Unprocessable that names the types, never an id
        """
        wanted: set[Name] = set()
        for parts in said:
            if parts.form in ("urn", "conditional"):
                raise Unprocessable(
                    f"a reference of the {name[0]} is by {'search' if parts.form == 'conditional' else 'urn'}, and "
                    "leads to nothing here",
                    "In a transaction name an entry's fullUrl, or a search that finds exactly one resource.",
                )
            if parts.form == "relative" and (parts.type, parts.id) not in self.written:
                wanted.add((parts.type, parts.id))
        lost = (wanted & self.deleted) | (wanted - self.transaction.present(wanted) if wanted else set())
        if lost:
            raise Unprocessable(
                f"a reference of the {name[0]} leads to no {min(lost)[0]} of the {self.zone} zone",
                "Write what it points to first, or both in one transaction; ids are stored ids.",
            )

    def require_unreferenced(self, name: Name) -> None:
        """Returns when nothing that stays points to what is deleted, by the references that can be searched.

        raises  Conflict that says how many do
        """
        found = self.transaction.reader.with_keys(self.transaction.connection, self._keys(name))
        left = [one for one in found if one[1:] not in self.deleted and one[1:] not in self.written]
        if left:
            raise Conflict(
                f"{len(left)} resources point to this {name[0]} of the {self.zone} zone",
                "Delete or change them first, or all in one transaction.",
            )

    def _keys(self, name: Name) -> list[int]:
        """What the index holds of a reference to it, for every type that is there and every slot of references."""
        blind, target = self.platform.blind_index(self.zone), f"{name[0]}/{name[1]}"
        kinds = self.transaction.reader.types(self.transaction.connection)
        return [
            blind.reference(kind, slot.name, target)
            for kind in kinds
            for slot in slots(kind).values()
            if slot.kind == "reference"
        ]

"""Persons from linked pairs: what hangs together is one person, unless somebody in it cannot be. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from careloom.quality.linkage_traits import Traits

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Who is one person.

    members   groups of two or more ids, each sorted, in order of their first
    conflicts  pairs that were linked but would have joined patients who cannot be one person: pair -> (one, other)
    """

    members: tuple[tuple[str, ...], ...]
    conflicts: Mapping[Edge, Edge]


def clusters(
    accepted: Iterable[Edge],
    linked: Sequence[Edge],
    rejected: Collection[Edge],
    patients: Mapping[str, Traits],
) -> Clusters:
    """Groups of patients.

    accepted  pairs that a person or a feed decided to be one: they join, whatever the traits say
    linked    pairs that the model links, strongest first: a pair joins two groups unless two of their members cannot be
              one person: rejected, or not linked themselves and of different sex or birth date
    """
    groups: dict[str, list[str]] = {}
    known = {_sorted(one) for one in linked} | {_sorted(one) for one in accepted}
    apart = {_sorted(one) for one in rejected}
    conflicts: dict[Edge, Edge] = {}
    for edge in sorted({_sorted(one) for one in accepted} - apart):
        _join(groups, edge)
    for edge in dict.fromkeys(_sorted(one) for one in linked):
        left, right = (groups.get(each, [each]) for each in edge)
        if left is right or edge in apart:
            continue
        conflict = _conflict(left, right, patients, known, apart)
        if conflict is None:
            _join(groups, edge)
        else:
            conflicts[edge] = conflict
    found = {id(group): tuple(sorted(group)) for group in groups.values()}
    return Clusters(tuple(sorted(found.values())), conflicts)


def _join(groups: dict[str, list[str]], edge: Edge) -> None:
    left, right = (groups.setdefault(each, [each]) for each in edge)
    if left is not right:
        left += right
        for each in right:
            groups[each] = left


def _conflict(
    left: Sequence[str], right: Sequence[str], patients: Mapping[str, Traits], known: set[Edge], apart: set[Edge]
) -> Edge | None:
    """The first two of different groups who cannot be one person."""
    for one in sorted(left):
        for other in sorted(right):
            edge = _sorted((one, other))
            if edge in apart:
                return edge
            if edge not in known and one in patients and other in patients and differ(patients[one], patients[other]):
                return edge
    return None


def differ(one: Traits, other: Traits) -> bool:
    """True when both sexes are known and differ, or both birth dates and they differ in more than one part."""
    if one.sex is not None and other.sex is not None and one.sex != other.sex:
        return True
    if one.birth is None or other.birth is None or one.birth in (other.birth, other.birth_swapped):
        return False
    parts = ((one.birth[:4], one.birth[4:6], one.birth[6:]), (other.birth[:4], other.birth[4:6], other.birth[6:]))
    return sum(mine != theirs for mine, theirs in zip(*parts, strict=True)) > 1


def _sorted(edge: Edge) -> Edge:
    return edge if edge[0] <= edge[1] else (edge[1], edge[0])

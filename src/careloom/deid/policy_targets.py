"""The targets of a policy: how well the patients of the research zone must be able to hide, and at what price."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careloom.deid.targets import Targets

DECEASED = "deceased"
TRAITS = (
    "birth_year",
    "age_over_89",
    "gender",
    "birth_sex",
    "race",
    "ethnicity",
    "marital_status",
    "address",
    "death",
    "other",
)
"""What the measure takes from a patient, see `careloom.deid.patient_traits`."""
_KEYS = frozenset({"k", "l", "t", "sensitive", "suppressed_at_most"})


@dataclass(frozen=True, slots=True)
class PolicyTargets:
    """What must hold of the patients of the zone.

    k                   patients who look alike, at least
    l                   different values of each sensitive trait among them, at least
    t                   distance of their sensitive values to those of all, 0..1, at most
    sensitive           traits that l and t are about: `DECEASED`, or one of `TRAITS`
    suppressed_at_most  share of the patients whose traits or records may be left out, 0..1
    """

    k: int
    l: int | None  # noqa: E741 - as the literature calls it
    t: float | None
    sensitive: tuple[str, ...]
    suppressed_at_most: float

    @property
    def asked(self) -> Targets:
        """The same, as the measure takes it."""
        return Targets(k=self.k, distinct_l=self.l, t=self.t)

    def as_json(self) -> dict[str, Any]:
        """What was asked."""
        sensitive = list(self.sensitive)
        return {
            "k": self.k,
            "l": self.l,
            "t": self.t,
            "sensitive": sensitive,
            "suppressed_at_most": self.suppressed_at_most,
        }


def read_targets(source: Mapping[str, Any]) -> PolicyTargets | None:
    """The table ``[targets]`` of a policy; None if empty. raises ValueError, with the remedy, if it is not sound"""
    if not source:
        return None
    if set(source) - _KEYS or "k" not in source:
        raise ValueError(f"Write k, and of {', '.join(sorted(_KEYS - {'k'}))} what you ask.")
    k, least, most, share = source["k"], source.get("l"), source.get("t"), source.get("suppressed_at_most", 0)
    sensitive = source.get("sensitive", [])
    if type(k) is not int or k < 2 or not (least is None or (type(least) is int and least >= 1)):
        raise ValueError("k is a whole number from 2, l one from 1.")
    if type(share) not in (int, float) or not 0 <= share <= 1 or not (most is None or _is_share(most)):
        raise ValueError("t and suppressed_at_most are shares: from 0 to 1.")
    if type(sensitive) is not list or not set(sensitive) <= {DECEASED, *TRAITS}:
        raise ValueError(f"sensitive is a list of {', '.join((DECEASED, *TRAITS))}.")
    if (least is None and most is None) != (not sensitive):
        raise ValueError("l and t are about sensitive traits: give both or neither.")
    return PolicyTargets(k, least, most, tuple(sensitive), share)


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1

"""What an address of Explore asks for: zone, source, what is drawn, filters; and the address of what is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from careloom.dashboard.address import Address, href

ROOM = "explore"
LOOKS = {
    "overview": "Overview", "distribution": "One column", "trend": "Over time", "cross": "Two columns",
    "correlations": "What hangs together", "rows": "Rows",
}  # fmt: skip
OPERATORS = {
    "is": "is", "not": "is not", "above": "is at least", "below": "is below", "known": "is recorded",
    "unknown": "is not recorded",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter."""

    column: str
    operator: str
    values: tuple[str, ...] = ()

    def as_body(self) -> dict[str, Any]:
        """As the SDK takes it."""
        return {"column": self.column, "operator": self.operator, "values": list(self.values)}

    def written(self) -> str:
        """As it stands in an address: ``status:is:final,amended``."""
        return ":".join((self.column, self.operator, ",".join(quote(one, safe="") for one in self.values)))

    def said(self) -> str:
        """``Status is final or amended``."""
        words = [title(self.column), OPERATORS.get(self.operator, self.operator), " or ".join(self.values)]
        return " ".join(one for one in words if one)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; empty where nothing is said."""

    zone: str
    source: str = ""
    look: str = "overview"
    against: str = ""
    column: str = ""
    by: str = ""
    value: str = ""
    sort: str = ""
    start: int = 0
    where: tuple[Condition, ...] = field(default_factory=tuple)

    def address(self, **changes: Any) -> str:
        """The address of this, with changes."""
        one = replace(self, **changes)
        told = {
            "zone": one.zone, "source": one.source, "look": "" if one.look == "overview" else one.look,
            "against": one.against, "column": one.column, "by": one.by, "value": one.value, "sort": one.sort,
            "start": str(one.start) if one.start else "", "where": ";".join(each.written() for each in one.where),
        }  # fmt: skip
        return href(ROOM, **told)

    def kept(self, names: Sequence[str]) -> dict[str, str]:
        """Of what the address says, what a form has no field for."""
        told: Mapping[str, str] = {
            "zone": self.zone, "source": self.source, "look": self.look, "against": self.against,
            "column": self.column, "by": self.by, "value": self.value, "sort": self.sort,
            "where": ";".join(each.written() for each in self.where),
        }  # fmt: skip
        return {name: told[name] for name in names if told[name]}


def asked(address: Address, zones: Sequence[str]) -> Asked:
    """What an address asks for, of the zones that somebody may explore."""
    query = address.query
    usual = "research" if "research" in zones else zones[0]
    zone, look = query.get("zone", usual), query.get("look", "overview")
    start = query.get("start", "0")
    return Asked(
        zone=zone, source=query.get("source", ""), look=look if look in LOOKS else "overview",
        against=query.get("against", "") if query.get("against") != zone else "",
        column=query.get("column", ""), by=query.get("by", ""), value=query.get("value", ""),
        sort=query.get("sort", ""), start=int(start) if start.isdecimal() and len(start) < 10 else 0,
        where=_where(query),
    )  # fmt: skip


def _where(query: Mapping[str, str]) -> tuple[Condition, ...]:
    found = [_condition(one) for one in query.get("where", "").split(";") if one]
    if query.get("add"):
        values = tuple(one.strip() for one in query.get("is", "").split(",") if one.strip())
        found.append(Condition(query["add"], query.get("how", "is"), values))
    return tuple(dict.fromkeys(found))


def _condition(text: str) -> Condition:
    column, _, rest = text.partition(":")
    operator, _, values = rest.partition(":")
    return Condition(column, operator or "is", tuple(unquote(one) for one in values.split(",") if one))


_SHORT = {"loinc": "LOINC", "snomed": "SNOMED", "rxnorm": "RxNorm", "icd10": "ICD-10", "icd9": "ICD-9", "id": "id"}


def title(name: str) -> str:
    """``value_number`` as ``Value number``."""
    words = " ".join(_SHORT.get(word, word) for word in name.split("_") if word)
    return words[:1].upper() + words[1:]

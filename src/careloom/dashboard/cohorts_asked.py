"""A cohort as an address says it, and as the definition that it stands for: index, criteria, outcome; no patient.

who=first visit, age 40 to 80, a diagnosis of E11 ever before, no stroke in 365 days; what follows within a year
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from careloom.dashboard.address import Address, href

ROOM = "cohorts"
BUILD, COMPARE = "build", "compare"
KINDS = {
    "visit": "visit", "admission": "admission", "discharge": "discharge", "diagnosis": "diagnosis",
    "medication": "medication", "observation": "observation", "procedure": "procedure", "note": "statement of a note",
    "death": "death",
}  # fmt: skip
INDEX_KINDS = {name: said for name, said in KINDS.items() if name != "death"}
SYSTEMS = {
    "": "any code", "icd10cm": "ICD-10-CM", "snomed": "SNOMED CT", "rxnorm": "RxNorm", "loinc": "LOINC",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": "class of encounter",
}  # fmt: skip
CHOOSE = {"first": "the first", "last": "the last", "all": "each", "yearly": "the first of each year"}
SEXES = {"": "any", "female": "female", "male": "male"}
MUST = {"have": "has", "lack": "has no"}


@dataclass(frozen=True, slots=True)
class Meant:
    """Facts of a kind; `codes` of a system, one with a star at its end is the beginning of codes; none: every fact."""

    kind: str
    system: str = ""
    codes: tuple[str, ...] = ()

    def block(self, name: str) -> str:
        """As ``[events.NAME]`` of a definition."""
        whole = [one for one in self.codes if not one.endswith("*")]
        begun = [one[:-1] for one in self.codes if one.endswith("*")]
        lines = [f"[events.{name}]", f"kind = {_text(self.kind)}"]
        for key, codes in (("codes", whole), ("prefixes", begun)):
            if codes and self.system:
                lines.append(f"{key} = {{ {_text(self.system)} = [{', '.join(map(_text, codes))}] }}")
        return "\n".join(lines)

    @property
    def lacks_system(self) -> bool:
        """True where codes stand without their system, and mean nothing."""
        return bool(self.codes) and not self.system

    def said(self) -> str:
        """``diagnosis ICD-10-CM E11*``."""
        named = f" {SYSTEMS.get(self.system, self.system)} {', '.join(self.codes)}" if self.codes else ""
        return f"{KINDS.get(self.kind, self.kind)}{named}"

    def written(self) -> str:
        """As it stands in an address."""
        return ":".join((self.kind, quote(self.system, safe=""), ",".join(quote(one, safe="*") for one in self.codes)))


@dataclass(frozen=True, slots=True)
class Criterion:
    """Facts that have to be there before the index, or must not; in so many days (0: ever), so many times."""

    must: str
    meant: Meant
    days: int = 0
    at_least: int = 1

    def said(self) -> str:
        """``has no diagnosis ICD-10-CM I63* in the 365 days before``."""
        times = f" {self.at_least} times" if self.at_least > 1 and self.must == "have" else ""
        when = f" in the {self.days:,} days before" if self.days else " at any time before"
        return f"{MUST.get(self.must, self.must)} {self.meant.said()}{times}{when}"

    def written(self) -> str:
        """As it stands in an address."""
        return f"{self.must}:{self.days}:{self.at_least}:{self.meant.written()}"


@dataclass(frozen=True, slots=True)
class Built:
    """A cohort that somebody builds.

    index     what a prediction is made at; `choose` which of a patient's
    min_age   years at the index, and below `max_age`; 0 for none
    history   days that the record reaches back before the index
    outcome   what is foretold within `horizon_days`
    """

    zone: str
    index: Meant = Meant("visit")
    choose: str = "first"
    min_age: int = 0
    max_age: int = 0
    sex: str = ""
    history: int = 0
    criteria: tuple[Criterion, ...] = ()
    outcome: Meant = Meant("admission")
    horizon_days: int = 365
    notes: bool = False

    def query(self) -> dict[str, str]:
        """As the query of an address; what is as usual is left out."""
        usual = Built(self.zone)
        told = {
            "zone": self.zone,
            "i": self.index.written() if self.index != usual.index else "",
            "n": self.choose if self.choose != usual.choose else "",
            "a": str(self.min_age or ""), "b": str(self.max_age or ""), "s": self.sex, "r": str(self.history or ""),
            "c": ";".join(one.written() for one in self.criteria),
            "o": self.outcome.written() if self.outcome != usual.outcome else "",
            "h": str(self.horizon_days) if self.horizon_days != usual.horizon_days else "",
            "notes": "1" if self.notes else "",
        }  # fmt: skip
        return {name: value for name, value in told.items() if value}

    def address(self, *below: str, **changes: Any) -> str:
        """The address of this, with changes."""
        return href(ROOM, BUILD, *below, **replace(self, **changes).query())

    def definition(self) -> str:
        """The definition in TOML."""
        blocks = [
            self.index.block(self.index.kind),
            *(one.meant.block(f"c{at + 1}") for at, one in enumerate(self.criteria)),
        ]
        blocks += [self.outcome.block("outcome")]
        blocks.append(f"[index]\nevent = {_text(self.index.kind)}\nchoose = {_text(self.choose)}")
        blocks += self._rules()
        blocks.append(f'[outcome]\nevent = "outcome"\nhorizon_days = {self.horizon_days}')
        if self.outcome.kind != "death":
            blocks.append('[death]\npolicy = "competing"')
        title = f"Built: {CHOOSE.get(self.choose, self.choose)} {self.index.said()}"
        first = f'name = "built"\ntitle = {_text(title)}\nsource = "Built on the dashboard"'
        return "\n\n".join([first, *blocks]) + "\n"

    def _rules(self) -> list[str]:
        rules = []
        if self.min_age or self.max_age:
            bounds = [f"min_years = {self.min_age}"] if self.min_age else []
            bounds += [f"below_years = {self.max_age}"] if self.max_age else []
            rules.append(_rule(self._age_said(), "age", *bounds))
        if self.sex:
            rules.append(_rule(self.sex, "sex", f"is = {_text(self.sex)}"))
        if self.history:
            rules.append(_rule(f"a record of {self.history:,} days before", "history", f"days = {self.history}"))
        for at, one in enumerate(self.criteria):
            told = [f'event = "c{at + 1}"', f"must = {_text(one.must)}", f"days = {one.days}"]
            rules.append(_rule(f"{at + 1}: {one.said()}", "event", *told, f"at_least = {one.at_least}"))
        return rules

    def _age_said(self) -> str:
        low = f"{self.min_age} years or older" if self.min_age else ""
        high = f"below {self.max_age} years" if self.max_age else ""
        return " and ".join(one for one in (low, high) if one)


def _rule(name: str, kind: str, *lines: str) -> str:
    return "\n".join(["[[rules]]", f"name = {_text(name)}", f"kind = {_text(kind)}", *lines])


def _text(value: str) -> str:
    """A basic string of TOML, which reads what JSON writes."""
    return json.dumps(value, ensure_ascii=True)


def built(address: Address, zones: Sequence[str]) -> Built:
    """The cohort that an address says, with what a form adds to it."""
    query = address.query
    usual = Built("research" if "research" in zones else zones[0])
    found = [_criterion(one) for one in query.get("c", "").split(";") if one]
    if query.get("add") in MUST:
        meant = Meant(query.get("k", "diagnosis"), query.get("y", ""), codes_of(query.get("v", "")))
        found.append(Criterion(query["add"], meant, number(query, "d"), max(1, number(query, "t", 1))))
    index, outcome = _from_form(query, "i"), _from_form(query, "o")
    return Built(
        zone=query.get("zone", usual.zone), index=index or usual.index,
        choose=query.get("n", "") if query.get("n") in CHOOSE else usual.choose,
        min_age=number(query, "a"), max_age=number(query, "b"),
        sex=query.get("s", "") if query.get("s") in SEXES else "", history=number(query, "r"),
        criteria=tuple(dict.fromkeys(found)), outcome=outcome or usual.outcome,
        horizon_days=max(1, number(query, "h", usual.horizon_days)), notes=query.get("notes") == "1",
    )  # fmt: skip


def _from_form(query: Mapping[str, str], name: str) -> Meant | None:
    """What fields of a form say (``ik``, ``iy``, ``iv``), else what the address says in short."""
    if query.get(f"{name}k"):
        return Meant(query[f"{name}k"], query.get(f"{name}y", ""), codes_of(query.get(f"{name}v", "")))
    return _meant(query[name]) if query.get(name) else None


def _criterion(text: str) -> Criterion:
    must, _, rest = text.partition(":")
    days, _, rest = rest.partition(":")
    times, _, rest = rest.partition(":")
    told = {"days": days, "times": times}
    return Criterion(must, _meant(rest), number(told, "days"), max(1, number(told, "times", 1)))


def _meant(text: str) -> Meant:
    kind, _, rest = text.partition(":")
    system, _, codes = rest.partition(":")
    return Meant(kind, unquote(system), tuple(unquote(one) for one in codes.split(",") if one))


def codes_of(text: str) -> tuple[str, ...]:
    """Codes with commas or spaces between."""
    return tuple(dict.fromkeys(one for one in text.replace(",", " ").split() if one))


def number(query: Mapping[str, str], name: str, usual: int = 0) -> int:
    """A whole number of a query; the usual one where there is none."""
    text = query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 7 else usual

"""A draft of a mapping for a delimited extract, from its header and a sample of its rows.

Nothing of a row stands in the draft but units, and values of small known lists (sex, flags, classes of encounters).
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.errors import InputError
from careloom.ingest.suggest_columns import SURE, Guess, guess_columns, roles
from careloom.runtime import packaged
from careloom.terminology.ucum_spellings import read as read_unit

_PLACE = re.compile(r"\{([a-z_]+)([^}]*)\}")
_AS_TEXT = "as text"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A draft.

    text      a mapping in TOML that `careloom.ingest.delimited.load_mapping` takes
    kind      what a row was taken for: a name of suggestions/kinds.toml
    guesses   what each column was taken for, in the order of the header
    doubts    what a person has to decide, in sentences
    """

    text: str
    kind: str
    guesses: tuple[Guess, ...]
    doubts: tuple[str, ...]


@cache
def _kinds() -> Mapping[str, Any]:
    return tomllib.loads(packaged("ingest", "suggestions/kinds.toml").decode())


def suggest(name: str, header: Sequence[str], rows: Sequence[Sequence[str]], file_name: str = "") -> Suggestion:
    """A draft of the mapping called `name`.

    rows       a sample of rows, cells as text
    file_name  helps to tell what the rows are; nothing of it stands in the draft

    raises  InputError if no column says whose row it is
    """
    guesses = guess_columns(header, rows)
    by_role = {guess.role: guess for guess in guesses if guess.role}
    kind = _kind(by_role, [*_words(file_name), *(word for column in header for word in _words(column))], file_name)
    if not kind:
        known = ", ".join(_kinds()["kind"])
        remedy = f"Write the mapping by hand (docs/how-to/map-a-csv-extract.md). Drafts are made of: {known}."
        raise InputError("mapping suggest: the header does not tell what a row is", remedy)
    by_role = _refined(kind, by_role)
    if "patient_id" not in by_role:
        remedy = "Rename the column that names the patient to PATIENT, or write the mapping by hand."
        raise InputError("mapping suggest: no column of the header says whose row it is", remedy)
    draft = _Draft(kind, list(header), rows, by_role)
    return Suggestion(draft.text(name), kind, tuple(guesses), tuple(draft.doubts))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-zäöüß0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower())


def _kind(by_role: Mapping[str, Guess], words: Sequence[str], file_name: str) -> str:
    """What a row is: the kind whose roles, code system and words are there most."""
    best, kind = -1.0, ""
    of_file = set(_words(file_name))
    system = by_role["code"].system if "code" in by_role else ""
    for name, told in _kinds()["kind"].items():
        is_there = not told.get("one_of") or any(role in by_role for role in told["one_of"])
        if not set(told["needs"]) - {"patient_id"} <= set(by_role) or not is_there:
            continue
        score = sum(weight for role, weight in told["signs"].items() if role in by_role)
        score += 2 * sum(word in words for word in told["words"]) + 5 * any(word in of_file for word in told["words"])
        score += 3 * (system in told.get("systems", ()))
        if score > best:
            best, kind = score, name
    return kind


def _refined(kind: str, by_role: dict[str, Guess]) -> dict[str, Guess]:
    """Roles as this kind means them: an id of the row is that of the patient in a list of patients, and so on."""
    found = dict(by_role)
    if kind == "patient" and "patient_id" not in found and "row_id" in found:
        found["patient_id"] = found.pop("row_id")
    if kind == "encounter" and "row_id" not in found and "encounter_id" in found:
        found["row_id"] = found.pop("encounter_id")
    moves = [("start", "time"), ("time", "start")]
    uses = json.dumps(_kinds()["kind"][kind]["set"])
    for have, want in moves:
        if have in found and want not in found and f"{{{have}" not in uses and f"{{{want}" in uses:
            found[want] = found.pop(have)
    return found


class _Draft:
    """One mapping on its way to text."""

    def __init__(self, kind: str, header: list[str], rows: Sequence[Sequence[str]], by_role: dict[str, Guess]) -> None:
        self.kind = kind
        self.header = header
        self.rows = rows
        self.doubts: list[str] = []
        self._told = _kinds()["kind"][kind]
        self._set = {path: self._filled(value, by_role) for path, value in self._told["set"].items()}
        self._set = {path: value for path, value in self._set.items() if value is not None}
        text = json.dumps(self._set, ensure_ascii=False)
        key = [role for role in ("row_id",) if role in by_role] or [
            role for role in ("patient_id", "encounter_id", "code", "description", "time", "start") if role in by_role
        ]
        key = ["patient_id"] if kind == "patient" else key
        self._key = [by_role[role].column for role in key]
        used = {role for role, one in by_role.items() if f"{{{one.column}" in text} | set(key) | {"patient_id"}
        used |= {"description"} & set(by_role) if "code" in used else set()
        used |= {"unit"} & set(by_role) if "value" in used else set()
        self._used = {role: one for role, one in by_role.items() if role in used}
        if len(self._key) > 1:
            self.doubts.append(
                "No column names a row: its key is several columns; check that they never repeat together."
            )

    def _filled(self, value: Any, by_role: Mapping[str, Guess]) -> Any:
        """The value with columns for roles; None where a role was not found, or constants alone would remain."""
        if isinstance(value, str):
            place = _PLACE.search(value)
            if place is None:
                return value
            guess = by_role.get(place[1])
            if guess is None or (place[2] == ":coding" and not guess.system):
                return None if "?" not in place[2] else place[2].rpartition("|")[2]
            return value.replace(place[0], f"{{{guess.column}{place[2]}}}")
        if isinstance(value, list):
            items = [item for item in (self._filled(one, by_role) for one in value) if item is not None]
            return items or None
        if isinstance(value, dict):
            made = {name: self._filled(one, by_role) for name, one in value.items()}
            kept = {name: one for name, one in made.items() if one is not None}
            had = _PLACE.search(json.dumps(value)) is not None
            has = _PLACE.search(json.dumps(kept)) is not None or "{" in json.dumps(list(kept.values()))
            return kept if kept and (has or not had or any("?" in str(one) for one in value.values())) else None
        return value

    def text(self, name: str) -> str:
        """The mapping as TOML."""
        values, columns = self._values(), self._columns()
        unused = [column for column in self.header if column not in {one.column for one in self._used.values()}]
        lines = [
            f"# A draft by `careloom mapping suggest`: each row was taken for one {self._told['resource']}.",
            "# Look at each line that says `check`, then: careloom ingest FILE --mapping THIS_FILE",
            f"name = {_quoted(name)}",
            "",
            *values,
            f"[file.{self.kind}]",
            f"recognise = {_inline(self._recognise())}",
            f"patient = {_quoted(self._used['patient_id'].column)}",
            f"key = {_inline(self._key)}",
            *([f"landing = {_inline(unused)}  # nothing is made of these yet"] if unused else []),
            "",
            f"[file.{self.kind}.columns]",
            *columns,
            "",
            f"[[file.{self.kind}.resource]]",
            f'type = "{self._told["resource"]}"',
            "",
            f"[file.{self.kind}.resource.set]",
            *(f"{_key_of(path)} = {_inline(value)}" for path, value in self._set.items() if path != "valueString"),
            *self._words_for_numbers(),
        ]
        return "\n".join(lines) + "\n"

    def _words_for_numbers(self) -> list[str]:
        """A result that is words and no number."""
        if "value" not in self._used:
            return []
        value = self._used["value"].column
        words = self._used["text_value"].column if "text_value" in self._used else f"{value} {_AS_TEXT}"
        when = f"when = {{ {_key_of(value)} = {_quoted('')} }}"
        return ["", f"[[file.{self.kind}.resource.also]]", when, f"set = {{ valueString = {_quoted(f'{{{words}}}')} }}"]

    def _recognise(self) -> list[str]:
        named = [self._used["patient_id"].column, *self._key]
        named += [one.column for role, one in self._used.items() if role in self._told["signs"]]
        return list(dict.fromkeys(named))[:6]

    def _columns(self) -> list[str]:
        lines = [self._column(role, guess) for role, guess in sorted(self._used.items(), key=self._place)]
        if "value" in self._used and "text_value" not in self._used:
            value = self._used["value"].column
            lines.append(f"{_quoted(f'{value} {_AS_TEXT}')} = {_inline({'type': 'string', 'names': [value]})}")
        return lines

    def _place(self, item: tuple[str, Guess]) -> int:
        return self.header.index(item[1].column)

    def _column(self, role: str, guess: Guess) -> str:
        kind = roles()[role]["type"]
        told: dict[str, Any] = {"type": kind}
        check = "" if guess.confidence >= SURE else f"  # check: taken for {role.replace('_', ' ')} by its name"
        if kind in ("date", "datetime"):
            told["type"] = "datetime" if guess.has_time and role != "birth_date" else "date"
            told |= {"formats": list(guess.formats)[:1]} if guess.formats else {}
            if told["type"] == "datetime" and not guess.has_offset:
                told["timezone"] = "UTC"
                check = "  # check: the times tell no offset; name the zone that they are in, such as Europe/Berlin"
                self.doubts.append(f"Column {self._number(guess)}: which time zone are its times in?")
            if len(guess.formats) > 1:
                check = "  # check: day and month cannot be told apart in the sample"
                self.doubts.append(f"Column {self._number(guess)}: does the day or the month come first?")
        if role == "code" and guess.system:
            told["system"] = guess.system
            if "description" in self._used:
                told["display"] = self._used["description"].column
        if role == "value":
            told |= {"decimal_comma": True} if guess.is_comma else {}
            told["or_text"] = True
            if "unit" in self._used:
                told["unit"] = f"{{{self._used['unit'].column}{'|ucum' if self._units() else ''}}}"
        if role == "patient_id":
            told["required"] = True
        made = (
            _inline(told)
            if len(told) > 1
            else _quoted(kind if len(told) == 1 and told["type"] == kind else told["type"])
        )
        return f"{_key_of(guess.column)} = {made}{check}"

    def _number(self, guess: Guess) -> int:
        return self.header.index(guess.column) + 1

    def _sample(self, guess: Guess) -> list[str]:
        at = self.header.index(guess.column)
        return sorted({row[at].strip() for row in self.rows if at < len(row) and row[at].strip()})

    def _units(self) -> dict[str, str]:
        """Units of the sample that are no UCUM as they stand, with what they mean."""
        if "unit" not in self._used or "value" not in self._used:
            return {}
        found = {text: read_unit(text, "").code for text in self._sample(self._used["unit"])}
        if all(code == text for text, code in found.items()):
            return {}
        return {text: code or "" for text, code in found.items() if code}

    def _values(self) -> list[str]:
        lines: list[str] = []
        text = json.dumps(self._set)
        for table, meanings in _kinds()["values"].items():
            if f"|{table}}}" not in text:
                continue
            guess = next(self._used[role] for role in self._used if roles()[role].get("values") == table)
            known = [value for value in self._sample(guess) if value.lower() in meanings]
            lines += [f"[values.{table}]", *(f"{_key_of(one)} = {_inline(meanings[one.lower()])}" for one in known), ""]
            if len(known) < len(self._sample(guess)):
                self.doubts.append(
                    f"Column {self._number(guess)}: some of its values are not in the table {table}; add them."
                )
        units = self._units()
        if units:
            lines += ["[values.ucum]", *(f"{_key_of(one)} = {_quoted(code)}" for one, code in units.items()), ""]
        return lines


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _key_of(text: str) -> str:
    return text if _BARE.fullmatch(text) else _quoted(text)


def _inline(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key_of(name)} = {_inline(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _quoted(value) if isinstance(value, str) else str(value)

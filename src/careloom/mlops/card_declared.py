"""What a person declares of a model, in ``card.toml`` beside its task: who answers for it, since when, and the texts.

    by = "Dr Ada Example, clinical lead"       who answers for the texts below
    on = 2026-11-30                            when they were last looked at

    [intended_use]
    text = "..."
    [outcome_references]
    unavailable = "Nobody has studied what its use does to outcomes."

A section may have its own ``by`` and ``on``. Sections are attributes of HTI-1 (``cards/hti1.toml``) or what other cards
ask for (``cards/further.toml``); others are refused. What an installation says of its own stands in a file of the same
grammar that is read after it and replaces whole sections.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any
from unicodedata import category

from careloom.errors import FormatError
from careloom.mlops.card_attributes import attributes, further
from careloom.runtime import packaged, packaged_names

LONGEST = 4_000
_WRITTEN = "# What was declared of the model at its registration; grammar: docs/how-to/make-a-model-card.md\n"
EVERY, OURS = "any", "trained"
"""What ships with every task; and what is true of versions that Careloom trained alone."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A text and who answers for it.

    is_available  False: the text says that there is no such information, and why
    """

    text: str
    by: str
    on: date
    is_available: bool = True


@dataclass(frozen=True, slots=True)
class Declarations:
    """All texts by the id of what they answer."""

    texts: Mapping[str, Declared] = field(default_factory=dict)

    def of(self, name: str) -> Declared | None:
        """The text of an attribute; None where nobody declared one."""
        return self.texts.get(name)

    def over(self, later: "Declarations") -> "Declarations":
        """These texts, and those of `later` in the place of texts of the same id."""
        return Declarations({**self.texts, **later.texts})


def tasks() -> list[str]:
    """The tasks that texts ship for."""
    names = [one.rpartition("/")[2].removesuffix(".toml") for one in packaged_names("mlops", "cards/tasks", ".toml")]
    return [one for one in names if one not in (EVERY, OURS)]


def shipped(task: str, *, is_ours: bool = True) -> Declarations:
    """What ships with a task of risk: the texts of every task, its own over them; none for another name.

    is_ours  Careloom trained the version: what ships of how that is done is true of it
    """
    if task not in tasks():
        return Declarations()
    found = Declarations()
    for name in (EVERY, *((OURS,) if is_ours else ()), task):
        where = f"cards/tasks/{name}.toml"
        found = found.over(declarations(packaged("mlops", where), where))
    return found


def written(said: Declarations) -> bytes:
    """The texts as a file of the same grammar, each with who answers for it, in the order of the ids; the same bytes of
    the same texts."""
    parts = [_WRITTEN]
    for name, one in sorted(said.texts.items()):
        kind = "text" if one.is_available else "unavailable"
        told = [(kind, json.dumps(one.text, ensure_ascii=False)), ("by", json.dumps(one.by, ensure_ascii=False))]
        lines = [f"[{name}]", *(f"{key} = {value}" for key, value in told), f"on = {one.on.isoformat()}"]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts).encode()


def digest(said: Declarations) -> str:
    """SHA-256 of the texts as `written`, hexadecimal; empty for none."""
    return hashlib.sha256(written(said)).hexdigest() if said.texts else ""


def declarations(content: bytes, where: str = "card.toml") -> Declarations:
    """The texts of a file.

    where   what the file is called in an error
    raises  FormatError that names the section and what is wrong with it
    """
    try:
        tree = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"at line \d+, column \d+", str(error))
        at = f" {place[0]}" if place else ""
        raise FormatError(f"{where}: it is no TOML{at}", "Mend it there: texts stand in quotes.") from error
    by, on = tree.pop("by", None), tree.pop("on", None)
    known = {one.id: one.may_be_unavailable for one in attributes()} | {one.id: True for one in further()}
    found = {}
    for name, section in tree.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise FormatError(f"{where}: [{name}]", f"Did you mean [{near[0]}]?" if near else "No card asks for it.")
        if not isinstance(section, dict):
            raise FormatError(f"{where}: {name}", f"Write it as a section: [{name}] and text = ...")
        found[name] = _declared(f"{where}: [{name}]", {"by": by, "on": on} | section, known[name])
    return Declarations(found)


def _declared(where: str, section: Mapping[str, Any], may_be_unavailable: bool) -> Declared:
    strange = sorted(set(section) - {"text", "unavailable", "by", "on"})
    if strange:
        raise FormatError(f"{where} {strange[0]}", "A section has text or unavailable, and by and on.")
    kinds = [name for name in ("text", "unavailable") if name in section]
    if len(kinds) != 1:
        raise FormatError(where, "Give it either a text, or unavailable and the reason.")
    if kinds == ["unavailable"] and not may_be_unavailable:
        raise FormatError(f"{where} unavailable", "The rule wants a value of it: write a text.")
    words = section[kinds[0]]
    if not isinstance(words, str) or not words.strip() or len(words) > LONGEST or not is_plain(words):
        raise FormatError(f"{where} {kinds[0]}", f"It is words without control characters, {LONGEST:,} at most.")
    by, on = section["by"], section["on"]
    if not isinstance(by, str) or not by.strip() or not is_plain(by):
        raise FormatError(f"{where} by", "Say at the top of the file, or here, who answers for the text.")
    if not isinstance(on, date) or isinstance(on, datetime):
        raise FormatError(f"{where} on", "Say at the top of the file, or here, when it was last looked at: 2026-11-30.")
    return Declared(words.strip(), by.strip(), on, kinds == ["text"])


def is_plain(words: str) -> bool:
    """True for text that XML and a terminal can hold."""
    return all(one in "\n\t" or category(one)[0] != "C" for one in words)

"""Meanings with their names and codes, packed as columns: a vocabulary is open in a tenth of a second.

A packed table is zstandard-compressed UTF-8 of four blocks that a form feed separates: a head (JSON), one line for each
meaning (what it is called, a tab, its codes), one line for each name (canonical form), one line for each name again
(number of its meaning, kind, how often a corpus mentions it; what repeats the line before is left out).

A code is written as the letter of its system and what follows the system's own prefix: ``S38341003 II10 D10763``.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType

import zstandard

from careloom import runtime
from careloom.errors import SetupError
from careloom.nlp.linking_index import RunIndex
from careloom.terminology.systems import (
    CVX,
    DISEASE_ONTOLOGY,
    ICD_10_CM,
    LOINC,
    MESH,
    MONDO,
    RXNORM,
    SNOMED_CT,
    SYMPTOM_ONTOLOGY,
)

OMIM = "http://www.omim.org"
SYSTEMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "S": (SNOMED_CT, ""),
        "I": (ICD_10_CM, ""),
        "D": (DISEASE_ONTOLOGY, "DOID:"),
        "M": (MONDO, "MONDO:"),
        "H": (MESH, ""),
        "O": (OMIM, ""),
        "Y": (SYMPTOM_ONTOLOGY, "SYMP:"),
        "R": (RXNORM, ""),
        "L": (LOINC, ""),
        "C": (CVX, ""),
    }
)
"""Letter in a table -> code system, and what its codes begin with."""
KINDS = "pslm"
"""The source's own name; an exact synonym; a broader, narrower or related name; as a corpus mentions it."""
_NONE: list[int] = []
_NO_CODES: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a mention may mean.

    codes  (letter of `SYSTEMS`, code without prefix), in the order of preference within a system
    """

    display: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A meaning on its way into a table: `names` are (canonical name, kind of `KINDS`, times mentioned)."""

    display: str
    codes: Sequence[tuple[str, str]]
    names: Sequence[tuple[str, str, int]]


def packed(entries: Iterable[Entry], head: Mapping[str, object]) -> bytes:
    """The file of a table, the same bytes for the same entries."""
    meanings, names = [], []
    for number, entry in enumerate(entries):
        codes = " ".join(letter + code for letter, code in entry.codes)
        meanings.append(f"{entry.display}\t{codes}")
        names += [(form, number, kind, times) for form, kind, times in entry.names]
    owners = [f"{number} {kind} {times}".removesuffix(" 0").removesuffix(" s") for _, number, kind, times in names]
    short = [line if place == 0 or line != owners[place - 1] else "" for place, line in enumerate(owners)]
    blocks = [
        json.dumps(head, sort_keys=True),
        "\n".join(meanings),
        "\n".join(form for form, *_ in names),
        "\n".join(short),
    ]
    return zstandard.ZstdCompressor(level=19).compress("\f".join(blocks).encode())


def _grouped(names: Iterable[str]) -> Mapping[str, int | list[int]]:
    """Name -> its place, or all of them where it stands more than once."""
    found: dict[str, int | list[int]] = {}
    for number, name in enumerate(names):
        before = found.setdefault(name, number)
        if before != number:
            if isinstance(before, list):
                before.append(number)
            else:
                found[name] = [before, number]
    return MappingProxyType(found)


class NameTable:
    """A vocabulary in memory; nothing of it changes.

    names    [n] canonical
    meaning  [n] number of the meaning of each name
    kinds    [n] place in `KINDS`
    times    [n] how often a corpus mentions it by that name
    head     what it was made of, and the licences
    raises   SetupError where the bytes are no table
    """

    def __init__(self, content: bytes) -> None:
        try:
            blocks = zstandard.ZstdDecompressor().decompress(content).decode().split("\f")
            head, meanings, names, owners = blocks
            self.head: Mapping[str, object] = json.loads(head)
            self._meanings = meanings.split("\n") if meanings else []
            self.names = names.split("\n") if names else []
            self._read_owners(owners)
            if len(self.meaning) != len(self.names):
                raise ValueError("names and their meanings differ in number")
        except (ValueError, zstandard.ZstdError) as error:
            raise SetupError(
                f"a table of names does not load: {type(error).__name__}",
                "Install Careloom again, or make the table anew.",
            ) from None

    def _read_owners(self, owners: str) -> None:
        self.meaning, self.kinds, self.times = array("L"), array("B"), array("L")
        cells = (0, 1, 0)
        for line in owners.split("\n") if self.names else []:
            if line:
                number, _, rest = line.partition(" ")
                kind, _, times = rest.partition(" ")
                cells = (int(number), KINDS.index(kind or "s"), int(times or 0))
            self.meaning.append(cells[0])
            self.kinds.append(cells[1])
            self.times.append(cells[2])

    def __len__(self) -> int:
        return len(self._meanings)

    def names_of(self, number: int) -> tuple[str, ...]:
        """The names of the meaning with that number."""
        return tuple(self.names[bisect_left(self.meaning, number) : bisect_right(self.meaning, number)])

    def meaning_of(self, number: int) -> Meaning:
        """The meaning with that number."""
        display, _, codes = self._meanings[number].partition("\t")
        return Meaning(display, tuple((code[0], code[1:]) for code in codes.split()) or _NO_CODES)

    def codes_of(self, number: int) -> str:
        """The codes of a meaning as the table writes them: to ask which systems know it, fast."""
        return self._meanings[number].partition("\t")[2]

    @cached_property
    def _by_name(self) -> Mapping[str, int | list[int]]:
        return _grouped(self.names)

    def exact(self, form: str) -> Sequence[int]:
        """The numbers of the names of a canonical form."""
        found = self._by_name.get(form, _NONE)
        return (found,) if isinstance(found, int) else found

    def named_so(self, number: int) -> frozenset[int]:
        """The meanings whose own name that is, where its meaning is only called so by a corpus; else empty.

        What nothing but a corpus knows has no name of its own.
        """
        if KINDS[self.kinds[number]] != "m":
            return frozenset()
        own = (each for each in self.exact(self.names[number]) if KINDS[self.kinds[each]] == "p")
        found = frozenset(self.meaning[each] for each in own)
        known = (each for each in found if any(code[0] not in "HO" for code in self.codes_of(each).split()))
        return frozenset() if self.meaning[number] in found else frozenset(known)

    @cached_property
    def index(self) -> RunIndex:
        """To ask for names that look like a text."""
        return RunIndex(self.names)

    @cached_property
    def words(self) -> Mapping[str, int]:
        """Word -> in how many names it stands."""
        found: dict[str, int] = {}
        for name in self.names:
            for word in set(name.split(" ")):
                found[word] = found.get(word, 0) + 1
        return MappingProxyType(found)

    @cached_property
    def mentioned(self) -> "array[int]":
        """[meanings] how often a corpus mentions each, by any name."""
        totals = array("L", bytes(8 * len(self._meanings)))
        for number, times in zip(self.meaning, self.times, strict=True):
            totals[number] += times
        return totals


@cache
def packaged_table(name: str) -> NameTable:
    """A vocabulary that ships: diseases, drugs or acts; loaded once."""
    return NameTable(runtime.packaged("nlp", f"names/{name}.zst"))

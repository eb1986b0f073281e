"""Tables of names made from a release that an installation has loaded."""

import re
from collections.abc import Collection, Iterator

from careloom.nlp.linking_table import SYSTEMS, Entry, packed
from careloom.nlp.linking_text import canonical
from careloom.terminology.concepts import Terminology

_LONGEST = 120
"""Characters of a name: longer ones are sentences, which no mention is."""
_TAG = re.compile(r" \(([a-z][a-z /+-]*)\)$")
"""What a fully specified name of SNOMED CT ends with: the kind of concept."""


def _entries(terminology: Terminology, system: str, version: str | None, tags: Collection[str]) -> Iterator[Entry]:
    letter, prefix = next((letter, prefix) for letter, (uri, prefix) in SYSTEMS.items() if uri == system)
    for code in terminology.codes(system, version):
        concept = terminology.find(system, code, version)
        if concept is None or not concept.is_active:
            continue
        every = (concept.name, *concept.names)
        if tags and not any(found[1] in tags for name in every if (found := _TAG.search(name))):
            continue
        names: dict[str, str] = {}
        for place, name in enumerate(every):
            form = canonical(_TAG.sub("", name)) if len(name) <= _LONGEST else ""
            if form:
                names.setdefault(form, "p" if place == 0 else "s")
        if names:
            display = _TAG.sub("", concept.name)
            of = [(form, kind, 0) for form, kind in names.items()]
            yield Entry(display, [(letter, code.removeprefix(prefix))], of)


def table_of(terminology: Terminology, system: str, version: str | None = None, tags: Collection[str] = ()) -> bytes:
    """The table of names of a release, for `NameTable`: every active code with its names.

    version  None for the newest
    tags     of SNOMED CT: what the fully specified names of the concepts to take end with, e.g. ``disorder``; its
             release holds organisms and substances too. Empty for all
    raises   ValueError for a system whose codes are not given to mentions
    """
    if system not in {uri for uri, _ in SYSTEMS.values()}:
        raise ValueError(f"no codes of {system} are given to mentions")
    entries = list(_entries(terminology, system, version, tags))
    return packed(entries, {"version": version or "newest", "system": system, "meanings": len(entries)})

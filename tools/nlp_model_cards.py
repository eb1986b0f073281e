"""Cards of the models of the timeline and of linking: what they say of themselves, with name, version and licences.

    python tools/nlp_model_cards.py

The tools that train them write these cards; run by itself, this one gives the archives that ship the card of today:
the weights stay as they are, byte for byte, and so do the numbers of examples that the old card tells. Facts: the
datasheets.
"""

import io
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MODELS = Path(__file__).parents[1] / "src/careloom/nlp/models"
MACCROBAT = "CC BY 4.0 (Caufield and others, doi:10.6084/m9.figshare.9764942)"


def timeline_card(labels: Sequence[str], documents: int, pairs: int) -> dict[str, Any]:
    """Of `models/timeline.zip`."""
    return {
        "labels": list(labels),
        "kind": "one",
        "name": "timeline-en",
        "version": "1",
        "task": "how two neighbouring events of a note lie in time: before, after or overlap",
        "trained_on": f"MACCROBAT 2020, {documents} documents of the development part, {pairs} pairs",
        "licence": "CC BY 4.0, doi:10.6084/m9.figshare.9764942",
        "licences": {"maccrobat2020": MACCROBAT},
        "script": "tools/train_nlp_timeline.py",
        "command": "python tools/train_nlp_timeline.py --suites SUITES",
        "datasheet": "docs/datasheets/nlp-times.md",
    }


def linking_card(threshold: float, examples: int) -> dict[str, Any]:
    """Of `models/linking.zip`; the lists of features are added where it is packed."""
    return {
        "name": "linking-en",
        "version": "1",
        "task": "which of the names found for a mention is meant, and whether any is",
        "threshold": threshold,
        "trained_on": "BC5CDR and NCBI disease, development parts: public domain",
        "licences": {
            "bc5cdr": "public domain (Li and others, 2016, doi:10.1093/database/baw068)",
            "ncbi_disease": "public domain (Dogan and others, 2014, doi:10.1016/j.jbi.2013.12.006)",
        },
        "examples": examples,
        "script": "tools/train_linking.py",
        "command": "python tools/train_linking.py SUITES",
        "datasheet": "docs/datasheets/nlp-linking.md",
    }


def completed(old: dict[str, Any]) -> dict[str, Any]:
    """The card of today with the numbers of an older one. raises KeyError for a card of neither model"""
    if "features" in old:
        lists = {name: old[name] for name in ("features", "sureness")}
        return {**lists, **linking_card(old["threshold"], old["examples"])}
    numbers = [int(number) for number in re.findall(r"(\d+) (?:documents|pairs)", old["trained_on"])]
    return timeline_card(old["labels"], *numbers)


def repacked(archive: bytes) -> bytes:
    """An archive with its card completed and every other member as it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "card.json":
                content = json.dumps(completed(json.loads(content)), indent=1, ensure_ascii=False).encode()
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def main() -> None:
    for name in ("timeline", "linking"):
        file = MODELS / f"{name}.zip"
        file.write_bytes(repacked(file.read_bytes()))
        print(file.name, file.stat().st_size)


if __name__ == "__main__":
    main()

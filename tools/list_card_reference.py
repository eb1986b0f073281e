"""Writes docs/reference/model-card.md: every attribute of a model card and where it comes from, from the data files.

Usage: python tools/list_card_reference.py [--check]
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from careloom.mlops.card_answers import MEASURED, NAMES
from careloom.mlops.card_attributes import Attribute, attributes, freshness, further, notice, read, rule, variables
from careloom.mlops.card_declared import EVERY, OURS, declarations, tasks
from careloom.runtime import packaged

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "model-card.md"
HEAD = """# Model cards

Made by `tools/list_card_reference.py` from [src/careloom/mlops/cards](../../src/careloom/mlops/cards); do not edit.
How to make one: [model cards](../how-to/make-a-model-card.md).

"""


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(cell, row))} |" for row in rows)]) + "\n"


def origin(one: Attribute) -> str:
    """Where the value of an attribute comes from."""
    if not one.is_computable:
        return "a person declares it" + (", or says that there is none" if one.may_be_unavailable else "")
    made = " and ".join(NAMES[name] for name in one.rests_on)
    if one.rests_on == MEASURED:
        return f"{made}; never declared"
    if one.may_be_unavailable:
        return f"{made}; else declared, or said to be not available"
    return f"{made}; else declared"


def texts() -> list[tuple[str, ...]]:
    """Section, how every task's text begins, of which versions it is true, and tasks with a text of their own."""
    files = {
        name: declarations(packaged("mlops", f"cards/tasks/{name}.toml"), name) for name in (EVERY, OURS, *tasks())
    }
    rows = []
    for name in (one.id for one in (*attributes(), *further())):
        base = next((each for each in (OURS, EVERY) if name in files[each].texts), "")
        has = [task for task in tasks() if name in files[task].texts]
        own = "each task" if has == tasks() else ", ".join(has)
        said = files[base].texts[name] if base else None
        kind = "" if said is None else said.text if said.is_available else f"Not available: {said.text}"
        if said or own:
            rows.append((f"`{name}`", kind, {OURS: "trained", EVERY: "all", "": ""}[base], own))
    return rows


def page() -> str:
    asked = [(one.number, f"`{one.id}`", one.title, one.paragraph, origin(one)) for one in attributes()]
    days = [(NAMES.get(name, "a text that a person declared"), limit) for name, limit in freshness().items()]
    used = [(one.title, ", ".join(one.names), ", ".join(one.concepts), ", ".join(one.groups)) for one in variables()]
    items = [(one["item"], one["topic"], one["applies"], one["wording"], ", ".join(one["from"]))
             for one in read("tripod_ai")["items"]]  # fmt: skip
    elements = [
        (one["path"], ", ".join(one["from"]) or "evaluations, see [[metrics]]") for one in read("chai")["elements"]
    ]
    computed = sum(one.is_computable for one in attributes())
    parts = [
        f"{HEAD}{notice()}",
        "## The 31 source attributes",
        f"{rule()}. {computed} are computed, the rest declared; the name is the section in `card.toml`.",
        table(("", "name", "what is asked for", "paragraph", "from"), asked),
        "## What ships with each task",
        "Every text is by the project, of the day that it names, and stands below what a place says itself. "
        "`trained`: only of versions that Careloom trained. Attributes that stay without a text are computed, or said "
        "to be not available by the registry.",
        table(("section", "every task", "said of", "of its own for"), texts()),
        "## When a value is stale",
        "A computed value is stale when what it rests on is another than when the card was made, is of another version "
        "or is older than so many days. A version is not promoted then. A declared text that is too old is shown and "
        "keeps nobody from promoting.",
        table(("what", "days"), days),
        "## The nine variables of (4)(ii)",
        "A feature is of a variable by its name or concept; people are counted by attributes of the subgroup table.",
        table(("variable", "in the name", "concepts", "attributes"), used),
        "## What else may be declared",
        "Sections of `card.toml` that CHAI and TRIPOD+AI ask for.",
        table(("section", "what"), [(f"`{one.id}`", one.title) for one in further()]),
        "## CHAI applied model card, schema v0.2",
        table(("element", "from"), elements),
        "## TRIPOD+AI",
        "BMJ 2024;385:e078378: 27 items, 52 with sub-items. `study_...` is made from manifests and reports.",
        table(("item", "topic", "D/E", "what is told", "from"), items),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the page is current")
    options = parser.parse_args()
    text = page()
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    if options.check:
        sys.stderr.write("docs/reference/model-card.md is behind: run python tools/list_card_reference.py\n")
        return 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes docs/reference/risk-scores.md, care-gaps.md and risk-features.md: each thing of its own file, told in a table.

Usage: python tools/list_risk_reference.py [--check]
"""

import argparse
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from careloom.risk.care_gaps import rules
from careloom.risk.features_definition import ready_features, shipped_features
from careloom.risk.features_registry import registry
from careloom.risk.scores import NAMES, Item, Score, score
from careloom.risk.scores_comorbidity import NAMES as INDEXES
from careloom.risk.scores_comorbidity import index
from careloom.risk.tasks import ready_tasks, shipped_task

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
SCORES_HEAD = """# Published risk scores

Made by `tools/list_risk_reference.py` from [src/careloom/risk/scores](../../src/careloom/risk/scores); do not edit.
How to use them: [scores and care gaps](../how-to/score-and-find-care-gaps.md). The cases worked by hand stand in the
files. Points and codes were compared with what stands under each score, most of it not the first publication itself.

"""
GAPS_HEAD = """# Rules of care gaps

Made by `tools/list_risk_reference.py` from [src/careloom/risk/care_gaps](../../src/careloom/risk/care_gaps).
How to use them: [scores and care gaps](../how-to/score-and-find-care-gaps.md). The grammar stands at the head of
[screening.toml](../../src/careloom/risk/care_gaps/screening.toml), the codes in
[concepts.toml](../../src/careloom/risk/care_gaps/concepts.toml). Rules support a clinician's judgement; guidelines are
revised: look at the year of the source. `checked` says with what our wording was compared: `text` = the words of the
recommendation, as published or reprinted; `abstract` = the abstract or statement of conclusions; `summary` = a summary
by others; `no` = nothing, it is written from knowledge. A strength that was not compared says so.

"""


FEATURES_HEAD = """# Features of risk models

Made by `tools/list_risk_reference.py` from [src/careloom/risk/features](../../src/careloom/risk/features); do not edit.
`careloom risk features [NAME]` lists the same, `--set FILE` those of a set of your own. A fact counts where it was true
and known before the index time. `source` names the [view](../../src/careloom/risk/event_views) whose rows become the
facts; what the kinds of facts are: [cohorts](risk-cohorts.md). `X*` are all codes that begin with X. A column
`NAME_missing` stands beside what can be null as a number, and models are told of it.

"""


def cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    names = list(columns)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def points_of(item: Item) -> str:
    if item.bands:
        told = [f"from {least:g}: {points:+d}" for least, points in item.bands]
    elif item.choices is not None:
        told = [f"{word}: {points:+d}" for word, points in item.choices.items()]
    else:
        told = [f"yes: {item.points:+d}"]
    when = ", ".join(f"{name} is {value}" for name, value in item.when)
    return "; ".join(told) + (f" (where {when})" if when else "")


def score_page(one: Score) -> str:
    low, high = one.range
    missing = one.missing[0].upper() + one.missing[1:]
    text = f"## {one.title}: `{one.score_id}`\n\nPredicts {one.predicts}; {low} to {high} points. {missing}.\n\n"
    text += f"Source: {one.citation}; {one.table}.\n\n"
    text += "Compared:\n\n" + "".join(f"- {told}\n" for told in one.checked) + "\n"
    inputs = [(f"`{name}`", told.kind, told.unit, told.about) for name, told in one.inputs.items()]
    text += table(("input", "kind", "unit", "meaning"), inputs) + "\n"
    text += table(("item", "input", "points"), [(item.name, f"`{item.source}`", points_of(item)) for item in one.items])
    classes = [
        f"{told.label} from {told.at_least}" + (f" ({told.risk:.1%})" if told.risk else "")
        for told in reversed(one.classes)
    ]
    return text + (f"\nClasses: {', '.join(classes)}.\n" if classes else "") + "\n"


def index_page(name: str) -> str:
    told = index(name)
    sets = list(told.ranges)
    text = f"## {told.title}: `{name}`\n\nCodes: {told.citation}, {told.table}.\n\n"
    text += (
        "".join(f"- `{one}`: {told.ranges[one][0]} to {told.ranges[one][1]}. {told.sources[one]}.\n" for one in sets)
        + "\n"
    )
    rows = [
        (one.title, *(one.weights[weights] for weights in sets), one.replaces.replace("_", " "), len(one.prefixes))
        for one in told.categories
    ]
    return text + table(("condition", *sets, "counts in place of", "prefixes"), rows) + "\n"


def scores() -> str:
    return (
        SCORES_HEAD
        + "".join(score_page(score(name)) for name in NAMES)
        + "".join(map(index_page, INDEXES)).rstrip()
        + "\n"
    )


def gaps() -> str:
    text = GAPS_HEAD + f"{len(rules())} rules.\n\n"
    for source, each in groupby(
        rules(),
        key=lambda rule: (rule.source.organisation, rule.source.guideline, rule.source.year, rule.source.reference),
    ):
        organisation, guideline, year, reference = source
        text += f"## {organisation}: {guideline}, {year}\n\n{reference}\n\n"
        rows = [
            (
                f"`{rule.rule_id}`",
                rule.title,
                rule.kind,
                rule.source.recommendation,
                rule.source.strength,
                rule.source.checked,
                rule.text,
                rule.reviewed,
            )
            for rule in each
        ]
        text += (
            table(("rule", "title", "kind", "recommendation", "strength", "checked", "suggestion", "reviewed"), rows)
            + "\n"
        )
    return text.rstrip() + "\n"


def features() -> str:
    tasks = [shipped_task(name) for name in ready_tasks()]
    text = FEATURES_HEAD
    for name in ready_features():
        made = shipped_features(name)
        text += f"## {made.title}: `{name}`\n\n{len(made.features)} features.\n\n"
        rows = [
            (
                f"`{one['name']}`", one["concept"], one["meaning"] + (" (can be changed)" if one["modifiable"] else ""),
                one["definition"], one["source"], one["window"], one["unit"], one["null"], ", ".join(one["tasks"]),
            )
            for one in registry(made, tasks)
        ]  # fmt: skip
        head = ("name", "concept", "meaning", "definition", "source", "window", "unit", "null means", "tasks")
        text += table(head, rows) + "\n"
    return text.rstrip() + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the pages are current")
    options = parser.parse_args()
    stale = []
    for name, text in (("risk-scores.md", scores()), ("care-gaps.md", gaps()), ("risk-features.md", features())):
        page = REFERENCE / name
        if not page.exists() or page.read_text("utf-8") != text:
            stale.append(name)
            if not options.check:
                page.write_text(text, "utf-8")
    if options.check and stale:
        print(f"stale: {', '.join(stale)}; run python tools/list_risk_reference.py", file=sys.stderr)
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())

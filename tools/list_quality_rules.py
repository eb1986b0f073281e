"""Writes docs/reference/quality-rules.md: every rule of data quality, from the rules themselves.

Usage: python tools/list_quality_rules.py [--check]
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from careloom.quality.assessment import SURVEYS
from careloom.quality.checks import CHECKS
from careloom.quality.rules import CATEGORIES, Rule, packaged_rulebook

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "quality-rules.md"
HEAD = """# Rules of data quality

Made by `tools/list_quality_rules.py` from [src/careloom/quality/rules](../../src/careloom/quality/rules); do not edit.
How to use them, and how to write your own: [check data quality](../how-to/check-data-quality.md). The grammar stands at
the head of [conformance.toml](../../src/careloom/quality/rules/conformance.toml).

"""
DQD_LEVELS = {
    "measurePersonCompleteness": "table", "measureConditionEraCompleteness": "table",
    "measureObservationPeriodOverlap": "table", "cdmTable": "table", "plausibleGender": "concept",
    "plausibleGenderUseDescendants": "concept", "plausibleUnitConceptIds": "concept",
    "plausibleValueLow": "field, concept", "plausibleValueHigh": "field, concept",
}  # fmt: skip
"""Level of a check type where it is not ``field``."""


def cell(text: object) -> str:
    """Text that a Markdown table takes."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    names = list(columns)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def dqd_table(rules: Iterable[Rule]) -> str:
    """Check type of the OHDSI dashboard -> rules that translate it."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        for name in rule.dqd:
            found.setdefault(name, []).append(f"`{rule.id}`")
    rows = [(f"`{name}`", DQD_LEVELS.get(name, "field"), ", ".join(ids)) for name, ids in sorted(found.items())]
    return table(("check type", "level in OMOP", "rules here"), rows)


def rule_row(rule: Rule) -> tuple[object, ...]:
    """One line of the rules' table."""
    on = "; ".join(
        ("every type" if kind == "*" else kind)
        + ("" if paths == (".",) else ": " + ", ".join(f"`{path}`" for path in paths))
        for kind, paths in rule.on.items()
    )
    more = ", ".join(f"{name} = {value}" for name, value in rule.parameters.items() if not isinstance(value, list))
    return (
        f"`{rule.id}`", rule.title, f"{rule.check}{f' ({more})' if more else ''}", on, f"{rule.threshold_percent:g} %",
        rule.severity, rule.source,
    )  # fmt: skip


def check_rows() -> Iterable[tuple[object, ...]]:
    """One line for each kind of check: what it wants, and its parameters."""
    for name, kind in sorted({**CHECKS, **SURVEYS}.items()):
        said = (kind.make.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
        looks_at = "one resource" if name in CHECKS else "many together"
        yield f"`{name}`", looks_at, said, ", ".join(f"`{one}`" for one in sorted(kind.parameters)) or "none"


def page() -> str:
    """The whole page."""
    book = packaged_rulebook()
    out = [HEAD, f"{len(book.rules)} rules, {len(book.quantities)} measurements with units and limits.\n"]
    for category, subcategories in CATEGORIES.items():
        for subcategory in subcategories:
            rules = [one for one in book.rules if (one.category, one.subcategory) == (category, subcategory)]
            title = category.capitalize() + (f", {subcategory}" if subcategory else "")
            columns = ("rule", "what holds", "check", "on", "allowed", "severity", "source")
            out.append(f"\n## {title}\n\n{table(columns, map(rule_row, rules))}")
    out.append(
        "\n## The check types of the OHDSI Data Quality Dashboard\n\nAll 27 of version 2.8, each translated from OMOP "
        "tables to FHIR R4.\n\n" + dqd_table(book.rules)
    )
    out.append(
        "\n## Kinds of checks\n\nWhat `check` may name, also in rules of your own.\n\n"
        + table(("check", "looks at", "holds where", "parameters"), check_rows())
    )
    rows = [
        (one["name"], ", ".join(one["loinc"]), ", ".join(f"`{unit}`" for unit in (one["unit"], *one.get("units", {}))),
         one["low"], one["high"], one["source"])
        for one in book.quantities
    ]  # fmt: skip
    out.append(
        "\n## Measurements\n\nLimits of what can be in a living person, in the first unit; not of what is normal.\n\n"
        + table(("measurement", "LOINC", "units", "low", "high", "source"), rows)
    )
    return "".join(out)


def main(arguments: list[str] | None = None) -> int:
    """Writes the page, or says whether it is what this tool makes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = page()
    if not parser.parse_args(arguments).check:
        PAGE.write_text(text, "utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text("utf-8") == text:
        return 0
    sys.stdout.write("docs/reference/quality-rules.md is out of date: python tools/list_quality_rules.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

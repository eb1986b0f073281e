"""Writes docs/reference/research-tables.md and docs/reference/deid-policy-*.md from the schemas and the policies.

Usage: python tools/make_data_reference.py [--check]
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from careloom.deid.policy import SHIPPED, packaged_policy
from careloom.runtime import packaged
from careloom.tables.research import RESEARCH

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
MADE = "<!-- Made by tools/make_data_reference.py: do not edit. -->"
TABLES_INTRO = """
# Tables of the research zone

Delta tables under `research/lake/silver/`, made by `careloom deidentify`, sealed unless `[lake] encryption` is `plain`
([how to read them](../how-to/make-tables.md#the-lake)). Every identifier is a pseudonym of one
project. Every time is UTC and shifted by one secret number of days per patient: intervals within a patient are true,
calendar dates are not ([the policy](deid-policy-first.md)). A partial date stands for its first moment.

*PHI class*: `quasi` helps to single a person out, `none` says nothing about who it is; no column is `direct`.
Columns of the key are in bold.
"""
POLICY_INTRO = """
# De-identification policy "first"

Version {version}. An allow-list over FHIR R4: {types} resource types pass, each of their elements is decided, and what
no entry keeps does not pass. (A) to (R) are the identifiers of 45 CFR 164.514(b)(2)(i).

**This is not HIPAA Safe Harbor.** Shifted dates are finer than a year (C), and times of day and rare codes stay. Treat
the result as a limited data set (164.514(e)): pseudonymous, under a data use agreement.
"""


def cell(text: str) -> str:
    """Text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def research_tables() -> Iterator[str]:
    """The lines of the page about the tables of the research zone."""
    yield from (MADE, *TABLES_INTRO.splitlines())
    for table in RESEARCH:
        yield from ("", f"## {table.name}", "", f"{table.meaning} Path `{table.path}`.", "")
        yield from ("| column | type | unit | PHI class | null | meaning |", "|---|---|---|---|---|---|")
        for column in table.columns:
            name = f"**{column.name}**" if column.name in table.key else column.name
            nullable = "yes" if column.nullable and column.name not in table.key else "no"
            unit = f"`{column.unit}`" if column.unit else ""
            yield f"| {name} | {column.dtype} | {unit} | {column.phi} | {nullable} | {cell(column.meaning)} |"


def policy() -> Iterator[str]:
    """The lines of the page about the first de-identification policy."""
    name = "first"
    raw = packaged("deid", f"policies/{name}.toml").decode()
    source, codes, read = (
        tomllib.loads(raw),
        tomllib.loads(packaged("deid", "policies/codes.toml").decode()),
        packaged_policy(name),
    )
    yield from (MADE, *POLICY_INTRO.format(version=read.version, types=len(read.passing)).splitlines())
    yield from ("", "## How values pass", "", "```text")
    yield from (line.removeprefix("# ").removeprefix("#") for line in grammar(raw))
    yield from ("```", "", "## Types that do not pass", "")
    yield "| type | holds |"
    yield "|---|---|"
    yield from (f"| {kind} | {cell(why)} |" for kind, why in source["refuse"].items())
    yield from (
        "| every other type | not decided yet |",
        "",
        "## Elements",
        "",
        "| structure | decision | elements | because |",
        "|---|---|---|---|",
    )
    yield from elements(source)
    yield from ("", "## Extensions", "", "| extension | on | passes | because |", "|---|---|---|---|")
    for url, rule in source["extension"].items():
        passes = ", ".join(rule.get("codes", rule.get("parts", ())))
        yield f"| `{url}` | {rule['on']} | {passes} | {cell(rule['because'])} |"
    yield from ("", "## Code systems", "", "| system | a code passes if | because |", "|---|---|---|")
    for uri, rule in codes["system"].items():
        tests = (
            [f"its check digit is right ({rule['check']})"]
            if "check" in rule
            else [f"it matches `{cell(rule['shape'])}`"]
        )
        tests += [f"or it matches `{cell(rule['also'])}`"] if "also" in rule else []
        yield f"| `{uri}` | {' '.join(tests)} | {cell(rule['because'])} |"
    for uri in codes["listed"]["uris"]:
        yield f"| `{uri}` | FHIR R4 lists it | {codes['listed']['because']} |"


def elements(source: dict[str, Any]) -> Iterator[str]:
    """A row for each entry of each structure."""
    for structure, decisions in source["structure"].items():
        shown = "every structure" if structure == "*" else structure
        for decision, entries in decisions.items():
            for names, because in entries.items():
                yield f"| {shown} | {decision} | {cell(names)} | {cell(because)} |"


def extension(name: str) -> Iterator[str]:
    """The lines of the page about a policy that extends another: its own header, and what it decides itself."""
    raw = packaged("deid", f"policies/{name}.toml").decode()
    source, read = tomllib.loads(raw), packaged_policy(name)
    header = raw[: raw.index("\nname = ")].splitlines()
    base = source["extends"]
    yield from (MADE, "", f'# De-identification policy "{name}"', "")
    yield from (line.removeprefix("#").strip() for line in header)
    yield from (
        "",
        f"Version {read.version}. It extends [{base}](deid-policy-{base}.md): where this page is silent, that one",
    )
    yield from (f"holds. Dates and times: `{read.moments}`.", "", "## Elements", "")
    yield from ("| structure | decision | elements | because |", "|---|---|---|---|")
    yield from elements(source)
    for url, rule in source.get("extension", {}).items():
        decision, because = ("remove", rule["remove"]) if "remove" in rule else ("keep", rule["because"])
        yield f"| {rule['on']} | {decision} | extension `{url}` | {cell(because)} |"
    if read.targets is not None:
        told = ", ".join(f"{name} {value}" for name, value in source.get("targets", {}).items())
        yield from ("", "## Targets", "", f"`{told}`")
    if source.get("treatment"):
        yield from ("", "## Treatments of its own", "", "| treatment | action | |", "|---|---|---|")
    for title, rule in source.get("treatment", {}).items():
        numbers = ", ".join(f"{key} {value}" for key, value in rule.items() if key != "action")
        yield f"| {title} | {rule['action']} | {numbers} |"
    for title, listed in source.get("lists", {}).items():
        yield from ("", f"## List {title}", "", f"`{listed}`")


def grammar(raw: str) -> list[str]:
    """The treatments that the policy's own header describes."""
    header = raw.splitlines()
    start = next(number for number, line in enumerate(header) if line == "# Treatments")
    end = next(number for number, line in enumerate(header) if line.startswith("# What this policy is not"))
    return [line for line in header[start + 1 : end] if line != "#"]


PAGES = {
    "research-tables.md": research_tables,
    "deid-policy-first.md": policy,
    **{f"deid-policy-{name}.md": partial(extension, name) for name in SHIPPED[1:]},
}


def main() -> int:
    """Writes the pages, or tells which are not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not current")
    check = parser.parse_args().check
    stale = []
    for name, lines in PAGES.items():
        page, text = REFERENCE / name, "\n".join(lines()) + "\n"
        if check and (not page.is_file() or page.read_text("utf-8") != text):
            stale.append(name)
        elif not check:
            page.write_text(text, "utf-8")
    for name in stale:
        print(f"docs/reference/{name} is not current: run python tools/make_data_reference.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

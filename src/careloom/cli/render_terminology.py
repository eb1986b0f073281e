"""What the commands about codes print for people."""

from collections.abc import Sequence
from typing import Any

from careloom.cli.output import say, show_table
from careloom.services.terminology import Known
from careloom.terminology.concepts import Concept, Translation


def loaded(report: list[dict[str, Any]]) -> None:
    """What loading kept, and what was left out."""
    rows = [
        (each["title"] or each["system"], each["version"], each["concepts"], sum(each["rows"].values()))
        for each in report
    ]
    show_table("Loaded", ("system", "version", "concepts", "rows"), rows)
    for each in report:
        for issue in each["issues"]:
            say(f"{issue['place']}: {issue['message']} [{issue['code']}]")


def releases(found: list[dict[str, Any]]) -> None:
    """Releases with their ends."""
    rows = [
        (each["system"], each["version"], each["concepts"],
         "whole" if each["whole"] else "part" if each["concepts"] else "map or set",
         f"ended {each['expires']}" if each["expired"] else f"until {each['expires']}" if each["expires"] else "")
        for each in found
    ]  # fmt: skip
    show_table("Terminologies", ("system", "version", "concepts", "extent", "validity"), rows)


def concept(found: Known) -> None:
    """A code, whatever is known about it."""
    concept = found.concept
    say(f"{concept.code}  {concept.name}")
    told = [
        ("system", f"{concept.system}, version {concept.version}{' (ended)' if found.is_expired else ''}"),
        ("status", "active" if concept.is_active else "inactive"),
        ("use", "a grouping: use a code below it" if concept.is_abstract else ""),
        ("names", "; ".join(concept.names)),
        ("above", ", ".join(concept.parents)),
        ("below", ", ".join(found.children[:20]) + (" ..." if len(found.children) > 20 else "")),
        *((key, ", ".join(values)) for key, values in concept.properties.items()),
    ]
    for key, value in told:
        if value:
            say(f"  {key}: {value}")


def validation(report: dict[str, Any]) -> None:
    """Whether a code is valid, and why not."""
    name = f": {report['concept']['name']}" if report["concept"] else ""
    say(f"{report['outcome'].capitalize()}{name}")
    for issue in report["issues"]:
        say(f"  {issue['severity']}: {issue['message']}. {issue['remedy']} [{issue['code']}]")


def translations(found: Sequence[tuple[Translation, Concept | None]]) -> None:
    """What a code says in other systems, most exact first."""
    rows = [
        (each.equivalence, each.system, each.code, meant.name if meant else "", each.origin) for each, meant in found
    ]
    columns = ("equivalence", "system", "code", "name", "origin")
    show_table("Translations", columns, rows, empty="no map that is known here has this code.")


def matches(report: list[dict[str, Any]]) -> None:
    """Codes whose names fit, best first."""
    rows = [(each["code"], each["name"], each["matched"], each["system"], each["score"]) for each in report]
    show_table("Matches", ("code", "name", "matched", "system", "score"), rows)

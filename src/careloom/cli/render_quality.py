"""Reports of data quality as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, sentence, show_table

Row = Mapping[str, Any]
LEAST_SHOWN = 10
_ORDER = {"error": 0, "warning": 1, "information": 2}


def scorecard(report: Row, *, is_complete: bool = False) -> None:
    """Scores, sources, the elements that are least often there (or all), and each rule that fails with its reason."""
    say(f"{report['resources']:,} resources of the {report['zone']} zone; score {_score(report['score'])} of 100.")
    show_table(
        "By category",
        ("category", "score", "rules fail", "pass", "do not apply"),
        [
            (c["category"], _score(c["score"]), c["failed"], c["passed"], c["not_applicable"])
            for c in report["categories"]
        ],
    )
    names = [c["category"] for c in report["categories"]]
    show_table(
        "By source",
        ("source", "resources", "rules fail", "score", *names),
        [(s["source"] or "unknown", s["resources"], s["rules_failed"], _score(s["score"]),
          *(_score(s["categories"][name]) for name in names)) for s in report["sources"]],
    )  # fmt: skip
    _completeness(report["completeness"], is_complete=is_complete)
    failed = [rule for rule in report["rules"] if rule["status"] == "fail"]
    for rule in sorted(failed, key=lambda one: (_ORDER[one["severity"]], -one["failed"])):
        say(f"{rule['severity'].upper():<8} {rule['id']}: {rule['reason']}")
        if rule["remedy"]:
            say(f"         {sentence(rule['remedy'])}")
    passed = sum(rule["status"] == "pass" for rule in report["rules"])
    say(f"{len(failed)} of {len(failed) + passed} rules that apply fail. Which resources: careloom quality show RULE")


def _completeness(groups: Sequence[Row], *, is_complete: bool) -> None:
    found = [(group, one) for group in groups for one in group["fields"]]
    rare = sorted(
        (each for each in found if each[1]["count"] < each[0]["total"]),
        key=lambda each: (each[1]["percent"], -each[0]["total"]),
    )
    shown = found if is_complete else rare[:LEAST_SHOWN]
    show_table(
        "What is there" if is_complete else "Least often there",
        ("element", "source", "resources", "have it", "%"),
        [(f"{group['type']}.{one['field']}", group["source"] or "unknown", group["total"], one["count"],
          _score(one["percent"])) for group, one in shown],
        empty="every element is always there." if found else "nothing was looked at.",
    )  # fmt: skip
    if len(shown) < len(found):
        say(f"{len(shown)} of {len(found)} elements; all of them: --completeness")


def rows(found: Row) -> None:
    """What broke a rule."""
    rule = found["rule"]
    say(f"{rule['title']}: {rule['status']}. {rule['reason']}")
    if rule["remedy"]:
        say(sentence(rule["remedy"]))
    for note in rule["notes"]:
        say(f"  {note}")
    if found["items"] or not rule["notes"]:
        show_table(
            "Resources",
            ("resource", "source", "path", "record"),
            [(one["resource"], one["source"], one["path"], one["record"]) for one in found["items"]],
            empty="none, or none any more.",
        )
    if found["next"]:
        say(f"More: --cursor {found['next']}")


def looks(found: Sequence[Row]) -> None:
    """Finished looks, newest first."""
    show_table(
        "Looks",
        ("run", "zone", "source", "resources", "score", "fail", "pass"),
        [(one["run_id"], one["zone"], one["source"] or "all", one["resources"], _score(one["score"]), one["failed"],
          one["passed"]) for one in found],
        empty="nobody has looked yet: careloom quality.",
    )  # fmt: skip


def rules(found: Sequence[Row]) -> None:
    """The rules in force."""
    show_table(
        "Rules",
        ("rule", "category", "severity", "allowed %", "title"),
        [(one["id"], " ".join((one["category"], one["subcategory"])).strip(), one["severity"], one["threshold_percent"],
          one["title"]) for one in found],
    )  # fmt: skip


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

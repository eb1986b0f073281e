"""Versions of models, who answers, and runs of pipelines as text for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def versions(rows: Sequence[Row]) -> None:
    """One line a version."""
    lines = [
        (one["version"], one["state"], ", ".join(one["aliases"]), _measure(one, "auroc"), _measure(one, "ece"),
         "hold" if one["passed"] else "DO NOT hold", "TAINTED" if one["taints"] else "", one["registrar"])
        for one in rows
    ]  # fmt: skip
    columns = ("version", "state", "answers as", "AUROC", "ECE", "gates", "", "registered by")
    show_table("Versions", columns, lines, empty="none was registered. Begin with careloom models run.")


def _measure(one: Row, name: str) -> str:
    value = one["measures"].get(name, {}).get("value")
    return "" if value is None else f"{value:.3f}"


def version(one: Row) -> None:
    """A version with what its gates found."""
    say(f"{one['version']} is {one['state']}, registered by {one['registrar']} at {one['created']}.")
    if one["aliases"]:
        say(f"It is {' and '.join(one['aliases'])}.")
    if one["approval"]:
        say(f"Approved by {one['approval']['by']} at {one['approval']['time']}: {one['approval']['reason']}")
    if one.get("taints"):
        say(f"TAINTED: somebody whom it learnt from left ({', '.join(one['taints'])}).")
    lineage = one["lineage"]
    code, data = lineage["code"], lineage["data"]
    say(f"Data: {data['zone']}, {data['snapshot']}")
    say(f"Code: {code['revision'] or 'no git revision'}, sources {code['sources_sha256'][:12]}")
    say(f"Environment: lock {lineage['environment']['sha256'][:12]}; digest of the version {one['digest'][:12]}")
    _measures(lineage["evaluation"])
    if lineage.get("declared", {}).get("evaluation") and lineage["evaluation"].get("by") == "careloom":
        _measures({**lineage["declared"]["evaluation"], "by": "declared"})
    lines = [("holds" if each["passed"] else "DOES NOT hold", each["rule"], _number(each["found"]), each["why"])
             for each in one["findings"]]  # fmt: skip
    show_table(f"Gates {one['gates']}", ("", "gate", "found", "why"), lines)
    files = [(name, f"{each['bytes']:,}", each["sha256"][:12]) for name, each in one["files"].items()]
    show_table("Files", ("file", "bytes", "SHA-256"), files)


def _measures(evaluation: Row) -> None:
    lines = [(name, _number(each["value"]), _number(each.get("low")), _number(each.get("high")))
             for name, each in evaluation["measures"].items()]  # fmt: skip
    how = "Declared, not measured here: on" if evaluation.get("by") == "declared" else "Measured on"
    show_table(f"{how} {evaluation['data']}", ("measure", "value", "95 % from", "to"), lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def verified(one: Row) -> None:
    """Whether a version is as it was signed."""
    if one["whole"]:
        say(f"{one['version']} is as it was signed, digest {one['digest'][:12]}.")
        return
    for why in one["changed"] or ["its manifest is not signed by this installation"]:
        say(f"{one['version']}: {why}")


def step(said: str) -> Callable[[Row], None]:
    """What a step did with a version."""
    return lambda one: say(f"{one['version']} {said}.")


def rolled_back(one: Row) -> None:
    """Who answers again."""
    now = f"{one['now']} answers" if one["now"] else "nobody answers any more"
    say(f"{one['was']} is out; {now}.")


def watched(one: Row) -> None:
    """What was counted of everybody who answers, against the limits."""
    if not one["parts"]:
        say(f"Nobody answers for {one['model']}.")
    for part, each in one["parts"].items():
        lines = [(name, _number(seen["value"]), _number(seen["limit"]), f"{seen['n']:,}")
                 for name, seen in each["seen"].items()]  # fmt: skip
        show_table(f"{each['version']}, {part}", ("what", "seen", "limit", "of"), lines)
        for why in each["breaches"]:
            say(f"BROKEN: {why}")
        for why in each["alarms"]:
            say(f"ALARM: {why}")


def run(one: Row) -> None:
    """A run of a pipeline, and what is to be done next."""
    said = f", {one['version']}" if one["version"] else ""
    say(f"Run {one['run']} of {one['pipeline']} is {one['state']}{said}. Done: {', '.join(one['done']) or 'nothing'}.")
    if one["state"] == "waiting":
        say(f"Next, by another person: careloom models approve {one['version']}")
    if one["state"] == "failed":
        say(f"It failed at {one['at']} [{one['error']}]. Next: careloom models resume {one['run']}")


def runs(rows: Sequence[Row]) -> None:
    """One line a run."""
    lines = [(one["run"], one["pipeline"], one["state"], one["at"], one["version"], one["starter"]) for one in rows]
    show_table("Runs", ("run", "pipeline", "state", "step", "version", "by"), lines)


def pipelines(rows: Sequence[Row]) -> None:
    """One line a pipeline."""
    lines = [(one["name"], one["model"], one["trainer"], one["gates"], one["meaning"]) for one in rows]
    show_table("Pipelines", ("name", "model", "trainer", "gates", "meaning"), lines)

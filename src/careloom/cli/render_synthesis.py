"""Models, samples and releases of synthetic data as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]
_DRAWS = {"records": "records sample {} --patients 100", "notes": "notes sample {} --notes 100"}


def judge_command(one: Row) -> str:
    """The command that judges a sample, after ``careloom synthesize``."""
    return "notes judge" if "notes" in one else "records judge" if "patients" in one else "judge"


def engines(rows: Sequence[Row]) -> None:
    """One line an engine."""
    lines = [(one["engine"], one["private"], _options(one["options"]), one["meaning"]) for one in rows]
    show_table("Engines", ("engine", "private", "options", "meaning"), lines)


def models(rows: Sequence[Row]) -> None:
    """One line a model."""
    lines = [(one["model"], one["title"], _state(one), f"{one['engine']}, {_bound(one)}, {one['account']}",
              one["split"]["patients"]) for one in rows]  # fmt: skip
    show_table("Models", ("model", "name", "state", "engine, bound, account", "patients"), lines,
               empty="none was fitted. Begin with careloom synthesize metadata.")  # fmt: skip


def model(one: Row) -> None:
    """A model."""
    models([one])
    split = one["split"]
    apart = f"{split['control_patients']:,} are set aside."
    say(f"Learnt {split['rows']:,} rows of {split['patients']:,} patients; {apart}")
    if split["left_out"]:
        say(f"{split['left_out']:,} rows were left out: of patients who object, left, or several in one row.")
    if one.get("why"):
        say(f"It failed: {one['why']}. What it may have spent stays spent; discard it, or fit anew.")
    if one.get("search"):
        say(_tried(one["search"]))
    if one.get("taints"):
        say(f"TAINTED: somebody left ({', '.join(one['taints'])}). Fit it again.")
    if one["state"] == "fitted":
        draws = _DRAWS.get(one["engine"], "sample {} --rows 1000")
        say(f"Next: careloom synthesize {draws.format(one['model'])}")


def searched(one: Row) -> None:
    """A model whose settings were searched, with what each trial reached and what all cost."""
    found = one["search"]
    lines = [("*" if number == found["chosen"] else "", _options(each["options"]), each["state"],
              "not told" if each["distance"] is None else f"{each['distance']:.4f}", f"{each['cpu_seconds']:.1f}")
             for number, each in enumerate(found["trials"])]  # fmt: skip
    show_table("Trials", ("", "settings", "state", "distance", "CPU s"), lines)
    if one["epsilon"] is not None:
        spent = f"epsilon {one['epsilon']:.4g} at delta {one['privacy']['delta']:g}"
        say(f"All trials and the choice together spent {spent}: that is the bound of the model.")
    model(one)


def _tried(found: Row) -> str:
    tried = f"{len(found['trials'])} of {found['asked']} settings were tried on {found['held_patients']:,} patients"
    return f"{tried}, in {found['cpu_seconds']:.0f} s of the processor: {found['stopped']}."


def samples(rows: Sequence[Row]) -> None:
    """One line a sample."""
    lines = [(one["sample"], _state(one), one["rows"], one["created"][:10], one["model"]) for one in rows]
    show_table("Samples", ("sample", "state", "rows", "drawn", "model"), lines)


def sample(one: Row) -> None:
    """A sample that was drawn."""
    drawn = f"{one['rows']:,} rows"
    if "patients" in one:
        notes = f"{one['notes']:,} notes and " if "notes" in one else ""
        drawn = f"{notes}{one['patients']:,} patients in {one['rows']:,} FHIR resources"
    say(f"{drawn} lie sealed as {one['sample']}; nobody can fetch them yet.")
    say(f"Next: careloom synthesize {judge_command(one)} {one['sample']}")


def judged(one: Row) -> None:
    """A sample with its measures, what is missing, and what the gate said."""
    samples([one])
    report = one["report"]
    if report is None:
        say(f"Nothing was measured yet: careloom synthesize {judge_command(one)} {one['sample']}")
        return
    lines = [(name, _number(each["value"]), _interval(each)) for name, each in report["measures"].items()]
    show_table("Measures (they look at patients: not for outside)", ("measure", "value", "95 %"), lines)
    for name, why in report["missing"].items():
        say(f"{name} is missing: {why}")
    release_ = one["release"]
    for finding in (release_ or {}).get("findings", ()):
        say(f"  {'met    ' if finding['passed'] else 'NOT met'}  {finding['rule']}")
    if one["state"] == "judged":
        say(f"Next: careloom synthesize release {one['sample']} TABLE")


def releases(rows: Sequence[Row]) -> None:
    """One line a release."""
    lines = [(one["release"], one["table"], one["state"], one["rows"], one["expires"][:10], one["policy"],
              one["certificate"], one["reason"]) for one in rows]  # fmt: skip
    show_table("Releases", ("release", "table", "state", "rows", "until", "policy", "certificate", "why closed"), lines)


def release(one: Row) -> None:
    """A release."""
    say(f"{one['rows']:,} rows are let out as {one['table']}, by the policy {one['policy']}.")
    say(f"They may be fetched until {one['expires'][:10]}.")
    say(f"Certificate: {one['place']} (PDF and HTML beside it)")
    say(f"Fetch: careloom synthesize export {one['release']} OUT")


def exported(made: Row) -> None:
    """A release that was written to a folder."""
    lines = [(name, rows) for name, rows in made["files"].items()]
    show_table(f"{made['table']} in {made['out']}", ("file", "rows"), lines)
    if "certificate" in made:
        say(f"Certificate: {made['certificate']} (careloom synthesize certificate writes it to a file)")


def verified(found: Row) -> None:
    """What a certificate is worth."""
    say(f"{found['certificate']}: {'it holds' if found['whole'] else 'it does NOT hold'}")
    names = {"signed": "signature", "verdict": "verdict by its policy", "rows": "rows", "ledger": "ledger",
             "measures": "measures that are kept", "landed": "resources in the FHIR store"}  # fmt: skip
    for name, title in names.items():
        if name in found:
            outcome = "not looked at" if found[name] is None else "holds" if found[name] else "DOES NOT HOLD"
            say(f"  {title}: {outcome}")
    if found.get("reason"):
        say(f"It cannot be fetched any more: {found['reason']}.")


def _state(one: Row) -> str:
    return f"{one['state']}, cut off" if one.get("why") else str(one["state"])


def _bound(one: Row) -> str:
    privacy = one["privacy"]
    return "NONE" if privacy is None else f"epsilon {privacy['epsilon']:g} at {privacy['delta']:g}"


def _options(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in told.items())


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"


def _interval(one: Row) -> str:
    return "" if one["low"] is None else f"{_number(one['low'])} to {_number(one['high'])}"

"""What is shown of facts, models of risk and scores."""

from typing import Any

from careloom.cli.output import say, show_table

Row = dict[str, Any]
_WHY = {
    "no-index": "Nothing that this model predicts at has happened.",
    "over": "The time that the newest prediction is about has passed.",
    "not-eligible": "The model is not for this patient:",
}


def facts(report: Row) -> None:
    """A table of facts."""
    say(f"{report['rows']:,} facts of {report['patients']:,} patients: {report['name']}")
    say(", ".join(f"{count:,} {kind}" for kind, count in report["kinds"].items()))


def brief(told: Row) -> None:
    """A trained version in few lines: how good it is on patients of its own, and what its gates say."""
    page = told["report"]
    rows, measures = page["rows"], page["measures"]
    say(f"On {rows['rows']:,} rows of {rows['patients']:,} patients apart, {rows['events']:,} events:")
    say(f"AUROC {_bounds(measures['auroc'])}, calibration error {_bounds(measures['ece'])}")
    for name, other in page["baselines"].items():
        say(f"beside {name}: AUROC {_bounds(other['measures']['auroc'])}")
    say(f"Registered: {told['version']}. Its gates:")
    for one in told["findings"]:
        say(f"  {'passed' if one['passed'] else 'FAILED'}  {one['rule']}")
    if all(one["passed"] for one in told["findings"]):
        say(f"Next, by another person: careloom models approve {told['version']}")
    else:
        say(
            "So nobody can promote it; it answers for no patient; who may train can try it by its number, with --trial."
        )


def _bounds(one: Row) -> str:
    if one["value"] is None:
        return "not defined"
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"


def _trial(report: Row) -> None:
    if report["trial"]:
        say(f"A trial: nobody approved {report['model']}. It decides about no patient, and nothing of it is kept.")


def assessment(report: Row) -> None:
    """A patient's risk, or why there is none."""
    from careloom.risk.assessment import UNCOMPARED

    _trial(report)
    one = report["assessment"]
    if one is None:
        say(" ".join([_WHY[report["state"]], *report["failed"]]))
        return
    interval = one["interval"]
    span = "" if interval is None else f" ({100 * interval['low']:.1f} to {100 * interval['high']:.1f})"
    say(f"{one['outcome']}: {100 * one['probability']:.1f} %{span}, by {one['model']}")
    if (days := one["days"]) is not None:
        high = "more" if days["high"] is None else f"{days['high']:.1f}"
        within = f"{100 * days['share']:.0f} % interval {days['low']:.1f} to {high}"
        say(f"{days['outcome']}: {days['expected']:.1f} days after {days['since']}, {within}")
        for factor in days["explanation"]["factors"]:
            mark = " (can be changed)" if factor["modifiable"] else ""
            say(f"  {factor['text']}{mark}")
    say(f"from {one['index_time']} until {one['until']}{'; to be told' if one['alert'] else ''}")
    for factor in one["explanation"]["factors"]:
        mark = " (can be changed)" if factor["modifiable"] else ""
        say(f"  {factor['log_odds']:+.2f}  {factor['text']}{mark}")
    for gap in one["care_gaps"]:
        source = gap["source"]
        mark = f"; {UNCOMPARED}" if source["checked"] == "no" else ""
        say(f"  gap: {gap['text']} ({source['organisation']}, {source['guideline']}, {source['year']}{mark})")
    if report["written"]:
        say(f"written: {report['written']}")


def stratified(report: Row) -> None:
    """Whom to call, and what is to be expected of it."""
    _trial(report)
    say(", ".join(f"{count:,} {state}" for state, count in report["states"].items()))
    called, caught, whole = report["called"], report["expected_caught"], report["expected_events"]
    say(f"{called:,} of {report['of']:,} are called")
    say(f"{caught:.1f} of {whole:.1f} events expected among them, {report['by_chance']:.1f} by chance")
    if report["saved"] is not None:
        say(f"{report['avoided']:.2f} events avoided, {report['saved']:,.2f} saved, if unit costs hold")
    if report["tied_out"]:
        say(f"{report['tied_out']:,} as likely as the last one are not called")
    for row in report["listed"]:
        days = "" if "days" not in row else f"  {row['days']:.1f} days"
        say(f"{row['rank']:>5}  {100 * row['risk']:5.1f} %  {row['patient']}  {row['index_time']}{days}")
    if report["written"]:
        say(f"{report['written']:,} assessments written")


def queued(told: Row) -> None:
    """That the worker will score."""
    say(f"Queued: {told['id']}; careloom worker does it, careloom score --run {told['id']} shows what came of it.")


def score_runs(told: list[Row]) -> None:
    """The queued scorings of who asks."""
    rows = [
        [one["id"], one["model"], one["zone"], one["state"], one["created"],
         f"{one['progress']['done']:,} of {one['progress']['total']:,}", one["error"] or ""]
        for one in told
    ]  # fmt: skip
    show_table("Scorings", ["run", "model", "zone", "state", "queued", "done", "error"], rows)


def score_run(told: Row) -> None:
    """How far a queued scoring is, and whom to call once it is done."""
    if told["report"] is None:
        done = told["progress"]
        say(f"{told['id']}  {told['state']}  {done['done']:,} of {done['total']:,}  {told['error'] or ''}".rstrip())
        return
    stratified(told["report"])
    if told["report"]["left"]:
        say(f"{told['report']['left']:,} are on the list no more: erased since, or hidden from you")

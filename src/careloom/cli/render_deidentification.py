"""De-identifications and their policies as a person at a terminal reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]
_DATES = {"shift": "moved by secret days", "year": "the year", "keep": "as they are"}
_SIGNED = {None: "", True: "as signed", False: "CHANGED"}


def runs(page: Row) -> None:
    """De-identifications, newest first."""
    rows = [
        (one["id"], one["state"], one["policy"], f"{one['read']:,}", f"{one['kept']:,}", _SIGNED[one["signed"]])
        for one in page["items"]
    ]
    columns = ("run", "state", "policy", "read", "kept", "report")
    show_table("De-identifications", columns, rows, empty="none was run: careloom deidentify.")
    if page["next"]:
        say(f"More: --cursor {page['next']}")


def run(one: Row) -> None:
    """What one de-identification did."""
    runs({"items": [one], "next": None})
    report = one["report"]
    if report is None:
        if one["signed"] is False:
            say("Its report is not as it was signed: call the operator.")
        elif one["state"] in ("failed", "cancelled"):
            say("It left no report. If it was to change the policy, the research zone is closed to readers until")
            say("a run has ended, for it may hold resources of two policies.")
        else:
            say("Its report is there once it is done.")
        return
    rows = [(each["type"], each["read"], each["kept"], each["held_back"]) for each in report["types"]]
    show_table("Research zone", ("resource type", "read", "kept", "held back"), rows)
    if report["project"]:
        say(f"Pseudonyms of the project {report['project']}, epoch {report['epoch']}.")
    taken = [(each["letter"], each["name"], f"{each['count']:,}") for each in report["identifiers"] if each["count"]]
    show_table("Taken out or changed", ("letter", "identifier of 45 CFR 164.514(b)(2)(i)", "count"), taken)
    found = [(each["code"], each["message"], f"{each['count']:,}") for each in report["findings"]]
    show_table("Why", ("code", "what", "count"), found)
    if report["risk"] is not None:
        measures = [
            (each["title"] + (f": {each['column']}" if each["column"] else ""), _number(each["value"]), each["unit"],
             _number(each["target"]))
            for each in report["risk"]["measures"]
        ]  # fmt: skip
        show_table("What an attacker could still tell", ("measure", "value", "unit", "target"), measures)


def spans(one: Row) -> None:
    """What was found in the texts of one text or resource, and where: never what it says."""
    rows = [
        (each["place"] or "text", each["start"], each["end"], each["new_start"], each["new_end"], each["label"],
         each["letter"], each["detector"], f"{each['score']:.2f}")
        for each in one["spans"]
    ]  # fmt: skip
    columns = ("where", "start", "end", "new start", "new end", "label", "letter", "found by", "score")
    show_table(f"Found by {one['policy']['name']}", columns, rows, empty="nothing that identifies.")


def policies(found: Sequence[Row]) -> None:
    """The policies that ship."""
    rows = [
        (one["name"], one["version"], _DATES[one["dates"]], ", ".join(one["addresses"]) or "nothing",
         "de-identified" if one["texts"] else "nothing", "yes" if one["default"] else "")
        for one in found
    ]  # fmt: skip
    show_table("Policies", ("policy", "version", "dates", "addresses", "texts", "default"), rows)


def policy(one: Row) -> None:
    """One policy with its entries."""
    policies([one])
    say(f"Digest {one['digest']}. What no entry keeps does not pass.")
    rows = [
        (each["structure"], each["decision"], ", ".join(each["elements"]) or "the whole resource", each["because"])
        for each in one["entries"]
    ]
    show_table("Entries", ("structure", "decision", "elements", "because"), rows)


def lint(told: Row) -> None:
    """What is odd about a policy, and what it does with each of the eighteen identifiers."""
    rows = [(one["level"], one["code"], one["place"], one["message"]) for one in told["findings"]]
    show_table(f"Policy {told['policy']}", ("level", "code", "where", "what"), rows, empty="nothing is odd.")
    treated = [
        (one["letter"], one["name"], one["removed"], len(one["changed"]), ", ".join(one["kept"]))
        for one in told["identifiers"]
    ]
    columns = ("letter", "identifier of 45 CFR 164.514(b)(2)(i)", "removed", "changed", "kept as it is")
    show_table("Elements by which identifiers can enter", columns, treated)
    say("The policy can be used." if told["usable"] else "The policy cannot be used: mend its errors.")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"

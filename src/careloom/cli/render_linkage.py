"""Reports of linkage as text for people."""

from collections.abc import Mapping
from typing import Any

import orjson

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]
_MARKS = {"same": "=", "similar": "~", "different": "x", "unknown": "?"}


def report(done: Row) -> None:
    """What a run found and changed."""
    kind = "all patients" if done["kind"] == "full" else "new and changed patients"
    say(f"Run {done['run']}: {kind}, {done['patients']:,} in all, {done['compared']:,} pairs compared.")
    if done["crowds"]:
        say(f"{done['crowds']:,} values are shared by thousands of patients and were passed over.")
    show_table("Pairs", ("state", "pairs"), list(done["pairs"].items()))
    show_table("Changed", ("what", "pairs"), [(what, count) for what, count in done["changed"].items() if count])
    say(f"{done['linked_patients']:,} patients got other links. Doubtful pairs: careloom linkage list")


def pairs(page: Row) -> None:
    """Pairs, one line each, and why a person must look."""
    rows = [
        (one["pair"], one["state"], one["origin"], f"{one['probability']:.4f}", f"{one['weight']:.1f}",
         ", ".join(caution["name"] for caution in one["cautions"]))
        for one in page["items"]
    ]  # fmt: skip
    show_table("Pairs", ("pair", "state", "by", "probability", "bits", "cautions"), rows, empty="none.")
    say(", ".join(f"{count:,} {state}" for state, count in page["counts"].items()) + " in all.")
    if page["next"]:
        say(f"More: --cursor {page['next']}")


def side_by_side(shown: Row) -> None:
    """Both patients, each trait's agreement, and what was decided."""
    _head(shown)
    bits = {reason["trait"]: reason for reason in shown["reasons"]}
    rows = []
    for side in shown["sides"]:
        reason = bits.get(side["trait"], {"bits": 0.0, "words": ""})
        one, other = ("; ".join(values) for values in side["values"])
        rows.append((side["title"], _MARKS[side["agreement"]], one, other, f"{reason['bits']:+.1f}", reason["words"]))
    show_table("Side by side", ("trait", "", *shown["patients"], "bits", "which says"), rows)
    _history(shown)


def decided(done: Row) -> None:
    """A pair after a decision."""
    _head(done)
    _history(done)


def _head(shown: Row) -> None:
    score = f"probability {shown['probability']:.4f}, {shown['weight']:+.1f} bits"
    say(f"{shown['pair']}: {shown['state']} by {shown['origin']}, {score}")
    for caution in shown["cautions"]:
        say(f"  Look closely: {caution['words']}.")


def _history(shown: Row) -> None:
    rows = [(one["time"][:19], one["actor"], one["action"], one["after"], one["reason"]) for one in shown["history"]]
    show_table("History", ("when", "who", "what", "then", "why"), rows, empty="nothing was decided.")


def reasons(pair: Row) -> None:
    """Why two patients are, or may be, one, without a value of either."""
    rows = [(one["trait"], one["words"], f"{one['bits']:+.1f}") for one in pair["reasons"]]
    _head(pair)
    show_table("Why", ("trait", "which says", "bits"), rows, empty="the feed merged the two.")


def duplicates(found: Row) -> None:
    """What is there twice, by type, and some of it."""
    rows = [(one["type"], one["kind"], one["groups"], one["surplus"]) for one in found["counts"]]
    show_table("There twice", ("type", "what is the same", "groups", "more than one of each"), rows)
    shown = [(group["type"], group["kind"], "  ".join(group["members"])) for group in found["groups"]]
    show_table("Groups", ("type", "what is the same", "resources"), shown)
    say(f"{found['resources']:,} resources were looked at; nothing was removed.")


def golden(record: Row) -> None:
    """The golden record, field by field."""
    say("Made from " + ", ".join(f"{one['id']} ({one['source'] or 'unknown source'})" for one in record["records"]))
    rows = []
    for field in record["fields"]:
        for value in field["values"]:
            shown = value["value"] if isinstance(value["value"], str) else orjson.dumps(value["value"]).decode()
            rows.append((field["name"], shown, field["because"], len(value["records"])))
    show_table("Golden record", ("field", "value", "because", "records"), rows)

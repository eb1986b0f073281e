"""What annotation did, for people."""

from typing import Any

from careloom.cli.output import say, show_table

Json = dict[str, Any]
_LABELS_SHOWN = 12


def annotated(report: Json) -> None:
    """One run: notes, what was found, what became facts, and what contradicts the record."""
    notes, facts = report["notes"], report["facts"]
    say(f"{notes['read']:,} notes read, {notes['skipped']:,} known already, {notes['refused']:,} not readable.")
    found = list(report["found"].items())
    if found:
        shown = ", ".join(f"{label} {count:,}" for label, count in found[:_LABELS_SHOWN])
        more = f" and {len(found) - _LABELS_SHOWN} more kinds" if len(found) > _LABELS_SHOWN else ""
        say(f"Found: {shown}{more}.")
    rows = [[kind, count] for kind, count in report["types"].items()]
    show_table("Facts read from notes", ["type", "facts"], rows)
    say(
        f"{facts['new']:,} are new, {facts['agree']:,} stand in the record already, {facts['conflict']:,} contradict "
        f"it, {facts['retired']:,} retired."
    )
    if report["conflicts"]:
        rows = [[one["against"], one["reason"], one["note"]] for one in report["conflicts"][:_LABELS_SHOWN]]
        show_table("The record says otherwise", ["resource", "in", "note"], rows)
    for code, count in report["issues"].items():
        say(f"{count:,} x {code}")


def verified(proof: Json) -> None:
    """What was recomputed."""
    share = 100 * proof["verified"] / proof["spans"] if proof["spans"] else 100
    say(
        f"{proof['facts']:,} facts of {proof['provenances']:,} notes: {proof['verified']:,} of {proof['spans']:,} "
        f"spans hash to the characters of their note ({share:.0f} %)."
    )
    rows = [[one["fact"], one["provenance"], one["reason"]] for one in proof["failed"]]
    if rows:
        show_table("Not verified", ["fact", "provenance", "why"], rows)


def runs(page: Json) -> None:
    """Runs, newest first."""
    rows = [
        [one["id"], one["state"], one["zone"], one["notes"]["read"], one["facts"]["new"], one["facts"]["conflict"]]
        for one in page["items"]
    ]
    show_table("Annotations", ["run", "state", "zone", "notes read", "new facts", "conflicts"], rows)
    if page["next"]:
        say(f"More: careloom annotate reports --cursor {page['next']}")


def run(one: Json) -> None:
    """One run as it stands."""
    say(f"Run {one['id']}: {one['state']}, by {one['actor']}")
    if one["report"] is not None:
        say(f"Reader {one['report']['reader']['version']}, zone {one['report']['zone']}")
        annotated(one["report"])


def facts(page: Json) -> None:
    """What notes say, each with its note and what it led to."""
    rows = [
        [
            one["note"].split("/")[1], f"{one['start']}-{one['end']}", one["label"], one["text"] or "",
            " ".join((one["assertion"] or {}).get(name, "") for name in ("presence", "temporality", "experiencer")),
            ", ".join(code["code"] for code in one["codes"] if code["rank"] == 1),
            ", ".join(fact["fact"] or fact["outcome"] for fact in one["facts"]),
        ]
        for one in page["items"]
    ]  # fmt: skip
    show_table("What notes say", ["note", "place", "label", "text", "assertion", "codes", "fact"], rows)
    _more(page)


def notes(page: Json) -> None:
    """Notes that were found, with the places."""
    rows = [
        [
            one["note"].split("/")[1], one["time"], one["words"], len(one["annotations"]),
            " ... ".join(" ".join(each["text"].split()) for each in one["snippets"] or ()),
        ]
        for one in page["items"]
    ]  # fmt: skip
    show_table("Notes", ["note", "time", "words", "annotations", "where"], rows)
    _more(page)


def _more(page: Json) -> None:
    say(f"{page['scanned']:,} notes looked at.")
    if page["next"]:
        say(f"There are more: --cursor {page['next']}")

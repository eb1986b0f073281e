"""Reports of the pseudonym vault as text for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from careloom.cli.output import say, show_table

Row = Mapping[str, Any]


def asked(made: Row) -> None:
    """A new request, and what comes next."""
    request(made)
    say(f"{made['looked']:,} names were compared in {made['seconds']:.1f} seconds.")
    if made["state"] == "approved":
        say(f"Nobody else has to approve it: careloom vault reveal {made['id']}")
    else:
        say(f"Somebody else has to approve it: careloom vault approve {made['id']}")


def request(shown: Row) -> None:
    """One request with what is sealed of it."""
    say(f"{shown['id']}: {shown['state']}, asked by {shown['actor']} on {shown['created'][:10]} for {shown['purpose']}")
    say(f"  project {shown['project']}, epoch {shown['epoch']}, {shown['count']} pseudonyms")
    for title, words in (("why", shown["reason"]), ("remark", shown["remark"])):
        if words:
            say(f"  {title}: {words}")
    if shown["decider"]:
        say(f"  decided by {shown['decider']} on {shown['decided'][:10]}")
    if shown["expires"]:
        say(f"  holds until {shown['expires'][:16]}, revealed {shown['reveals']} times")
    for name in shown["names"]:
        say(f"  {name}")


def requests(page: Row) -> None:
    """Requests, one line each."""
    rows = [
        (one["id"], one["state"], one["actor"], one["purpose"], one["count"], one["created"][:16], one["decider"])
        for one in page["items"]
    ]
    columns = ("request", "state", "asked by", "purpose", "names", "when", "decided by")
    show_table("Requests", columns, rows, empty="nobody asked who is behind a pseudonym.")
    if page["next"]:
        say(f"More: --cursor {page['next']}")


def revealed(told: Row) -> None:
    """Who is behind each pseudonym."""
    rows = [
        (one["name"], one["resource"] or one["state"], one["patient"] or "", "" if one["days"] is None else one["days"],
         "; ".join(f"{each['value']} ({each['system'] or 'no system'})" for each in one["identifiers"]), one["source"])
        for one in told["answers"]
    ]  # fmt: skip
    columns = ("pseudonym", "in the identified zone", "patient", "days moved", "identifiers", "source")
    show_table("Who it is", columns, rows)
    say(f"{told['looked']:,} names were compared in {told['seconds']:.1f} seconds. This disclosure is audited.")


def epochs(known: Sequence[Row]) -> None:
    """Epochs of pseudonyms and what was done under them."""
    rows = [
        (
            one["project"],
            one["epoch"],
            one["created"][:16],
            one["begun"][:16],
            one["finished"][:16],
            one["retired"][:16],
        )
        for one in known
    ]
    columns = ("project", "epoch", "made", "last run began", "last run ended", "retired")
    show_table("Epochs", columns, rows)


def rotated(made: Row) -> None:
    """A new epoch, and what comes next."""
    say(f"Project {made['project']} is in epoch {made['epoch']}.")
    say("The research zone has the old names until it is made anew: careloom deidentify")


def retired(done: Row) -> None:
    """What was retired."""
    say(f"Epoch {done['epoch']} of project {done['project']} is retired: its pseudonyms cannot be reversed any more.")

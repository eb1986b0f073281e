"""Reports of services as text for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from careloom.cli.output import emit_text, say, sentence, show_table

if TYPE_CHECKING:
    from careloom.pipeline.manifest import RunManifest
    from careloom.services.search import SearchPage

Row = Mapping[str, Any]


def scorecard(manifest: "RunManifest") -> None:
    """What arrived, what became of it, and what was wrong with it."""
    by_format: dict[str, list[int]] = {}
    for file in manifest.files:
        sums = by_format.setdefault(file.format or "unknown", [0] * 7)
        numbers = (1, file.records, file.stored, file.kept, file.quarantined, file.known + file.erased, file.resources)
        by_format[file.format or "unknown"] = [a + b for a, b in zip(sums, numbers, strict=True)]
    show_table(
        f"Run {manifest.run_id}",
        ("format", "files", "records", "stored", "landing only", "quarantined", "known before", "resources"),
        [(name, *sums) for name, sums in sorted(by_format.items())],
        empty="no files found.",
    )
    if manifest.written:
        say("Resources: " + ", ".join(f"{count:,} {name}" for name, count in sorted(manifest.written.items())))
    show_table(
        "Issues",
        ("code", "severity", "count"),
        [(code, severity, count) for (code, severity), count in Counter(manifest.issues).most_common()],
    )
    if manifest.ended:
        seconds = (manifest.ended - manifest.started).total_seconds()
        hint = " Refused records: careloom quarantine list" if manifest.quarantined else ""
        say(f"{manifest.records:,} records in {seconds:.1f} s.{hint}")


def quarantine(rows: Sequence[Row]) -> None:
    """The list of refused records: two lines each, the second says what to do."""
    if not rows:
        say("Quarantine: nothing was refused.")
    for r in rows:
        again = f", tried {r['attempts']:,} times" if r["attempts"] > 1 else ""
        say(f"{r['record']}  {r['reason']}  {r['format']}, {r['place']}{again}")
        if r["remedy"]:
            say(f"    {sentence(r['remedy'])}")


def refused(entry: Row) -> None:
    """One refused record."""
    say(f"Record {entry['record']} ({entry['format']}), {entry['place']}")
    issues = [(i["code"], i["severity"], i["place"], i["message"], i["remedy"]) for i in entry["issues"]]
    show_table("Issues", ("code", "severity", "place", "message", "remedy"), issues)
    if "raw" in entry:
        say(entry["raw"].replace("\r\n", "\n").replace("\r", "\n"))


def normalized(report: Row) -> None:
    """What normalization changed, and what it could not."""
    did = "would be new versions" if report["rehearsal"] else "are new versions"
    say(f"{report['changed']:,} of {report['read']:,} resources {did}.")
    for title, counts in (("Changes", report["changes"]), ("Left as they came", report["warnings"])):
        rows = [
            (code, f"{count:,}", one["resource"], one["place"])
            for code, count in counts.items()
            for one in report["examples"][code][:1]
        ]
        show_table(title, ("code", "count", "for example", "place"), rows)
    if report["refused"]:
        say(f"{report['refused']:,} would have been invalid and were left as they are: a defect, please report it.")


def drafted(made: Row) -> None:
    """A draft of a mapping as it is, so that it can be sent into a file."""
    emit_text(made["text"])


def drafted_to_file(made: Row) -> None:
    """What a draft was made of, what is left to decide, and how it does on the sample."""
    rows = [
        (one["column"], one["role"].replace("_", " ") or "nothing", one["confidence"] or "") for one in made["columns"]
    ]
    show_table(f"Each row is one {made['kind']}", ("column", "taken for", "confidence"), rows)
    for doubt in made["doubts"]:
        say(f"Decide: {doubt}")
    say(f"{made['usable']:,} of {made['tried']:,} records of the sample become valid resources.")
    show_table("Issues", ("code", "count"), list(made["issues"].items()))


def records(page: Row) -> None:
    """A page of raw records."""
    rows = [
        (one["record"], one["type"] or one["format"], _minute(one["made"] or one["received"]),
         one["reason"] or one["state"],
         "" if one["faults"] is None else one["faults"])
        for one in page["items"]
    ]  # fmt: skip
    show_table("Records", ("record", "type", "made", "state", "faults"), rows, empty="none is like that.")
    if page["next"]:
        say(f"More follow: --cursor {page['next']}")


def record(entry: Row) -> None:
    """One raw record without its content."""
    say(f"Record {entry['record']} ({entry['format']}, {entry['type'] or 'type not kept'}), {entry['bytes']:,} bytes")
    say(f"Made {entry['made'] or 'at a time that it does not tell'}, received {entry['received']}")
    say(f"Record {entry['position'] + 1} of the file with manifest {entry['manifest'] or 'none'}")
    say(f"State: {entry['state']}{', ' + entry['reason'] if entry['reason'] else ''}")
    issues = [(i["code"], i["severity"], i["place"], i["message"]) for i in entry["issues"]]
    if not entry["structure"] and not issues:
        say("Structure: not checked, none is declared for this type, version or edition.")
        return
    title = f"Structure {entry['structure']}" if entry["structure"] else "Structure"
    show_table(title, ("code", "severity", "place", "message"), issues, empty="nothing differs from it.")


def searchset(page: "SearchPage") -> dict[str, Any]:
    """A page of a search as a Bundle of type ``searchset``; its `next` link holds the cursor of the page after it."""
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if page.total is not None:
        found["total"] = page.total
    if page.next_cursor:
        found["link"] = [{"relation": "next", "url": f"urn:careloom:cursor:{page.next_cursor}"}]
    if page.found:
        found["entry"] = [{"resource": one.resource(), "search": {"mode": "match"}} for one in page.found]
        found["entry"] += [{"resource": one.resource(), "search": {"mode": "include"}} for one in page.included]
    return found


def bundle(found: Row) -> None:
    """A searchset, one line a resource."""
    resources = [entry["resource"] for entry in found.get("entry", [])]
    rows = [(f"{r['resourceType']}/{r['id']}", _code(r), _minute(_when(r)), _value(r)) for r in resources]
    if rows or "total" not in found:
        show_table("Found", ("resource", "code", "when", "value or status"), rows, empty="nothing matches.")
    if "total" in found:
        say(f"{found['total']:,} in all.")
    for link in found.get("link", []):
        say(f"More: --cursor {link['url'].rpartition(':')[2]}")


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _code(resource: Row) -> str:
    concept = resource.get("code") or resource.get("type") or resource.get("medicationCodeableConcept")
    concept = concept[0] if isinstance(concept, list) and concept else concept
    if not isinstance(concept, dict):
        return ""
    codings = concept.get("coding") or [{}]
    return str(concept.get("text") or codings[0].get("display") or codings[0].get("code") or "")


def _when(resource: Row) -> str:
    for name in (
        "effectiveDateTime",
        "onsetDateTime",
        "authoredOn",
        "performedDateTime",
        "date",
        "birthDate",
        "issued",
    ):
        if isinstance(resource.get(name), str):
            return str(resource[name])
    period = resource.get("period") or resource.get("performedPeriod") or resource.get("effectivePeriod") or {}
    return str(period.get("start", ""))


def _value(resource: Row) -> str:
    quantity = resource.get("valueQuantity")
    if isinstance(quantity, dict):
        return f"{quantity.get('value', '')} {quantity.get('unit', quantity.get('code', ''))}".strip()
    return str(resource.get("valueString") or resource.get("status") or "")


def proof(report: Row) -> None:
    """Whether a fact stands on its source bytes."""
    say(f"{report['fact']}: {'verified' if report['verified'] else 'NOT VERIFIED'}")
    steps = [(step["step"], "ok" if step["ok"] else "FAILED", step["detail"]) for step in report["steps"]]
    show_table("Steps", ("step", "result", "detail"), steps)


def deidentified(report: Any) -> None:
    """What went into the research zone, what was held back and taken out, and how well people can hide."""
    from careloom.deid.identifiers import letters

    show_table("Research zone", ("resource type", "read", "kept", "held back"),
               [(t.type, t.read, t.kept, t.held_back) for t in report.types])  # fmt: skip
    show_table("Tables", ("table", "rows"), sorted(report.tables.items()))
    names = {**letters(), "text": "free text, which may hold any of them"}
    taken = [
        (f"({one})" if len(one) == 1 else one, names[one], count)
        for one, count in sorted(report.removed.items())
        if count
    ]
    show_table("Taken out or changed", ("letter", "identifier of 45 CFR 164.514(b)(2)(i)", "count"), taken)
    show_table("Why", ("code", "count"), report.issues.most_common())
    if report.recall:
        say(
            f"Recall in texts: {report.recall['found']:,} of {report.recall['planted']:,} identifiers planted "
            f"in copies of {report.recall['notes']:,} notes, {report.recall['recall']:.1%} "
            f"({report.recall['low']:.1%} to {report.recall['high']:.1%})."
        )
        if "left_out" in report.recall:
            say(f"Not measured, because it sends texts elsewhere: {', '.join(report.recall['left_out'])}.")
    if report.targets is not None:
        told = report.targets
        say(
            f"Targets of the policy hold: smallest group {told['after']['k'] or 0:,} of {told['asked']['k']:,} asked "
            f"(under the policy alone {told['before']['k'] or 0:,}); {told['traits_suppressed_patients']:,} of "
            f"{told['patients']:,} patients lost every trait, {told['records_suppressed_patients']:,} their record."
        )
        changed = [(one["column"], one["level"]) for one in told["levels"] if one["level"] != "as it is"]
        show_table("Told less exactly", ("trait", "level"), changed, empty="nothing.")
    if report.risk is not None:
        lines = {one["name"]: one["value"] for one in report.risk["measures"]}
        say(
            f"Of {report.risk['patients']:,} patients {lines['alone_in_class']:.0%} look like nobody else "
            f"({', '.join(report.risk['quasi_identifiers'])}); the smallest group has {lines['smallest_class']:,}."
        )
    say(f"Project {report.project}, epoch {report.epoch} of its pseudonyms.")
    say(f"The signed report: {report.place} (and .html beside it)")


def deidentified_files(report: Row) -> None:
    """What a configuration did to files, and what it left."""
    say(
        f"{report['resources']:,} resources in {report['files']:,} files; {report['refused']:,} resources refused, "
        f"{report['emptied']:,} emptied, {report['files_left']:,} files of other kinds left."
    )
    show_table("Changes", ("what", "elements"), list(report["changes"].items()))
    rows = [(one["file"], one["line"] or "whole", one["why"]) for one in report["refusals"]]
    if rows:
        show_table("Refused, by the order of file names", ("file", "line", "why"), rows)
    for key, origin in report["keys"].items():
        if origin == "random":
            say(f"The {key} key was random and is gone: no later run can match this one.")
    for note in report["notes"]:
        say(f"Configuration: {note}.")
    say(f"{report['rules'] - len(report['silent_rules']):,} of {report['rules']:,} rules found something.")
    say("Such a configuration is a deny-list: what no rule names stayed as it was.")


def chains(report: Row) -> None:
    """The state of the audit chains."""
    rows = [(c["zone"], c["events"], "whole" if c["verified"] else "BROKEN", c["detail"]) for c in report["chains"]]
    show_table("Audit chains", ("zone", "events", "state", "detail"), rows, empty="no zone has a store yet.")


def audit_events(events: Sequence[Row]) -> None:
    """Audited acts, newest first."""
    rows = []
    for event in events:
        subjects = [e for e in event.get("entity", []) if e.get("role", {}).get("code") == "1"]
        agent = event["agent"][0].get("who", {}).get("display", "")
        operation = event.get("subtype", [{}])[0].get("code", "")
        rows.append(
            (event["recorded"][:19], agent, event["action"], operation, event.get("outcome", ""), len(subjects))
        )
    show_table("Audit", ("recorded", "who", "action", "operation", "outcome", "patients"), rows)


def checked(report: Row) -> None:
    """Whether a zone's content and index agree."""
    say(f"{report['zone']}: {report['resources']:,} resources, {'consistent' if report['consistent'] else 'BROKEN'}")
    say(f"content hash {report['content_hash']}")
    counts: Counter[str] = Counter(report["problems"])
    show_table("Problems", ("problem", "count"), sorted(counts.items()))
    for line in report["named"]:
        say(line)


def job(entry: Row) -> None:
    """One job with its log."""
    jobs([entry])
    if entry["due"]:
        say(f"It begins at {entry['due'][:19]}, after {entry['failures']} tries that failed.")
    rows = [(line["time"][:19], line["code"]) for line in entry["log"]]
    show_table("Log", ("time", "code"), rows, empty="nothing was noted.")


def job_event(told: Row) -> None:
    """What happens to a job that somebody follows."""
    if told["event"] == "log":
        say(f"{told['time'][:19]}  {told['code']}")
    else:
        done, total = told["progress"]["done"], told["progress"]["total"]
        say(f"{told['state']}: {done:,}" + (f" of {total:,}" if total else "") + f" {told['error'] or ''}".rstrip())


def jobs(entries: Sequence[Row]) -> None:
    """Jobs with their progress."""
    rows = []
    for job in entries:
        share = f"{100 * job['done'] / job['total']:.0f} %" if job.get("total") else ""
        rows.append((job["job_id"], job["kind"], job["state"], share, (job["started"] or "")[:19], job["error"] or ""))
    show_table("Jobs", ("job", "kind", "state", "progress", "started", "error"), rows, empty="none was queued.")

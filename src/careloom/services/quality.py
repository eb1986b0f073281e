"""Quality: one look at the data of a zone by the rules in force; it is kept, and what broke a rule can be found.

The zone is read in memory over the sealed store: no table of patients lies anywhere. A report holds counts, dates of
feeds and row numbers, no value of a patient.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from careloom.errors import InputError, NotFound, QueryError
from careloom.quality.assessment import Assessed, Assessment
from careloom.quality.report import report_of
from careloom.quality.rules import Rule, Rulebook, rulebook
from careloom.quality.scene import IdSet, Scene
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.search import zone_of
from careloom.store.quality_runs import FOLDER_NAME, QualityRuns
from careloom.store.surveying import Surveyed
from careloom.store.zone_store import Zone, ZoneStore

Json = dict[str, Any]
Watch = Callable[[int, int], None]
"""(resources done, resources in all), called now and then."""
FIRST_TYPES = ("Patient", "Encounter")
"""What other resources are held against is met before them."""
TELL_EVERY = 1000


@dataclass(frozen=True, slots=True)
class QualityAsk:
    """What to look at.

    zone        one of the stored zones
    source      only what this source system sent; empty for all
    since       only what was stored from this day on, ISO; empty for all
    rules       a TOML file of one's own rules, in place of the one in the settings
    thresholds  percents by rule id, over all others
    run_id      of the look; empty for a new one
    """

    zone: str = "identified"
    source: str = ""
    since: str = ""
    rules: Path | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    run_id: str = ""


def quality(platform: Platform, who: Principal, ask: QualityAsk, watch: Watch | None = None) -> Json:
    """The report of one look, as `shown` gives it; it is kept as a run.

    raises  AccessError; QueryError for a zone, source or day that means nothing here; InputError for malformed rules
    """
    zone = zone_of(ask.zone)
    admit(platform, who, "quality", zone)
    book = rules_in_force(platform, ask)
    since = since_of(ask.since)
    run_id = ask.run_id or platform.run_id()
    started = platform.runtime.now()
    assessed = _assess(platform, zone, book, ask, since, watch)
    report: Json = {
        "run_id": run_id,
        "zone": zone,
        "source": ask.source,
        "since": ask.since,
        "actor": who.name,
        "started": started.isoformat(),
        "ended": platform.runtime.now().isoformat(),
        "own_rules": book.own,
    } | report_of(assessed, book)
    rows: dict[str, list[tuple[str, str, str, list[int]]]] = {}
    for cell in assessed.cells:
        if cell.rows:
            rows.setdefault(cell.rule, []).append((cell.source, cell.kind, cell.path, cell.rows.tolist()))
    runs_of(platform).keep(report, brief_of(report), rows, most=platform.settings.quality.keep_runs)
    detail = {"run": run_id, "resources": report["resources"], "rules": len(book.rules)}
    note(platform, who, "quality", zone, action="execute", detail=detail)
    return _with_names(platform, report)


def rules_in_force(platform: Platform, ask: QualityAsk) -> Rulebook:
    """The packaged rules, with the installation's own or those of this ask. raises InputError; NotFound."""
    own = ask.rules or platform.settings.quality.rules
    return rulebook(platform.read_text(own) if own else "", ask.thresholds)


def list_rules(platform: Platform, who: Principal, zone: str = "identified") -> list[Json]:
    """The rules in force, in the order of their files, for whoever may look at the zone.

    raises  AccessError; InputError; QueryError
    """
    named = zone_of(zone)
    admit(platform, who, "quality", named, operation="quality-rules")
    found = [_rule_json(rule) for rule in rules_in_force(platform, QualityAsk()).rules]
    note(platform, who, "quality-rules", named, detail={"rules": len(found)})
    return found


def list_looks(platform: Platform, who: Principal, *, zone: str = "", limit: int = 50, before: str = "") -> list[Json]:
    """Finished looks at the zones that `who` may see, newest first, each with its scores and failed rules: the trend.

    before  only looks older than the one of this id
    raises  AccessError; QueryError
    """
    zones = [zone_of(zone)] if zone else [one for one in STORED_ZONES if who.may("quality", one)]
    admit(platform, who, "quality", zones[0] if zones else "identified", operation="quality-list")
    briefs = (one for one in runs_of(platform).briefs(zones) if not before or one["run_id"] < before)
    found = list(islice(briefs, limit))
    note(platform, who, "quality-list", zones[0], detail={"listed": len(found)})
    return found


def show_look(platform: Platform, who: Principal, run_id: str = "", *, zone: str = "identified") -> Json:
    """One report with the resources of its examples; the newest of a zone where no run is named.

    raises  AccessError; NotFound; QueryError
    """
    report = _find(platform, who, run_id, zone)
    note(platform, who, "quality-show", report["zone"], detail={"run": report["run_id"]})
    return _with_names(platform, report)


@dataclass(frozen=True, slots=True)
class RowsAsk:
    """Which of the resources that broke a rule: narrowed to a source, type and path; one page of them."""

    rule: str
    run_id: str = ""
    zone: str = "identified"
    source: str = ""
    type: str = ""
    path: str = ""
    limit: int = 50
    cursor: str = ""


def broken_rows(platform: Platform, who: Principal, ask: RowsAsk) -> Json:
    """``run_id``, ``zone``, ``rule``, ``items`` and ``next``: the resources that broke a rule when it was last looked.

    Each item has ``resource`` (``Type/id``), ``record`` (its source record's id), ``source`` and ``path``. What was
    deleted or erased since is left out.
    raises  AccessError; NotFound; QueryError
    """
    report = _find(platform, who, ask.run_id, ask.zone)
    rule = next((one for one in report["rules"] if one["id"] == ask.rule), None)
    if rule is None:
        raise NotFound("there is no rule of this id in that look", "The report lists its rules.")
    if ask.cursor and not ask.cursor.isdecimal():
        raise QueryError("the cursor is none", "Use `next` of the page before.")
    first = int(ask.cursor or 0)
    places = [
        (source, path, row)
        for source, kind, path, rows in runs_of(platform).rows(report["run_id"]).get(ask.rule, [])
        if ask.source in ("", source) and ask.type in ("", kind) and ask.path in ("", path)
        for row in rows
    ]
    page = places[first : first + ask.limit]
    names = {one.row: one for one in platform.store(report["zone"]).row_names([row for _, _, row in page])}
    items = [
        {
            "resource": f"{names[row].type}/{names[row].id}",
            "record": names[row].record_id,
            "source": source,
            "path": path,
        }
        for source, path, row in page
        if row in names
    ]
    note(platform, who, "quality-rows", report["zone"], detail={"run": report["run_id"], "rule": ask.rule,
                                                                "listed": len(items)})  # fmt: skip
    following = first + ask.limit
    told = {name: rule[name] for name in ("id", "title", "status", "reason", "total", "failed", "remedy", "notes")}
    return {
        "run_id": report["run_id"],
        "zone": report["zone"],
        "rule": told,
        "items": items,
        "next": str(following) if following < len(places) else None,
    }


def runs_of(platform: Platform) -> QualityRuns:
    """Where finished looks are kept."""
    return QualityRuns(platform.settings.data.directory / FOLDER_NAME)


def brief_of(report: Json) -> Json:
    """What a list and a trend show of a report."""
    statuses = [rule["status"] for rule in report["rules"]]
    return {
        **{name: report[name] for name in ("run_id", "zone", "source", "since", "actor", "started", "ended",
                                           "resources", "score")},
        "categories": {one["category"]: one["score"] for one in report["categories"]},
        "sources": {one["source"]: one["score"] for one in report["sources"]},
        "passed": statuses.count("pass"),
        "failed": statuses.count("fail"),
        "not_applicable": statuses.count("not applicable"),
        "failed_rules": [rule["id"] for rule in report["rules"] if rule["status"] == "fail"],
    }  # fmt: skip


def _assess(
    platform: Platform, zone: Zone, book: Rulebook, ask: QualityAsk, since: int, watch: Watch | None
) -> Assessed:
    if not platform.has_store(zone):
        raise NotFound(f"the {zone} zone holds nothing yet", "Bring data in first: careloom ingest.")
    store = platform.store(zone)
    counts = store.count()
    total, done = sum(counts.values()), 0
    scene = Scene(platform.runtime.now().timestamp() / 86400, IdSet(store.all_names()), platform.terminologies.all)
    for one in store.survey([kind for kind in FIRST_TYPES if kind in counts]):
        scene.meet(one.stored.resource())
    scene.stays.freeze()
    assessment = Assessment(book, scene)
    is_known = not ask.source
    for stored, source, is_late in _each(store, counts, since):
        done += 1
        if watch is not None and done % TELL_EVERY == 0:
            watch(done, total)
        if ask.source:
            is_known = is_known or source == ask.source
            if source != ask.source:
                continue
        assessment.take(stored.resource(), stored.rid, source, is_late=is_late)
    if not is_known:
        raise QueryError("nothing in this zone comes from that source", "Leave it out to see all sources.")
    if watch is not None:
        watch(total, total)
    return assessment.finish()


def _each(store: ZoneStore, counts: Mapping[str, int], since: int) -> Iterator[Surveyed]:
    first = [kind for kind in FIRST_TYPES if kind in counts]
    yield from store.survey([*first, *sorted(counts.keys() - set(first))], since)


def since_of(text: str) -> int:
    """Microseconds of the day's beginning in UTC; 0 for no day."""
    if not text:
        return 0
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise QueryError("that is no day", "Write it as 2026-11-28.") from None
    return int((day if day.tzinfo else day.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _find(platform: Platform, who: Principal, run_id: str, zone: str) -> Json:
    """The report, once `who` may see its zone."""
    runs = runs_of(platform)
    if run_id:
        try:
            report = runs.report(run_id)
        except NotFound:
            admit(platform, who, "quality", _a_zone(who), operation="quality-show")
            raise
        admit(platform, who, "quality", report["zone"], operation="quality-show")
        return report
    named = zone_of(zone)
    admit(platform, who, "quality", named, operation="quality-show")
    newest = next(iter(runs.briefs([named])), None)
    if newest is None:
        raise NotFound(f"nobody has looked at the {named} zone yet", "Look now: careloom quality.")
    return runs.report(newest["run_id"])


def _a_zone(who: Principal) -> Zone:
    return next((one for one in STORED_ZONES if who.may("quality", one)), "identified")


def _with_names(platform: Platform, report: Json) -> Json:
    """The report with its examples as resources in place of row numbers."""
    rows = [row for rule in report["rules"] for row in rule["examples"]]
    store = platform.store(report["zone"])
    names = {one.row: f"{one.type}/{one.id}" for one in store.row_names(rows)}
    rules = [{**rule, "examples": [names[row] for row in rule["examples"] if row in names]} for rule in report["rules"]]
    return {**report, "rules": rules}


def _rule_json(rule: Rule) -> Json:
    return {
        "id": rule.id, "title": rule.title, "category": rule.category, "subcategory": rule.subcategory,
        "check": rule.check, "severity": rule.severity, "threshold_percent": rule.threshold_percent,
        "dqd": list(rule.dqd), "why": rule.why, "remedy": rule.remedy, "source": rule.source,
        "on": {kind: list(paths) for kind, paths in rule.on.items()},
    }  # fmt: skip


def refuse_threshold(text: str) -> tuple[str, float]:
    """``rule-id=percent`` as a pair. raises InputError."""
    name, _, percent = text.partition("=")
    try:
        return name.strip(), float(percent)
    except ValueError:
        raise InputError("a threshold is written rule-id=percent", "For example not-an-outlier=1.") from None

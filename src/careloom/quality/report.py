"""What one look found, as a report: each rule with its status, scores by category and source, fields that are there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from careloom.quality.assessment import Assessed, Cell, Fields
from careloom.quality.rules import CATEGORIES, SEVERITIES, Rule, Rulebook

EXAMPLES = 5
NOTES = 20
Json = dict[str, Any]
_PRESENCE = ("present", "names-something")
_NOT_FIELDS = frozenset({"resourceType", "id", "meta"})


def report_of(assessed: Assessed, book: Rulebook) -> Json:
    """``score``, ``categories``, ``sources``, ``rules``, ``completeness``, ``resources``; examples are row numbers."""
    by_rule: dict[str, list[Cell]] = {rule.id: [] for rule in book.rules}
    for cell in assessed.cells:
        by_rule[cell.rule].append(cell)
    hits = Counter(row for cell in assessed.cells for row in cell.rows)
    rules = [_rule(rule, by_rule[rule.id], hits) for rule in book.rules]
    sources = sorted({one.source for one in assessed.fields})
    return {
        "resources": sum(one.total for one in assessed.fields),
        "score": _score(book.rules, by_rule),
        "categories": [_category(name, book.rules, by_rule, rules) for name in CATEGORIES],
        "sources": [_source(source, assessed, book.rules, by_rule) for source in sources],
        "rules": rules,
        "completeness": [_fields(one, _expected(book, one.kind)) for one in assessed.fields],
    }


def percent(part: int, whole: int) -> float | None:
    """``12.3456`` of a hundred; None of nothing."""
    return round(100 * part / whole, 4) if whole else None


def _rule(rule: Rule, cells: list[Cell], hits: Mapping[int, int]) -> Json:
    total, failed = sum(cell.total for cell in cells), sum(cell.failed for cell in cells)
    places = [
        {"source": c.source, "type": c.kind, "path": c.path, "total": c.total, "failed": c.failed,
         "percent": percent(c.failed, c.total)}
        for c in sorted(cells, key=lambda c: (-c.failed, c.source, c.kind, c.path)) if c.total
    ]  # fmt: skip
    share = percent(failed, total)
    status = "not applicable" if share is None else "fail" if share > rule.threshold_percent else "pass"
    rows = {row for cell in cells for row in cell.rows}
    return {
        "id": rule.id,
        "title": rule.title,
        "category": rule.category,
        "subcategory": rule.subcategory,
        "check": rule.check,
        "severity": rule.severity,
        "dqd": list(rule.dqd),
        "threshold_percent": rule.threshold_percent,
        "status": status,
        "reason": _reason(rule, status, places),
        "total": total,
        "failed": failed,
        "percent": share,
        "remedy": rule.remedy if failed else "",
        "source": rule.source,
        "places": places,
        "examples": sorted(rows, key=lambda row: (-hits[row], row))[:EXAMPLES],
        "notes": [f"{c.source}, {c.kind}: {note}" for c in cells for note in c.notes][:NOTES],
    }


def _reason(rule: Rule, status: str, places: list[Json]) -> str:
    """Why it fired, or why not, as a sentence."""
    if status == "not applicable":
        kinds = ", ".join("any type" if kind == "*" else kind for kind in rule.on) or "a patient"
        return f"Nothing that it applies to was there ({kinds})."
    worst = places[0]
    total, failed = sum(one["total"] for one in places), sum(one["failed"] for one in places)
    if not failed:
        return f"All {total:,} kept it."
    where = worst["type"] + (f".{worst['path'].partition('|')[0]}" if worst["path"] else "")
    share = f"{failed:,} of {total:,} ({_words(percent(failed, total))}; allowed are {rule.threshold_percent:g} %)"
    return f"{rule.why}: {share}, most in {where} from source {worst['source'] or 'unknown'} ({worst['failed']:,})."


def _words(share: float | None) -> str:
    return "none" if share is None else "less than 0.01 %" if 0 < share < 0.01 else f"{share:.2f} %"


def _score(
    rules: Iterable[Rule], cells: Mapping[str, list[Cell]], category: str = "", source: str | None = None
) -> float | None:
    """0 to 100: the mean share of what keeps a rule, over the rules that apply, weighted by severity."""
    weights = kept = 0.0
    for rule in rules:
        chosen = [c for c in cells[rule.id] if source is None or c.source == source]
        total = sum(c.total for c in chosen)
        if total and (not category or rule.category == category):
            weight = SEVERITIES[rule.severity]
            weights += weight
            kept += weight * (1 - sum(c.failed for c in chosen) / total)
    return round(100 * kept / weights, 2) if weights else None


def _category(name: str, rules: tuple[Rule, ...], cells: Mapping[str, list[Cell]], told: list[Json]) -> Json:
    mine = [one["status"] for one in told if one["category"] == name]
    return {
        "category": name,
        "score": _score(rules, cells, name),
        "passed": mine.count("pass"),
        "failed": mine.count("fail"),
        "not_applicable": mine.count("not applicable"),
    }


def _source(source: str, assessed: Assessed, rules: tuple[Rule, ...], cells: Mapping[str, list[Cell]]) -> Json:
    failed = sum(
        1
        for rule in rules
        if (share := percent(
            sum(c.failed for c in cells[rule.id] if c.source == source),
            sum(c.total for c in cells[rule.id] if c.source == source),
        )) is not None and share > rule.threshold_percent
    )  # fmt: skip
    return {
        "source": source,
        "resources": sum(one.total for one in assessed.fields if one.source == source),
        "score": _score(rules, cells, source=source),
        "rules_failed": failed,
        "categories": {name: _score(rules, cells, name, source) for name in CATEGORIES},
    }


def _expected(book: Rulebook, kind: str) -> set[str]:
    """Elements that a rule wants to be there, told even where no resource has them."""
    paths = [path for rule in book.rules if rule.check in _PRESENCE for path in rule.on.get(kind, ())]
    return {path.partition("|")[0].partition(".")[0] for path in paths}


def _fields(one: Fields, expected: set[str]) -> Json:
    kept = dict.fromkeys(expected, 0) | {
        name: count for name, count in one.present.items() if name not in _NOT_FIELDS and name[:1] != "_"
    }
    return {
        "source": one.source,
        "type": one.kind,
        "total": one.total,
        "fields": [
            {"field": name, "count": count, "percent": percent(count, one.total)}
            for name, count in sorted(kept.items())
        ],
    }

"""The review queue of linkage: pairs listed, shown side by side, accepted, rejected, undone; who and why is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from careloom.errors import Conflict, InputError, NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.quality.linkage_model import UNKNOWN, default_model
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.linkage_links import Cause, merged_into, relink, write_patient
from careloom.services.linkage_states import GROUP, MERGE_GONE, Change, decided, groups_of, undone
from careloom.services.platform import Platform
from careloom.services.sight import knows_of, require_known
from careloom.store.linkage import Filter, KeptPair, PairReader, Step
from careloom.store.rows import instant
from careloom.store.zone_store import Transaction, Zone, ZoneStore

ZONE: Zone = "identified"
LONGEST_REASON = 500
Json = dict[str, Any]
Action = Literal["accept", "reject", "undo"]
_OTHER_CAUTIONS = {
    GROUP: "it would join patients of different sex or birth date into one group",
    MERGE_GONE: "the feed had merged the two and does not any more",
}


@dataclass(frozen=True, slots=True)
class PairsAsk:
    """Which pairs, and which page of them; `patient` is a stored id, `cursor` as the page before gave it."""

    state: str = ""
    origin: str = ""
    patient: str = ""
    least: float = 0.0
    limit: int = 20
    cursor: str = ""


def list_pairs(platform: Platform, who: Principal, ask: PairsAsk = PairsAsk()) -> Json:
    """``items`` by falling weight, ``next`` (None on the last page), ``counts`` by state, ``run``: the last one.

    Pairs of which a restriction or a consent keeps a patient from `who` are no items; the counts are of all.

    raises  AccessError; QueryError if the patient is empty; InputError if the cursor is none of ours
    """
    admit(platform, who, "link", ZONE, operation="linkage-pairs")
    patient = ask.patient.removeprefix("Patient/").strip()
    if ask.patient and not patient:
        raise QueryError("linkage: the patient is empty", "Write Patient/<id>, or ask for no patient.")
    which = Filter(ask.state, ask.origin, patient, ask.least)
    store = platform.store(ZONE)
    with store.linkage() as reader:
        found = reader.page(which, limit=ask.limit + 1, after=_place(ask.cursor))
        counts, last = reader.counts(), reader.newest_run()
    page, knows = found[: ask.limit], knows_of(platform, who, ZONE)
    items = [pair for pair in page if knows([store.pseudonym(pair.one), store.pseudonym(pair.other)])]
    subjects = {store.pseudonym(each) for pair in items for each in (pair.one, pair.other)}
    note(platform, who, "linkage-pairs", ZONE, subjects=subjects, detail={"listed": len(items)})
    return {
        "items": [pair_as_json(pair) for pair in items],
        "next": f"{page[-1].weight!r}:{page[-1].pair}" if len(found) > ask.limit else None,
        "counts": counts,
        "run": {"id": last.run, "time": instant(last.time), **last.counts} if last else None,
    }


def show_pair(platform: Platform, who: Principal, pair: str) -> Json:
    """One pair with both patients side by side, each trait's agreement and bits, and its history.

    raises  AccessError, also where a restriction or a consent keeps one of the two from `who`; NotFound
    """
    admit(platform, who, "link", ZONE, operation="linkage-pair")
    admit(platform, who, "read", ZONE, "Patient", operation="linkage-pair")
    store = platform.store(ZONE)
    kept, steps = _found(platform, who, store, pair)
    subjects = [store.pseudonym(kept.one), store.pseudonym(kept.other)]
    require_known(platform, who, ZONE, subjects)
    patients = _patients(store, kept)
    note(platform, who, "linkage-pair", ZONE, subjects=subjects, detail={"pair": pair})
    return _shown(kept, steps, patients)


def decide(platform: Platform, who: Principal, pair: str, action: Action, reason: str = "") -> Json:
    """Accepts or rejects a pair, or takes its last decision back; Patient.link and an undone merge follow at once.

    reason   what the person says about it, sealed under both patients' key
    returns  the pair, as `show_pair` does without the patients
    raises   AccessError; NotFound; InputError if the reason is too long; Conflict if there is nothing to change
    """
    admit(platform, who, "decide", ZONE, operation=f"linkage-{action}")
    if len(reason) > LONGEST_REASON:
        raise InputError(f"a reason has at most {LONGEST_REASON} characters", "Say it shorter.")
    store = platform.store(ZONE)
    known, steps = _found(platform, who, store, pair)
    subjects = [store.pseudonym(known.one), store.pseudonym(known.other)]
    require_known(platform, who, ZONE, subjects)
    missing = {known.one, known.other} - _patients(store, known).keys()
    if missing and action == "accept":
        raise Conflict("one of the two patients is not here any more", "Run the linkage again.")
    change = undone(known, steps, who.name) if action == "undo" else decided(known, action, who.name)
    detail = {"pair": pair, "action": action, "to": change.after.state}
    made = event(platform, who, f"linkage-{action}", ZONE, action="update", subjects=subjects, detail=detail)
    with store.linkage() as reader:
        before = _group_of_pair(reader, known)
    with store.transaction(made) as step:
        if step.linkage.reader.find(pair) != known:
            raise Conflict("somebody else changed this pair just now", "Look at it again before deciding.")
        step.linkage.keep([change.after])
        step.linkage.note(known, change.after, action=change.action, actor=who.name, reason=reason)
        if known.origin == "feed" and change.after.state != "linked":
            _unmerge(store, step, change)
        groups = {step.linkage.reader.group(each) for each in before}
        relink(platform, step, sorted(groups), Cause(who, f"linkage {action}"))
    kept, steps = _found(platform, who, store, pair)
    return pair_as_json(kept) | {"history": [_step(one) for one in steps]}


def let_go(platform: Platform, who: Principal, patient: str) -> int:
    """Takes a patient, who is to be erased, out of the links of all others; returns how many Patients changed."""
    store = platform.store(ZONE)
    with store.linkage() as reader:
        others = sorted(set(reader.group(patient)) - {patient})
        pairs = [pair for pair in reader.of_patients(others) if patient not in (pair.one, pair.other)]
    if not others:
        return 0
    groups = groups_of(pairs)
    with store.transaction(event(platform, who, "linkage", ZONE, action="update")) as step:
        return relink(platform, step, sorted({groups.get(each, (each,)) for each in others}), Cause(who, "erasure"))


def _found(platform: Platform, who: Principal, store: ZoneStore, pair: str) -> tuple[KeptPair, list[Step]]:
    try:
        with store.linkage() as reader:
            return reader.find(pair), reader.steps(pair)
    except NotFound:
        note(platform, who, "linkage-pair", ZONE, outcome="failed", detail={"code": NotFound.code})
        raise


def _group_of_pair(reader: PairReader, pair: KeptPair) -> set[str]:
    """Everybody who is one person with either of the two, before the decision."""
    return {*reader.group(pair.one), *reader.group(pair.other)}


def _unmerge(store: ZoneStore, step: Transaction, change: Change) -> None:
    """Takes a merge of the feed back: the merged Patient is as before it, and the other replaces nobody."""
    both = {change.after.one, change.after.other}
    for name, stored in store.read_named("Patient", both).items():
        if stored.deleted:
            continue
        patient = stored.resource()
        (other,) = both - {name}
        if merged_into(patient) == other:
            write_patient(step, _before_merge(store, name, other) or _revived(patient, other))
        else:
            write_patient(step, _without_link(patient, other))


def _before_merge(store: ZoneStore, patient: str, target: str) -> Resource | None:
    """The newest version of the Patient that was not merged; None if there is none."""
    for stored in store.history("Patient", patient):
        if not stored.deleted and merged_into(stored.resource()) != target:
            return stored.resource()
    return None


def _revived(patient: Resource, other: str) -> Resource:
    return _without_link(patient, other) | {"active": True}


def _without_link(patient: Resource, other: str) -> Resource:
    links = [link for link in patient.get("link", ()) if link.get("other", {}).get("reference") != f"Patient/{other}"]
    rest = {name: value for name, value in patient.items() if name != "link"}
    return rest | {"link": links} if links else rest


def _patients(store: ZoneStore, pair: KeptPair) -> dict[str, Resource]:
    found = store.read_named("Patient", (pair.one, pair.other))
    return {name: one.resource() for name, one in found.items() if not one.deleted}


def pair_as_json(pair: KeptPair) -> Json:
    """A pair without a value of either patient: ids, state, score, and each trait's level, words and bits."""
    words = cautions_in_words()
    return {
        "pair": pair.pair,
        "patients": [f"Patient/{pair.one}", f"Patient/{pair.other}"],
        "state": pair.state,
        "origin": pair.origin,
        "probability": pair.probability,
        "weight": pair.weight,
        "reasons": [_reason(trait, level, bits) for trait, level, bits in pair.reasons],
        "cautions": [{"name": name, "words": words.get(name, name)} for name in pair.cautions],
        "run": pair.run,
        "updated": instant(pair.updated) if pair.updated else "",
    }


def cautions_in_words() -> dict[str, str]:
    """Name of a caution -> what it says."""
    return {one.name: one.words for one in default_model().cautions} | _OTHER_CAUTIONS


def _reason(trait: str, level: str, bits: float) -> Json:
    comparisons = {one.name: one for one in default_model().comparisons}
    one = comparisons.get(trait)
    levels = {each.name: each.words for each in one.levels} if one else {}
    words = levels.get(level, f"{one.words if one else trait} not known of both")
    return {"trait": trait, "level": level, "words": words, "bits": bits}


def _shown(pair: KeptPair, steps: Iterable[Step], patients: Mapping[str, Resource]) -> Json:
    shown = pair_as_json(pair)
    sides = [patients.get(pair.one, {}), patients.get(pair.other, {})]
    levels = {reason["trait"]: reason for reason in shown["reasons"]}
    rows = []
    for trait, title, reader in _SIDES:
        reason = levels.get(trait)
        values = [reader(side) for side in sides]
        agreement = _agreement(reason) if reason else _equal(values)
        rows.append({"trait": trait, "title": title, "agreement": agreement, "values": values})
    return shown | {"sides": rows, "history": [_step(one) for one in steps]}


def _agreement(reason: Mapping[str, Any]) -> str:
    if reason["level"] == UNKNOWN:
        return "unknown"
    return "different" if reason["level"] == "different" else "same" if reason["level"] == "same" else "similar"


def _equal(values: list[list[str]]) -> str:
    if not all(values):
        return "unknown"
    return "same" if values[0] == values[1] else "different"


def _step(step: Step) -> Json:
    return {
        "action": step.action,
        "actor": step.actor,
        "time": instant(step.time),
        "before": step.before[0],
        "after": step.after[0],
        "reason": step.reason,
    }


def _place(cursor: str) -> tuple[float, str] | None:
    if not cursor:
        return None
    weight, _, pair = cursor.partition(":")
    try:
        return float(weight), pair
    except ValueError:
        raise InputError("the cursor is none that a page gave", "Begin with the first page.") from None


def _objects(patient: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = patient.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _given(patient: Mapping[str, Any]) -> list[str]:
    return [" ".join(map(str, name.get("given", ()))) for name in _objects(patient, "name") if name.get("given")]


def _family(patient: Mapping[str, Any]) -> list[str]:
    return [str(name["family"]) for name in _objects(patient, "name") if name.get("family")]


def _suffix(patient: Mapping[str, Any]) -> list[str]:
    return [" ".join(map(str, name["suffix"])) for name in _objects(patient, "name") if name.get("suffix")]


def _single(name: str) -> Any:
    return lambda patient: [str(patient[name])] if patient.get(name) else []


def _numbers(patient: Mapping[str, Any]) -> list[str]:
    return [f"{one['value']} ({one.get('system', 'no system')})" for one in _objects(patient, "identifier")
            if one.get("value")]  # fmt: skip


def _residence(patient: Mapping[str, Any]) -> list[str]:
    found = []
    for one in _objects(patient, "address"):
        parts = [*map(str, one.get("line", ())), one.get("city"), one.get("state"), one.get("postalCode")]
        found.append(", ".join(str(part) for part in parts if part))
    return [*found, *(str(one["value"]) for one in _objects(patient, "telecom") if one.get("value"))]


_SIDES: tuple[tuple[str, str, Any], ...] = (
    ("given", "Given names", _given),
    ("family", "Family name", _family),
    ("generation", "Suffix", _suffix),
    ("birth", "Birth date", _single("birthDate")),
    ("sex", "Sex", _single("gender")),
    ("number", "Identifiers", _numbers),
    ("residence", "Address and telephone", _residence),
)

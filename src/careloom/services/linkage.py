"""Linkage: finds patients who are one person, keeps the pairs with their reasons, and writes Patient.link.

The patients are opened into memory and nowhere else (docs/adr/0009). A first run learns the model from all of them;
later ones compare new and changed patients with all others under that model, until `full` is asked for or the model
changed. Merges and links that a feed has sent (HL7 v2 A40 and A24) are pairs too, decided by the feed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeVar

import orjson

from careloom.quality.linkage import Linkage, link
from careloom.quality.linkage_clusters import clusters
from careloom.quality.linkage_model import Model, default_model
from careloom.quality.linkage_traits import Traits, traits_of
from careloom.runtime import packaged
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.linkage_links import Cause, Links, joined_with, links_of, merged_into, relink
from careloom.services.linkage_states import GROUP, Change, found_again, groups_of, kept_of, merged, unmerged
from careloom.services.platform import Platform
from careloom.store.audit_log import microseconds
from careloom.store.linkage import KeptPair, Run, pair_name
from careloom.store.zone_store import Zone, ZoneStore

Watch = Callable[[int, int], None]
ZONE: Zone = "identified"
T = TypeVar("T")
_AT_ONCE = 500
Json = dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """What one look through all Patients found.

    links    our links that a Patient carries, where it carries any
    merges   (Patient, another whom the feed says to be the same person)
    """

    traits: list[Traits] = field(default_factory=list)
    links: dict[str, Links] = field(default_factory=dict)
    merges: set[tuple[str, str]] = field(default_factory=set)
    marks: dict[str, bytes] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)
    watermark: int = 0


def run(platform: Platform, who: Principal, *, full: bool = False, watch: Watch | None = None) -> Json:
    """Finds the pairs, decides those that are sure, and writes the links.

    full     learn anew and compare everybody, also where only some patients are new
    watch    (steps done, steps in all)
    returns  ``run``, ``kind`` (full or fresh), ``patients``, ``compared``, ``crowds`` (keys that too many patients
             share), ``pairs`` (by state), ``changed`` (action -> count), ``linked_patients``
    raises   AccessError; SetupError if the patients do not fit into memory
    """
    admit(platform, who, "link", ZONE, operation="linkage")
    store = platform.store(ZONE)
    with store.linkage() as reader:
        known = {pair.pair: pair for pair in reader.all()}
        last = reader.newest_run()
    model = None if full or last is None else _restored(last.model)
    seen = _seen(store, last.watermark if model is not None and last is not None else -1)
    linkage = link(
        seen.traits,
        model=model,
        fresh=None if model is None else seen.fresh,
        memory_bytes=platform.settings.linkage.memory_bytes,
        watch=watch,
    )
    run_id = platform.run_id()
    changes, gone = _changes(store, seen, known, linkage, run_id, is_full=model is None)
    linked = _write(platform, who, seen, known, changes, gone)
    counted = _counted(changes, gone)
    report = {
        "run": run_id,
        "kind": "full" if model is None else "fresh",
        "patients": len(seen.traits),
        "compared": linkage.compared,
        "crowds": linkage.crowds,
        "changed": counted,
        "linked_patients": linked,
    }
    kept = Run(run_id, platform.runtime.now(), str(report["kind"]), seen.watermark, report, _as_json(linkage.model))
    detail = {name: report[name] for name in ("run", "kind", "patients", "compared", "linked_patients")} | counted
    with store.transaction(event(platform, who, "linkage", ZONE, action="update", detail=detail)) as step:
        step.linkage.keep_run(kept)
    with store.linkage() as reader:
        return report | {"pairs": reader.counts()}


def mark_of(store: ZoneStore, traits: Traits) -> bytes:
    """What stands for the traits of a patient: it changes when they do, and tells nothing of them."""
    return store.keys.content_hash(orjson.dumps(astuple(traits)))[:8]


def _seen(store: ZoneStore, watermark: int) -> _Seen:
    """Looks through all Patients; those newer than the watermark are fresh. Merged ones are not compared."""
    seen = _Seen(watermark=max(watermark, 0))
    for stored in store.scan(["Patient"]):
        patient = stored.resource()
        ours = links_of(patient)
        seen.merges |= {(stored.id, other) for other in joined_with(patient) if other != stored.id}
        if ours:
            seen.links[stored.id] = ours
        traits = traits_of(patient)
        seen.marks[stored.id] = mark_of(store, traits)
        updated = microseconds(stored.last_updated)
        seen.watermark = max(seen.watermark, updated)
        if merged_into(patient):
            continue
        seen.traits.append(traits)
        if updated > watermark:
            seen.fresh.add(stored.id)
    return seen


def _changes(
    store: ZoneStore, seen: _Seen, known: Mapping[str, KeptPair], linkage: Linkage, run_id: str, *, is_full: bool
) -> tuple[dict[str, Change], list[KeptPair]]:
    """(pair -> what becomes of it, pairs that are no longer found)."""
    changes: dict[str, Change] = {}
    found_pairs: dict[str, KeptPair] = {}
    for pair in linkage.pairs:
        name = pair_name(store.keys, pair.left, pair.right)
        found = kept_of(pair, name, seen.marks[pair.left] + seen.marks[pair.right], run_id)
        found_pairs[name] = found
        changes[name] = found_again(known.get(name), found)
    merges = {(min(edge), max(edge)) for edge in seen.merges}
    for one, other in sorted(merges):
        if one in seen.marks and other in seen.marks:
            name = pair_name(store.keys, one, other)
            bare = KeptPair(name, one, other, "linked", "feed", 0.0, 1.0, (), (), b"", run_id)
            merge = replace(found_pairs.get(name, bare), state="linked", origin="feed")
            change = merged(known.get(name), merge)
            if change is not None:
                changes[name] = change
    gone = []
    for name, kept in known.items():
        is_here = kept.one in seen.marks and kept.other in seen.marks
        is_compared = is_full or kept.one in seen.fresh or kept.other in seen.fresh
        if not is_here or (kept.origin == "model" and name not in changes and is_compared):
            gone.append(kept)
        elif kept.origin == "feed" and kept.state == "linked" and (kept.one, kept.other) not in merges:
            changes[name] = unmerged(kept, found_pairs.get(name))
    _part_conflicts(seen, known, changes, {pair.pair for pair in gone})
    return changes, gone


def _part_conflicts(seen: _Seen, known: Mapping[str, KeptPair], changes: dict[str, Change], gone: set[str]) -> None:
    """Puts to review what the model links but would join patients who cannot be one person."""
    pairs = {name: pair for name, pair in known.items() if name not in gone}
    pairs |= {name: change.after for name, change in changes.items()}
    linked = [pair for pair in pairs.values() if pair.state == "linked"]
    strongest = sorted((p for p in linked if p.origin == "model"), key=lambda p: (-p.weight, p.one, p.other))
    found = clusters(
        [(pair.one, pair.other) for pair in linked if pair.origin != "model"],
        [(pair.one, pair.other) for pair in strongest],
        [(pair.one, pair.other) for pair in pairs.values() if pair.state == "rejected"],
        {one.id: one for one in seen.traits},
    )
    for pair in strongest:
        if (pair.one, pair.other) in found.conflicts:
            before = known.get(pair.pair)
            after = replace(pair, state="review", cautions=(*pair.cautions, GROUP))
            was_linked = before is not None and before.state == "linked"
            changes[pair.pair] = Change(before, after, "withdraw" if was_linked else "")


def _write(
    platform: Platform,
    who: Principal,
    seen: _Seen,
    known: Mapping[str, KeptPair],
    changes: Mapping[str, Change],
    gone: Sequence[KeptPair],
) -> int:
    """Keeps the pairs in steps, then writes the links that differ; returns how many Patients changed."""
    store = platform.store(ZONE)
    pairs = dict(known) | {name: one.after for name, one in changes.items()}
    for pair in gone:
        del pairs[pair.pair]
    for some in _in_steps(sorted(changes)):
        named = [changes[name] for name in some]
        with store.transaction(_event(platform, who, store, [one.after for one in named if one.action])) as step:
            step.linkage.keep([one.after for one in named])
            for one in named:
                if one.action:
                    step.linkage.note(one.before, one.after, action=one.action, actor=one.actor)
    for lost in _in_steps(gone):
        with store.transaction(_event(platform, who, store, lost)) as step:
            step.linkage.forget([pair.pair for pair in lost])
    groups = groups_of(pairs.values())
    touched = {each for group in groups.values() for each in group} | seen.links.keys()
    wanted = sorted({groups.get(each, (each,)) for each in touched if each in seen.marks})
    changed = 0
    for some_groups in _in_steps(wanted):
        with store.transaction(event(platform, who, "linkage", ZONE, action="update")) as step:
            changed += relink(platform, step, some_groups, Cause(who, "linkage run"))
    return changed


def _in_steps(listed: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one transaction takes."""
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))


def _event(platform: Platform, who: Principal, store: ZoneStore, pairs: Iterable[KeptPair]) -> Any:
    listed = list(pairs)
    subjects = {store.pseudonym(each) for pair in listed for each in (pair.one, pair.other)}
    return event(platform, who, "linkage", ZONE, action="update", subjects=subjects, detail={"pairs": len(listed)})


def _counted(changes: Mapping[str, Change], gone: Sequence[KeptPair]) -> dict[str, int]:
    counted = {"new": sum(one.before is None for one in changes.values()), "gone": len(gone)}
    for one in changes.values():
        if one.action:
            counted[one.action] = counted.get(one.action, 0) + 1
    return counted


def _shape() -> str:
    """Tells one model file from another: values that were trained for one do not fit the other."""
    return blake2b(packaged("quality", "linkage/model.toml"), digest_size=8).hexdigest()


def _as_json(model: Model) -> Json:
    values = {one.name: [[level.m, level.u] for level in one.levels] for one in model.comparisons}
    return {"shape": _shape(), "partners": model.partners, "values": values}


def _restored(read: Mapping[str, Any]) -> Model | None:
    if read.get("shape") != _shape():
        return None
    values = {name: [(m, u) for m, u in levels] for name, levels in read["values"].items()}
    return default_model().replaced(values, float(read["partners"]))

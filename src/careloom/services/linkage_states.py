"""What becomes of a pair when a run finds it again, a feed merges it, or a person decides: pure rules, no store.

A person's word stands above the model's and the feed's. A rejected pair comes back only when what the two were compared
by has changed, and then to a person: it is never linked by itself, in that run or a later one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from careloom.errors import Conflict
from careloom.store.linkage import KeptPair, Origin, State, Step

if TYPE_CHECKING:
    from careloom.quality.linkage import Pair

GROUP = "group"
"""Caution of a pair that would join patients who cannot be one person."""
MERGE_GONE = "merge-gone"
"""Caution of a pair that the feed had merged and does not any more."""


@dataclass(frozen=True, slots=True)
class Change:
    """A pair as it was (None: not known) and as it is; `action` for its history, "" if that is not worth a line."""

    before: KeptPair | None
    after: KeptPair
    action: str
    actor: str = "model"


def found_again(known: KeptPair | None, found: KeptPair) -> Change:
    """A pair that the model finds: `found` has the model's state, score, reasons and marks."""
    if known is None:
        return Change(None, found, "link" if found.state == "linked" else "")
    has_changed = known.marks != found.marks
    scored = replace(found, state=known.state, origin=known.origin)
    if known.state == "linked" and known.origin != "model":
        return Change(known, scored, "")
    if known.state == "rejected" or known.origin != "model":
        if not has_changed:
            return Change(known, known, "")
        return Change(known, replace(found, state="review", origin=known.origin), "reopen")
    action = {("review", "linked"): "link", ("linked", "review"): "withdraw"}.get((known.state, found.state), "")
    return Change(known, found, action)


def merged(known: KeptPair | None, merge: KeptPair) -> Change | None:
    """A pair that the feed says is one patient; None if that is known."""
    if known is not None and known.state == "linked" and known.origin in ("feed", "person"):
        return None
    after = merge if known is None else replace(known, state="linked", origin="feed")
    return Change(known, after, "merge", "feed")


def unmerged(known: KeptPair, found: KeptPair | None = None) -> Change:
    """A pair that the feed had merged and does not any more: a person looks at it.

    found  the same pair as the model sees it now, if it does
    """
    seen = found or known
    cautions = (*(one for one in seen.cautions if one != MERGE_GONE), MERGE_GONE)
    after = replace(seen, state="review", origin="feed", cautions=cautions)
    return Change(known, after, "unmerge", "feed")


def decided(known: KeptPair, action: str, actor: str) -> Change:
    """A pair that a person accepts or rejects. raises Conflict if that is what it is already, by a person's word."""
    state: State = "linked" if action == "accept" else "rejected"
    if known.state == state and known.origin == "person":
        raise Conflict(f"the pair is {state} already", "Undo it first, to decide anew.")
    return Change(known, replace(known, state=state, origin="person"), action, actor)


def undone(known: KeptPair, steps: Iterable[Step], actor: str) -> Change:
    """A pair as it was before its last decision.

    A decision of a person goes back to the state before it; a link of the model or of a feed goes back to review, where
    it stays until a person decides or the patients change.

    raises  Conflict if nothing was decided
    """
    standing: list[Step] = []
    for step in steps:
        if step.action == "undo":
            standing = standing[:-1]
        elif step.action != "unmerge":
            standing.append(step)
    last = standing[-1] if standing else None
    if last is not None and last.action in ("accept", "reject") and last.before[0]:
        state, origin = last.before
        back: tuple[State, Origin] = (state, origin)  # type: ignore[assignment]
        return Change(known, replace(known, state=back[0], origin=back[1]), "undo", actor)
    if known.state != "linked":
        raise Conflict("nothing was decided about this pair", "Accept or reject it.")
    return Change(known, replace(known, state="review", origin="person"), "undo", actor)


def kept_of(pair: "Pair", name: str, marks: bytes, run: str) -> KeptPair:
    """A pair of the model as the store keeps it."""
    return KeptPair(
        name,
        pair.left,
        pair.right,
        "linked" if pair.decision == "link" else "review",
        "model",
        pair.weight,
        pair.probability,
        tuple((reason.trait, reason.level, reason.bits) for reason in pair.reasons),
        pair.cautions,
        marks,
        run,
    )


def groups_of(pairs: Iterable[KeptPair]) -> dict[str, tuple[str, ...]]:
    """Patient -> the patients whom linked pairs make one person with them, sorted; only those who are in a pair."""
    groups: dict[str, set[str]] = {}
    for pair in pairs:
        if pair.state == "linked":
            joined = groups.get(pair.one, {pair.one}) | groups.get(pair.other, {pair.other})
            groups |= dict.fromkeys(joined, joined)
    shared: Mapping[int, tuple[str, ...]] = {id(group): tuple(sorted(group)) for group in groups.values()}
    return {patient: shared[id(group)] for patient, group in groups.items()}

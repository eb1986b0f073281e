"""What one FHIR Consent says about one ask: permit, deny or nothing. Pure.

Whatever is not understood counts both ways, as met and as not met, and where one of them denies, the answer is deny: so
nothing that this module does not know can open what a patient closed.

source  FHIR R4 (4.0.1) Consent: a provision nested in another is an exception to it; ``provision.type`` of the root is
        read where it stands, else ``policyRule`` says what holds. docs/reference/consent.md says what is honoured
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from careloom.fhir.drafts import Resource
from careloom.fhir.search_values import time_span
from careloom.services.purposes import SYSTEM as PURPOSES
from careloom.services.purposes import is_kind_of, lineage

Ruling = Literal["permit", "deny"]
Match = Literal["yes", "no", "unknown"]
Json = dict[str, Any]

ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"
KNOWN_ACTIONS = frozenset({"collect", "access", "use", "disclose", "correct"})
POLICY: dict[str, Ruling] = {"OPTIN": "permit", "OPTINR": "permit", "OPTOUT": "deny", "OPTOUTE": "deny"}
"""What ``policyRule`` says by itself: HL7 v3 ActConsentDirective (v3-ActCode)."""
NOT_OF_INFORMATION = frozenset({"treatment", "adr"})
"""Scopes of consents to be treated, and of what to do when one cannot say: they withhold no information."""
RECIPIENTS = frozenset({"IRCP", "PRCP", "TRC", "CST"})
"""Roles of an actor under which its data is meant to be, or not to be, seen by it."""
LEVELS = ("U", "L", "M", "N", "R", "V")
"""Confidentiality, the least first: a denial of one level is one of all above it."""
DEEPEST, MOST_PROVISIONS = 16, 1000
_OF_CONTENT = ("securityLabel", "class", "code", "dataPeriod", "data")
_KNOWN = frozenset({"id", "extension", "type", "period", "actor", "action", "purpose", "provision", *_OF_CONTENT})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a patient's resources.

    actors   references of who asks, ``Practitioner/<stored id>`` and the like
    purpose  HL7 v3 PurposeOfUse code
    actions  what is done, as codes of consentaction: a permit has to allow all of them, a denial of one denies
    at       UTC-aware
    """

    actors: frozenset[str]
    purpose: str
    actions: frozenset[str]
    at: datetime


def ruling(consent: Resource, asked: Asked, resource: Resource) -> Ruling | None:
    """What a Consent rules about a resource of its patient; None where it says nothing."""
    if not _is_in_force(consent, asked):
        return None
    base, root = _policy(consent), consent.get("provision", {})
    if not isinstance(root, dict):
        return "deny"
    if _period(root, asked.at) == "no":
        return None
    met = _match(root, asked, resource)
    if met == "no":
        return base
    possible: set[Ruling | None] = {*_possible(root, _own(root, base), asked, resource)}
    possible |= {base} if met == "unknown" else set()
    return "deny" if "deny" in possible else "permit" if possible == {"permit"} else None


def depends_on_content(consent: Resource, asked: Asked) -> bool:
    """True where the ruling may differ from one resource of the patient to another."""
    if not _is_in_force(consent, asked):
        return False
    root = consent.get("provision")
    return isinstance(root, dict) and any(name in node for node in _reached(root, asked) for name in _OF_CONTENT)


def tamed(consent: Resource) -> Resource:
    """The Consent, or one that denies everything where its provisions are deeper, or more, than anybody means."""
    todo: list[tuple[Any, int]] = [(consent.get("provision"), 1)]
    seen = 0
    while todo:
        node, depth = todo.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST_PROVISIONS:
            return {**consent, "provision": {"type": "deny"}}
        if isinstance(node, dict):
            todo += [(child, depth + 1) for child in _listed(node, "provision") or []]
    return consent


def next_turn(consents: Iterable[Resource], at: datetime) -> datetime:
    """The first moment after `at` at which a ruling of any of these may change; at most an hour away."""
    now = at.timestamp()
    found = (
        bounds for one in consents for node in _nodes(one.get("provision")) if (bounds := _bounds(node.get("period")))
    )
    soonest = min((turn for bounds in found for turn in bounds if turn > now), default=math.inf)
    return min(at + timedelta(hours=1), datetime.fromtimestamp(min(soonest, now + 7200), at.tzinfo))


def _is_in_force(consent: Resource, asked: Asked) -> bool:
    if consent.get("status") != "active":
        return False
    scopes = {_word(one, "code") for one in _codings(consent.get("scope"))}
    if scopes and scopes <= NOT_OF_INFORMATION:
        return False
    return scopes != {"research"} or is_kind_of(asked.purpose, {"HRESCH"})


def _policy(consent: Resource) -> Ruling | None:
    """The base policy, to which the provision is an exception; None where no rule is known."""
    named = [one for one in _codings(consent.get("policyRule")) if one.get("system") == ACT_CODES]
    rules = {POLICY[str(one.get("code"))] for one in named if str(one.get("code")) in POLICY}
    return "deny" if "deny" in rules else "permit" if rules else None


def _own(root: Json, base: Ruling | None) -> Ruling:
    """What the root provision rules where it is met and no nested one says else; a denial where nobody can tell.

    Without a type, a root with conditions is an exception to the base policy, so that it takes away what that permits;
    one without conditions leaves the base policy as it is.
    """
    if "type" in root:
        return "permit" if root["type"] == "permit" else "deny"
    is_bare = root.keys() <= {"id", "extension", "period", "provision"}
    return "permit" if is_bare and base == "permit" else "deny"


def _possible(node: Json, own: Ruling, asked: Asked, resource: Resource) -> set[Ruling]:
    """Everything that a provision may rule, given what is not known of its exceptions; a denial among them wins."""
    states: set[Ruling | None] = {None}
    for child in _children(node):
        met = _match(child, asked, resource)
        if met == "no":
            continue
        kind: Ruling = "permit" if child.get("type") == "permit" else "deny"
        said: set[Ruling | None] = {*_possible(child, kind, asked, resource)}
        said |= {None} if met == "unknown" else set()
        states = {_stricter(one, other) for one in states for other in said}
    return {own if state is None else state for state in states}


def _stricter(one: Ruling | None, other: Ruling | None) -> Ruling | None:
    if "deny" in (one, other):
        return "deny"
    return one if other is None else other


def _match(node: Json, asked: Asked, resource: Resource) -> Match:
    """Whether all conditions of a provision are met."""
    found: list[Match] = [_period(node, asked.at), _actor(node, asked), _action(node, asked), _purpose(node, asked)]
    found += [_class(node, resource), _code(node, resource), _label(node, resource), _data(node, resource)]
    if "dataPeriod" in node or not node.keys() <= _KNOWN:
        found.append("unknown")
    return "no" if "no" in found else "unknown" if "unknown" in found else "yes"


def _reached(node: Json, asked: Asked) -> Iterator[Json]:
    """The provisions that may apply to what is asked, whatever the content."""
    if "no" in (_period(node, asked.at), _actor(node, asked), _action(node, asked), _purpose(node, asked)):
        return
    yield node
    for child in _children(node):
        yield from _reached(child, asked)


def _any(matches: Iterable[Match]) -> Match:
    found = set(matches)
    return "yes" if "yes" in found else "unknown" if "unknown" in found else "no"


def _listed(node: Json, name: str) -> list[Any] | None:
    """The values of a list; None where there is no condition."""
    value = node.get(name)
    return None if value is None else value if isinstance(value, list) else [value]


def _period(node: Json, at: datetime) -> Match:
    period = node.get("period")
    if period is None:
        return "yes"
    bounds = _bounds(period)
    if bounds is None:
        return "unknown"
    return "yes" if bounds[0] <= at.timestamp() < bounds[1] else "no"


def _bounds(period: Any) -> tuple[float, float] | None:
    """From when until when, in seconds since 1970; None for what is no period. Days without an offset are UTC's."""
    if not isinstance(period, dict) or not period.keys() <= {"id", "extension", "start", "end"}:
        return None
    spans = [time_span(period[name]) if isinstance(period.get(name), str) else None for name in ("start", "end")]
    if any(span is None and name in period for name, span in zip(("start", "end"), spans, strict=True)):
        return None
    first, last = spans
    return -math.inf if first is None else first[0] / 1000, math.inf if last is None else last[1] / 1000


def _actor(node: Json, asked: Asked) -> Match:
    actors = _listed(node, "actor")
    return "yes" if actors is None else _any(_one_actor(one, asked.actors) for one in actors)


def _one_actor(actor: Any, who: frozenset[str]) -> Match:
    reference = actor.get("reference") if isinstance(actor, dict) else None
    name = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(name, str) or name.count("/") != 1 or ":" in name:
        return "unknown"
    kind = name.partition("/")[0]
    if name not in who:
        return "no" if any(one.startswith(kind + "/") for one in who) else "unknown"
    return "yes" if {_word(one, "code") for one in _codings(actor.get("role"))} <= RECIPIENTS else "unknown"


def _action(node: Json, asked: Asked) -> Match:
    actions = _listed(node, "action")
    if actions is None:
        return "yes"
    codes = {_word(one, "code") for concept in actions for one in _codings(concept) if one.get("system") == ACTIONS}
    is_known = all(_codings(concept) for concept in actions) and codes <= KNOWN_ACTIONS and bool(codes)
    met = codes & asked.actions
    if met and node.get("type") != "permit":
        return "yes"
    if met == asked.actions:
        return "yes"
    return "no" if is_known else "unknown"


def _purpose(node: Json, asked: Asked) -> Match:
    purposes = _listed(node, "purpose")
    return "yes" if purposes is None else _any(_one_purpose(one, asked.purpose) for one in purposes)


def _one_purpose(coding: Any, purpose: str) -> Match:
    code = coding.get("code") if isinstance(coding, dict) and coding.get("system") == PURPOSES else None
    if not isinstance(code, str) or not lineage(code):
        return "unknown"
    if code in lineage(purpose):
        return "yes"
    return "unknown" if purpose in lineage(code) else "no"


def _class(node: Json, resource: Resource) -> Match:
    classes = _listed(node, "class")
    if classes is None:
        return "yes"
    kind = resource.get("resourceType")
    return _any(_named(one, RESOURCE_TYPES, kind) for one in classes)


def _named(coding: Any, system: str, code: Any) -> Match:
    if not isinstance(coding, dict) or coding.get("system") != system or not isinstance(coding.get("code"), str):
        return "unknown"
    return "yes" if coding["code"] == code else "no"


def _code(node: Json, resource: Resource) -> Match:
    concepts = _listed(node, "code")
    if concepts is None:
        return "yes"
    has = {pair for value in resource.values() for pair in _pairs(value)}
    return _any(_one_concept(one, has, resource) for one in concepts)


def _one_concept(concept: Any, has: set[tuple[Any, Any]], resource: Resource) -> Match:
    wanted = set(_pairs(concept))
    if not wanted:
        return "unknown"
    if wanted & has:
        return "yes"
    return "unknown" if "medicationReference" in resource else "no"


def _label(node: Json, resource: Resource) -> Match:
    labels = _listed(node, "securityLabel")
    if labels is None:
        return "yes"
    meta = resource.get("meta")
    has = set(_pairs(meta.get("security"))) if isinstance(meta, dict) else set()
    return _any(_one_label(one, has, is_denied=node.get("type") != "permit") for one in labels)


def _one_label(label: Any, has: set[tuple[Any, Any]], *, is_denied: bool) -> Match:
    pairs = set(_pairs(label))
    if not pairs:
        return "unknown"
    ((system, code),) = pairs
    if is_denied and system == CONFIDENTIALITY and code in LEVELS:
        pairs = {(system, level) for level in LEVELS[LEVELS.index(code) :]}
    return "yes" if pairs & has else "no"


def _data(node: Json, resource: Resource) -> Match:
    data = _listed(node, "data")
    return "yes" if data is None else _any(_one_instance(one, resource) for one in data)


def _one_instance(one: Any, resource: Resource) -> Match:
    reference = one.get("reference") if isinstance(one, dict) else None
    name = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(name, str) or name.count("/") != 1 or ":" in name:
        return "unknown"
    if name == f"{resource.get('resourceType')}/{resource.get('id')}":
        return "yes"
    return "no" if one.get("meaning") == "instance" else "unknown"


def _children(node: Json) -> list[Json]:
    return [one if isinstance(one, dict) else {"?": one} for one in _listed(node, "provision") or []]


def _nodes(root: Any) -> Iterator[Json]:
    if isinstance(root, dict):
        yield root
        for child in _children(root):
            yield from _nodes(child)


def _codings(concept: Any) -> list[Json]:
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return [one for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []


def _word(coding: Json, name: str) -> str:
    """A member that is a text, empty where it is none."""
    value = coding.get(name)
    return value if isinstance(value, str) else ""


def _pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    """(system, code) of the codings of a concept, of a coding, or of a list of either."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            for coding in [*_codings(one), *([one] if isinstance(one.get("code"), str) else [])]:
                if isinstance(coding.get("code"), str):
                    yield _word(coding, "system"), coding["code"]

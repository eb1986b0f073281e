"""The body of a document: each section's narrative kept, each entry converted by what its template says that it is.

An entry without a known template is converted by its kind and the section it stands in; one that cannot be converted is
counted and stays in the narrative and in the document. One that is broken costs no other entry.
"""

from collections.abc import Callable

from careloom.ingest import (
    ccda_care,
    ccda_conditions,
    ccda_medications,
    ccda_observations,
    ccda_procedures,
    ccda_vitals,
)
from careloom.ingest.ccda_act import Act, SectionContext, is_comment, statement_of, unread_of
from careloom.ingest.ccda_build import Build, Part, Reference
from careloom.ingest.ccda_codes import SectionRule, section_rules, templates
from careloom.ingest.ccda_narrative import narrative, text_of
from careloom.ingest.ccda_read import first, kids
from careloom.ingest.ccda_values import concept
from careloom.ingest.xml_read import Element

Handler = Callable[[Build, Act, SectionContext], list[Reference]]
_EMPTY = SectionRule("")
BROKEN = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError)
"""What a converter may trip over in one entry; the entry is then kept in the narrative only."""


def _health_concern(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Conditions and other entries that a health concern or risk is made of."""
    out: list[Reference] = []
    for _, inner in act.related():
        kind = _kind_of(inner)
        if kind == "problem":
            out.append(ccda_conditions.condition(build, inner, section, act, "health-concern"))
        elif kind not in ("reference", ""):
            out += _HANDLERS[kind](build, inner, section)
    return out


def _nothing(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """A reference to an entry that stands elsewhere."""
    del build, act, section
    return []


def _nested(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """What an intervention consists of."""
    out: list[Reference] = []
    for _, inner in act.related():
        out += convert_entry(build, inner, section, is_entry=False)
    return out


def _medication_supply(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    del section
    if act.mood == "EVN":
        return [ccda_medications.dispense(build, act, None, None)]
    return [ccda_medications.supply_order(build, act, None)]


def _result(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    return [ccda_observations.observation(build, act, section, category="laboratory")]


_HANDLERS: dict[str, Handler] = {
    "problem-concern": ccda_conditions.problem_concern,
    "health-concern": _health_concern,
    "problem": ccda_conditions.problem,
    "indication": ccda_conditions.problem,
    "allergy-concern": ccda_conditions.allergy_concern,
    "allergy": ccda_conditions.allergy_alone,
    "medication": ccda_medications.medication,
    "wrapped-medication": ccda_medications.wrapped_medication,
    "medication-supply": _medication_supply,
    "immunization": ccda_medications.immunization,
    "procedure": ccda_procedures.procedure,
    "procedure-observation": ccda_observations.procedure_observation,
    "result-organizer": ccda_observations.result_organizer,
    "result": _result,
    "vitals-organizer": ccda_vitals.vitals_organizer,
    "vital-sign": ccda_vitals.vital_sign,
    "social-history": ccda_observations.social_observation,
    "birth-sex": ccda_observations.birth_sex,
    "gender-identity": ccda_observations.gender_identity,
    "encounter": ccda_procedures.encounter,
    "family-history": ccda_care.family_history,
    "organizer": ccda_observations.organizer,
    "observation": ccda_observations.plain_observation,
    "goal": ccda_care.goal,
    "planned": ccda_procedures.planned,
    "supply": ccda_procedures.supply,
    "equipment-organizer": ccda_procedures.equipment_organizer,
    "intervention": _nested,
    "care-team": ccda_care.care_team,
    "coverage": ccda_care.coverage,
    "directive": ccda_care.directive,
    "directive-organizer": ccda_care.directive_organizer,
    "note": ccda_care.note_activity,
    "reference": _nothing,
}
"""What entries are called in maps/ccda_sections.toml -> what converts them."""


def _kind_of(act: Act) -> str:
    """What an entry is: by its most telling template, else by its kind and mood; empty where nobody knows."""
    known = templates()
    found = [kind for root in act.templates if (kind := known.get(root))]
    if found:
        kind = min(found, key=_telling)
        return "procedure" if kind == "procedure-observation" and act.name != "observation" else kind
    if act.name == "observation":
        if act.mood == "GOL":
            return "goal"
        return "observation" if act.mood == "EVN" else "planned"
    if act.name in ("procedure", "encounter", "supply"):
        return act.name
    if act.name == "substanceAdministration":
        return "medication"
    if act.name == "act" and act.mood in ("INT", "RQO", "PRMS", "PRP", "ARQ") and "code" in act.held:
        return "planned"
    return ""


def _telling(kind: str) -> tuple[int, str]:
    """The order in which several templates of one entry count: those that say more than that it is observed first."""
    return (2 if kind == "problem" else 1 if kind == "observation" else 0), kind


def _by_section(act: Act, section: SectionContext) -> str:
    """What entries without template are in sections that hold one kind."""
    match section.code, act.name:
        case ("30954-2", "organizer"):
            return "result-organizer"
        case ("8716-3", "organizer"):
            return "vitals-organizer"
        case ("11450-4", "act"):
            return "problem-concern"
        case ("48765-2", "act"):
            return "allergy-concern"
        case ("10157-6", "organizer"):
            return "family-history"
        case ("11369-6", "substanceAdministration"):
            return "immunization"
    return ""


def convert_entry(build: Build, act: Act, section: SectionContext, *, is_entry: bool = True) -> list[Reference]:
    """References to what one entry became, or a statement inside of one; an entry that is not mapped is counted."""
    known = templates().keys()
    kind = ""
    if known.isdisjoint(act.templates):
        kind = _by_section(act, section)
    kind = kind or _kind_of(act)
    if not kind:
        if is_entry and not is_comment(act):
            build.unmapped[build.place, act.name] += 1
        return []
    act.is_read = True
    try:
        return _HANDLERS[kind](build, act, section)
    except BROKEN:
        text = "the entry is not what its template asks for; it is kept in the narrative and the document only"
        build.issue("ccda.entry-broken", "", text, remedy="let the sender validate its documents against C-CDA R2.1")
        act.is_read = False
        return []


def sections_of(build: Build, body: Element, place: str, texts: list[tuple[str, str]]) -> list[Part]:
    """Composition.section of all sections of a body or section.

    place  of the body
    texts  gets (title, plain text) of each section in order
    """
    out: list[Part] = []
    for at, component in enumerate(kids(body).get("component", ()), 1):
        section = first(kids(component), "section")
        if section is not None:
            out.append(_section(build, section, f"{place}/component[{at}]/section", texts))
    return out


def _section(build: Build, element: Element, place: str, texts: list[tuple[str, str]]) -> Part:
    held = kids(element)
    out: Part = {}
    coded = first(held, "code")
    number = (coded.get("code") or "").strip() if coded is not None else ""
    rule = section_rules().get(number, _EMPTY)
    title = (
        text_of(build, first(held, "title"))
        or ((coded.get("displayName") or "").strip() if coded is not None else "")
        or rule.title
    )
    if title:
        out["title"] = title
    code = concept(build, coded)
    if code is not None:
        out["code"] = code
    out["text"], said = narrative(build, first(held, "text"), title)
    out["mode"] = "snapshot"
    texts.append((title, said))
    entries = _entries(build, held.get("entry", []), place, SectionContext(number, rule.medications))
    if entries:
        out["entry"] = entries
    parts = sections_of(build, element, place, texts)
    if parts:
        out["section"] = parts
    return out


def _entries(build: Build, entries: list[Element], place: str, section: SectionContext) -> list[Reference]:
    out: dict[str, Reference] = {}
    for at, entry in enumerate(entries, 1):
        act = statement_of(entry)
        build.place = f"{place}/entry[{at}]"
        if act is None:
            build.unmapped[build.place, "entry"] += 1
            continue
        for reference in convert_entry(build, act, section):
            out.setdefault(reference["reference"], dict(reference))
        if act.is_read and act.has_inner:
            _count_unread(build, act)
    build.place = ""
    _tell_unmapped(build, place)
    _tell_unread(build, place)
    return list(out.values())


def _count_unread(build: Build, act: Act) -> None:
    """Counts the statements inside of an entry that nobody read; a reference to an entry elsewhere says nothing."""
    found: list[Act] = []
    unread_of(act, found)
    for each in found:
        if _kind_of(each) != "reference":
            build.unread[each.name] += 1


def _tell_unmapped(build: Build, place: str) -> None:
    """One issue for each kind of entry of a section that was not mapped, with how many."""
    kinds: dict[str, int] = {}
    for (_, kind), count in build.unmapped.items():
        kinds[kind] = kinds.get(kind, 0) + count
    build.unmapped.clear()
    for kind, count in kinds.items():
        text = f"{count} of kind {kind} not mapped here; kept in the narrative and in the document"
        remedy = "nothing is lost: the document can be redriven once the entry is mapped"
        build.issue("ccda.entry-not-mapped", place, text, remedy=remedy)


def _tell_unread(build: Build, place: str) -> None:
    """One issue for each kind of statement inside of a section's entries that no reader took anything of."""
    for kind, count in build.unread.items():
        text = f"{count} of kind {kind} inside of entries not read here; kept in the narrative and in the document"
        remedy = "nothing is lost: the document can be redriven once they are read"
        build.issue("ccda.nested-not-read", place, text, remedy=remedy)
    build.unread.clear()

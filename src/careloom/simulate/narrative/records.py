"""Records of a history as notes tell them: each part with its span, its codes, and the record it belongs to."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from careloom.simulate.history import (
    Allergy,
    Code,
    Condition,
    Immunization,
    Medication,
    Observation,
    Procedure,
    Relative,
)
from careloom.simulate.narrative.draft import Attributes, Codes, Mark, Piece
from careloom.simulate.narrative.render import Saying, Value, Voice
from careloom.simulate.narrative.times import ago, dated, lasting
from careloom.simulate.narrative.words import Concept, concept_of, concepts, ingredient, plain_display, table

_BRAND_SHARE = 0.25
_GENDERED = {
    "MTH": "mother",
    "FTH": "father",
    "BRO": "brother",
    "SIS": "sister",
    "GRMTH": "grandmother",
    "GRFTH": "grandfather",
    "MGRMTH": "maternal grandmother",
    "MGRFTH": "maternal grandfather",
    "PGRMTH": "paternal grandmother",
    "PGRFTH": "paternal grandfather",
    "SON": "son",
    "DAU": "daughter",
    "AUNT": "aunt",
    "UNCLE": "uncle",
    "NSIB": "sibling",
    "NMTH": "mother",
    "NFTH": "father",
    "NBRO": "brother",
    "NSIS": "sister",
}


def codes_of(codes: Sequence[Code]) -> Codes:
    """Codes of a record as gold tells them."""
    return tuple((code.system, code.code) for code in codes)


def named(codes: Sequence[Code], mark: Mark) -> Saying:
    """What a coded record is called, in the words of its concept, else by its display."""
    concept = concept_of(codes)
    marks = (mark._replace(codes=codes_of(codes)),)
    fallback = plain_display(codes[0].display)

    def say(voice: Voice, form: str) -> Value:
        return Piece(voice.call(concept, form) if concept is not None else fallback, marks)

    return say


def of_concept(
    name: str, assertion: str, site: str = "", owner: str = "", *, attributes: Attributes = ()
) -> dict[str, Value]:
    """A concept without a record behind it; `where`: the site where it sits."""
    concept = concepts()[name]
    mark = Mark("entity", concept.label, assertion, concept.codes, attributes, owner, "problem" if owner else "")

    def say(voice: Voice, form: str) -> Value:
        return Piece(voice.call(concept, form), (mark,))

    return {"it": say, "where": located(site, owner) if site else None}


def located(site: str, owner: str) -> Saying:
    """A part of the body where a problem sits."""
    concept: Concept = concepts()[site]

    def say(voice: Voice, form: str) -> Value:
        return Piece(voice.call(concept, form), (Mark("entity", "anatomy", "", (), (), owner, "anatomy"),))

    return say


def problem(condition: Condition, now: datetime, site: str) -> dict[str, Value]:
    """A diagnosis: ``it``, since when, where, how severe; historical once it is over."""
    over = condition.abatement is not None and condition.abatement <= now
    mark = Mark("entity", "problem", "historical" if over else "present", (), (), condition.key, "problem")
    return {
        "it": named(condition.codes, mark),
        "since": dated(condition.onset, condition.key),
        "ago": ago(condition.onset, now),
        "where": located(site, condition.key) if site else None,
        "severity": condition.severity.display.split(" (")[0].lower() if condition.severity else None,
        "stage": Piece(condition.stage, (Mark("entity", "stage", "", (), (), condition.key, "stage"),))
        if condition.stage
        else None,
        "code": condition.codes[0].code,
    }


def number_words(value: float) -> str:
    """A number as written: at most two decimals, no trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text or "0"


def medication(taken: Medication, now: datetime, reasons: Mapping[str, Condition], assertion: str) -> dict[str, Value]:
    """A drug with dose, route, frequency, reason and dates."""
    base = ingredient(taken.codes[0].display)
    owner = taken.key
    mark = Mark("entity", "drug", assertion, codes_of(taken.codes), (("ingredient", base),), owner, "drug")

    def drug(voice: Voice, form: str) -> Value:
        short = table("short_drug").get(base) if voice.register() == "short" else None
        brand = table("brand").get(base) if form != "generic" and voice.happens(_BRAND_SHARE) else None
        return Piece(voice.pick(short or brand or (base,)), (mark,))

    reason = reasons.get(taken.reason)
    parts: dict[str, Value] = {
        "it": drug,
        "drug": drug,
        "dose": dose(taken.dose, taken.unit, owner),
        "route": route(taken.route, owner),
        "frequency": frequency(taken.per_day, as_needed=taken.as_needed, owner=owner),
        "reason": None,
        "start": dated(taken.start, owner),
        "since": ago(taken.start, now),
        "as_needed": "yes" if taken.as_needed else None,
        "course": None,
    }
    if reason is not None:
        parts["reason"] = named(reason.codes, Mark("entity", "problem", "present", (), (), owner, "reason"))
    if taken.end is not None and 0 < (taken.end - taken.start).days <= 30:
        parts["course"] = lasting((taken.end - taken.start).days, owner, "duration")
    return parts


def dose(amount: float, unit: str, owner: str) -> Saying:
    """One intake: 500 mg, 2 puffs, 10 units."""
    number = number_words(amount)
    attributes: Attributes = (("value", number), ("unit", unit))

    def say(voice: Voice, form: str) -> Value:
        word = voice.pick(table("unit").get(unit, (unit.strip("{}[]"),)))
        if word.isalpha() and len(word) > 3 and amount != 1 and not word.endswith("s"):
            word += "s"
        ways = [f"{number} {word}"]
        if word in {"mg", "mcg", "g"}:
            ways += (
                [f"{number}{word}"]
                if "short" in voice.family.registers
                else [f"{amount:,.0f} {word}"] * (amount >= 1000)
            )
        return Piece(voice.pick(ways), (Mark("entity", "dose", "", (), attributes, owner, "dose"),))

    return say


def route(code: Code, owner: str) -> Saying:
    """How a drug is given; the first half of the ways is formal, the rest abbreviated."""
    ways = table("route").get(code.code, (code.display.split(" (")[0].lower(),))
    half = (len(ways) + 1) // 2

    def say(voice: Voice, form: str) -> Value:
        some = ways[half:] if voice.register() == "short" and len(ways) > 1 else ways[:half]
        return Piece(voice.pick(some), (Mark("entity", "route", "", ((code.system, code.code),), (), owner, "route"),))

    return say


def frequency(per_day: float, *, as_needed: bool, owner: str) -> Saying:
    """How often a drug is taken; with the normal value in intakes a day."""
    times = table("frequency").get(number_words(per_day), (f"{number_words(per_day)} times a day",)) if per_day else ()
    needed = table("frequency")["prn"]
    attributes = (("per_day", number_words(per_day)), *((("as_needed", "true"),) if as_needed else ()))

    def say(voice: Voice, form: str) -> Value:
        short = voice.register() == "short"

        def some(ways: Sequence[str]) -> str:
            kept = [way for way in ways if (way.upper() == way or "." in way or way[0] == "q" or way == "prn") == short]
            return voice.pick(kept or ways)

        words = [some(times)] if times else []
        if as_needed:
            words.append(some(needed))
        text = " ".join(words) or some(table("frequency")["once"])
        return Piece(text, (Mark("entity", "frequency", "", (), attributes, owner, "frequency"),))

    return say


def measurement(seen: Observation, now: datetime, *, fahrenheit: bool) -> dict[str, Value]:
    """A result or vital sign: test, value, unit, flag, range, when."""
    owner = seen.key
    test = named(seen.codes, Mark("entity", "test", "present", (), (), owner, "test"))
    _, unit = _value(seen, fahrenheit=fahrenheit)
    flag = seen.interpretation if seen.interpretation in {"L", "H", "LL", "HH", "A"} else ""

    def measured(voice: Voice, form: str) -> Value:
        return Piece(
            voice.pick(table("unit").get(unit, (unit,))),
            (Mark("entity", "unit", "", (), (("ucum", unit),), owner, "unit"),),
        )

    return {
        "it": test,
        "test": test,
        "value": result(seen, owner, fahrenheit=fahrenheit),
        "unit": measured if unit and unit not in {"1", "{score}"} else None,
        "flag": flag or None,
        "high": "yes" if flag in {"H", "HH"} else None,
        "low": "yes" if flag in {"L", "LL"} else None,
        "range": f"{number_words(seen.low)}-{number_words(seen.high)}"
        if seen.low is not None and seen.high is not None
        else None,
        "when": dated(seen.time, owner),
        "ago": ago(seen.time, now),
        "name": plain_display(seen.codes[0].display),
    }


def result(seen: Observation, owner: str, *, fahrenheit: bool) -> Piece:
    """The value of an observation, told as a result of the record `owner`."""
    text, unit = _value(seen, fahrenheit=fahrenheit)
    attributes = (("value", text), *((("unit", unit),) if unit else ()))
    return Piece(text, (Mark("entity", "result", "", (), attributes, owner, "result"),))


def _value(seen: Observation, *, fahrenheit: bool) -> tuple[str, str]:
    """The words and UCUM unit of a value; pressures as systolic over diastolic, temperatures in either degree."""
    if seen.components:
        return "/".join(number_words(number) for _, number, _ in seen.components), seen.components[0][2]
    match seen.value:
        case Code():
            return plain_display(seen.value.display), ""
        case str():
            return seen.value, ""
        case None:
            return "pending", ""
    if seen.unit == "Cel" and fahrenheit:
        return f"{seen.value * 9 / 5 + 32:.1f}", "[degF]"
    return number_words(seen.value), seen.unit


def allergy(known: Allergy) -> dict[str, Value]:
    """An allergy: substance and reactions; both hold only under a condition."""
    label = "drug" if known.category == "medication" else "allergen"
    base = ingredient(known.codes[0].display.removeprefix("Allergy to "))
    mark = Mark("entity", label, "conditional", codes_of(known.codes), (("context", "allergy"),), known.key, "drug")
    reactions: list[Value] = [
        named((code,), Mark("entity", "symptom", "conditional", (), (), known.key, "adverse-event"))
        for code in known.reactions
    ]
    return {
        "it": Piece(base, (mark,)),
        "substance": Piece(base, (mark,)),
        "reactions": reactions or None,
        "severity": known.severity,
    }


def procedure(done: Procedure, now: datetime) -> dict[str, Value]:
    """Something that was done, and when."""
    mark = Mark("entity", "procedure", "present", (), (), done.key, "procedure")
    return {"it": named(done.codes, mark), "date": dated(done.start, done.key), "ago": ago(done.start, now)}


def immunization(given: Immunization) -> dict[str, Value]:
    """A vaccine, and when."""
    mark = Mark("entity", "vaccine", "present", (), (), given.key, "vaccine")
    return {"it": named(given.codes, mark), "date": dated(given.time, given.key)}


def relative(known: Relative, key: str) -> dict[str, Value]:
    """A disease in the family: who has it, what, from what age."""
    word = _GENDERED.get(known.relationship.code, plain_display(known.relationship.display).replace("natural ", ""))
    age = None
    if known.age_years is not None:
        value = (("value", f"P{known.age_years}Y"),)
        age = Piece(str(known.age_years), (Mark("entity", "age", "", (), value, key, "age"),))
    return {
        "who": Piece(word, (Mark("entity", "relative", "", (), (), key, "relative"),)),
        "it": named((known.code,), Mark("entity", "problem", "family", (), (), key, "problem")),
        "age": age,
    }

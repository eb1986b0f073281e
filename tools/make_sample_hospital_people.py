"""People who do not exist and what happened to them: one seeded stream of chance, no clock, no files."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from make_sample_hospital_codes import ALLERGIES, LABS, VITALS, Measure
from make_sample_hospital_problems import PROBLEMS, Problem

TODAY = date(2026, 1, 15)
_MALE = (
    "James Robert John Michael David William Richard Joseph Thomas Carlos Daniel Matthew Anthony Mark Luis "
    "Steven Andrew Kenji Omar Kevin Brian George Edward Ronald Timothy Jason Jeffrey Ryan Jacob Gary"
).split()
_FEMALE = (
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Lisa Nancy Sofia Sandra Margaret "
    "Ashley Kimberly Emily Donna Michelle Carol Amanda Melissa Aiko Deborah Fatima Rebecca Sharon Laura "
    "Cynthia"
).split()
_LAST = (
    "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez "
    "Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez "
    "Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen Hill Flores Green Adams Nelson Baker "
    "Hall Rivera Campbell Mitchell Carter Roberts O'Brien Müller Peña Okafor Tanaka Haddad Saint-Clair"
).split()
_STREETS = ("Maple", "Oak", "Cedar", "Pine", "Elm", "Washington", "Lake", "Hill", "Park", "River", "Church", "Mill")
_KINDS = ("Street", "Avenue", "Road", "Lane", "Court")
_TOWNS = (
    ("Springfield", "MA", "01103", "Hampden County", 42.10, -72.59),
    ("Worcester", "MA", "01608", "Worcester County", 42.26, -71.80),
    ("Lowell", "MA", "01852", "Middlesex County", 42.63, -71.31),
    ("Quincy", "MA", "02169", "Norfolk County", 42.25, -71.00),
    ("Salem", "MA", "01970", "Essex County", 42.52, -70.89),
)
RACES = (
    ("white", "2106-3", "White", 70),
    ("black", "2054-5", "Black or African American", 14),
    ("asian", "2028-9", "Asian", 9),
    ("native", "1002-5", "American Indian or Alaska Native", 2),
)
SPECIALTIES = ("General practice", "Internal medicine", "Emergency medicine", "Cardiology", "Paediatrics")


@dataclass(frozen=True)
class Clinician:
    """Somebody who treats: `npi` is invented and starts with 99, which no register issues."""

    number: int
    id: str
    npi: str
    first: str
    last: str
    specialty: str


@dataclass
class Reading:
    """One measured value at a visit."""

    id: str
    measure: Measure
    value: float


@dataclass
class Given:
    """A medicine ordered, a procedure done, or a vaccine given: key of the code table."""

    id: str
    key: str


@dataclass
class Illness:
    """A problem from its onset to its end; `visit` is the index of the visit that found it."""

    id: str
    problem: Problem
    onset: date
    abatement: date | None
    visit: int


@dataclass
class Visit:
    """One encounter with all that was done in it."""

    id: str
    number: str
    kind: str
    start: datetime
    stop: datetime
    clinician: Clinician
    problem: Problem | None
    vitals: list[Reading] = field(default_factory=list)
    labs: dict[str, list[Reading]] = field(default_factory=dict)
    report_ids: dict[str, str] = field(default_factory=dict)
    medicines: list[Given] = field(default_factory=list)
    procedures: list[Given] = field(default_factory=list)
    vaccines: list[Given] = field(default_factory=list)
    note_id: str = ""
    smoking_id: str = ""


@dataclass
class Person:
    """Who somebody is, and their course."""

    number: int
    id: str
    mrn: str
    ssn: str
    sex: str
    first: str
    middle: str
    last: str
    birth: date
    death: datetime | None
    street: str
    town: tuple[str, str, str, str, float, float]
    phone: str
    race: tuple[str, str, str, int]
    hispanic: bool
    married: str
    smoking: str
    allergies: list[tuple[str, tuple[str, str, str, str, str], date]]
    illnesses: list[Illness] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)


def uuid(chance: Random) -> str:
    """A random UUID of this stream."""
    return str(UUID(int=chance.getrandbits(128), version=4))


def make_clinicians(chance: Random, count: int = 8) -> list[Clinician]:
    """The people who treat."""
    return [
        Clinician(
            n,
            uuid(chance),
            f"99{10_000_000 + 137 * n}",
            chance.choice(_FEMALE + _MALE),
            chance.choice(_LAST),
            SPECIALTIES[n % len(SPECIALTIES)],
        )
        for n in range(count)
    ]


def make_person(chance: Random, number: int, clinicians: list[Clinician], years: int = 4) -> Person:
    """One person and the last `years` of their care."""
    sex = chance.choice("FM")
    age = min(int(chance.triangular(0, 97, 58)), 97)
    birth = TODAY - timedelta(days=int(age * 365.25) + chance.randrange(365))
    adult = age >= 18
    race = chance.choices(RACES, weights=[entry[3] for entry in RACES])[0]
    person = Person(
        number=number,
        id=uuid(chance),
        mrn=f"{4_000_000 + number * 7919 % 900_000:07d}",
        ssn=f"999-{chance.randrange(10, 99)}-{chance.randrange(1000, 9999)}",
        sex=sex,
        first=chance.choice(_MALE if sex == "M" else _FEMALE),
        middle=chance.choice(_MALE if sex == "M" else _FEMALE),
        last=chance.choice(_LAST),
        birth=birth,
        death=None,
        street=f"{chance.randrange(1, 990)} {chance.choice(_STREETS)} {chance.choice(_KINDS)}",
        town=chance.choice(_TOWNS),
        phone=f"555-{chance.randrange(200, 999)}-{chance.randrange(1000, 9999)}",
        race=race,
        hispanic=chance.random() < 0.15,
        married=chance.choice("MMSDW") if age >= 25 else "S",
        smoking=chance.choices(["never", "former", "daily"], [6, 3, 2])[0] if adult else "never",
        allergies=[
            (uuid(chance), entry, birth + timedelta(days=365 + chance.randrange(max(1, (TODAY - birth).days - 365))))
            for entry in ALLERGIES
            if chance.random() < 0.08 and age > 1
        ],
    )
    _live(person, chance, clinicians, max(TODAY - timedelta(days=365 * years), birth + timedelta(days=20)))
    return person


def _live(person: Person, chance: Random, clinicians: list[Clinician], start: date) -> None:
    """Fills in the visits from `start` to today."""
    has = [problem for problem in PROBLEMS if problem.chronic and _strikes(person, problem, chance)]
    day = start + timedelta(days=chance.randrange(120))
    while day < TODAY:
        age = (day - person.birth).days // 365
        acute = [
            p for p in PROBLEMS if not p.chronic and p.from_age <= age <= p.to_age and chance.random() < p.share / 3
        ]
        if acute:
            problem = chance.choice(acute)
            kind = _place_of(problem, chance)
            _visit(person, chance, clinicians, day, (kind, problem))
        else:
            problem = chance.choice(has) if has and chance.random() < 0.7 else None
            _visit(person, chance, clinicians, day, ("ambulatory" if problem else "wellness", problem))
        day += timedelta(days=chance.randrange(60, 260))
    if (TODAY - person.birth).days > 365 * 84 and chance.random() < 0.4 and person.visits:
        last = person.visits[-1].stop
        person.death = last + timedelta(days=chance.randrange(2, 25), minutes=chance.randrange(1400))
        if person.death.date() >= TODAY:
            person.death = None


def _strikes(person: Person, problem: Problem, chance: Random) -> bool:
    age = (TODAY - person.birth).days // 365
    return problem.from_age <= age and chance.random() < problem.share


def _place_of(problem: Problem, chance: Random) -> str:
    if problem.key in ("pneumonia", "heart-attack"):
        return "inpatient"
    return "emergency" if problem.key == "ankle" or chance.random() < 0.12 else "ambulatory"


def _visit(
    person: Person, chance: Random, clinicians: list[Clinician], day: date, why: tuple[str, Problem | None]
) -> None:
    kind, problem = why
    start = datetime(day.year, day.month, day.day, chance.randrange(8, 18), chance.randrange(0, 60, 5), tzinfo=UTC)
    long = timedelta(days=chance.randrange(2, 9), minutes=chance.randrange(300)) if kind == "inpatient" else None
    visit = Visit(
        id=uuid(chance),
        number=f"V{person.mrn}{len(person.visits) + 1:03d}",
        kind=kind,
        start=start,
        stop=start + (long or timedelta(minutes=chance.choice((15, 20, 30, 45)) * (4 if kind == "emergency" else 1))),
        clinician=chance.choice(clinicians),
        problem=problem,
        note_id=uuid(chance),
        smoking_id=uuid(chance),
    )
    if visit.stop.date() >= TODAY:
        return
    person.visits.append(visit)
    if problem:
        _fall_ill(person, chance, problem, visit)
    _measure(person, chance, visit)
    _treat(person, chance, visit)


def _fall_ill(person: Person, chance: Random, problem: Problem, visit: Visit) -> None:
    known = any(illness.problem is problem and illness.abatement is None for illness in person.illnesses)
    if problem.chronic and known:
        return
    onset = visit.start.date() - timedelta(days=chance.randrange(4))
    onset = max(onset, person.birth)
    end = None if problem.chronic else visit.stop.date() + timedelta(days=problem.days)
    if end and end >= TODAY:
        end = None
    person.illnesses.append(Illness(uuid(chance), problem, onset, end, len(person.visits) - 1))


def _measure(person: Person, chance: Random, visit: Visit) -> None:
    age = (visit.start.date() - person.birth).days / 365.25
    ill = visit.problem.key if visit.problem else ""
    grown = min(1.0, 0.3 + 0.7 * age / 18)
    tall = round((171 if person.sex == "M" else 162) * grown + Random(person.number).gauss(0, 6) * grown, 1)
    heavy = round(
        max(3.2, 24.5 * grown * (tall / 100) ** 2 + Random(person.number + 1).gauss(0, 8) * grown + chance.gauss(0, 1)),
        1,
    )
    fixed = {"height": tall, "weight": heavy, "bmi": round(heavy / (tall / 100) ** 2, 1)}
    shift = {
        "systolic": 22.0 if ill == "hypertension" else -25 * (1 - grown),
        "temperature": 1.4 if ill in ("pneumonia", "throat", "ear") else 0.0,
        "oxygen": -5.0 if ill in ("pneumonia", "heart-failure") else 0.0,
        "pulse": 30 * (1 - grown) + (18 if ill in ("pneumonia", "fibrillation") else 0),
    }
    for measure in VITALS:
        value = fixed.get(measure.key, chance.gauss(measure.mean, measure.spread) + shift.get(measure.key, 0.0))
        if measure.key == "oxygen":
            value = min(value, 100)
        visit.vitals.append(Reading(uuid(chance), measure, _rounded(value, measure)))
    for panel in visit.problem.panels if visit.problem else ():
        visit.report_ids[panel] = uuid(chance)
        visit.labs[panel] = [
            Reading(uuid(chance), m, _rounded(chance.gauss(m.mean, m.spread) + _off(ill, m), m)) for m in LABS[panel]
        ]


def _off(ill: str, measure: Measure) -> float:
    """How far an illness moves a laboratory value."""
    table = {
        ("diabetes", "glucose"): 55.0,
        ("kidney", "creatinine"): 0.8,
        ("kidney", "urea"): 14.0,
        ("anemia", "hemoglobin"): -3.5,
        ("anemia", "hematocrit"): -10.0,
        ("pneumonia", "leukocytes"): 7.0,
    }
    return table.get((ill, measure.key), 0.0)


def _rounded(value: float, measure: Measure) -> float:
    return round(max(value, 0.1), measure.decimals) if measure.decimals else float(round(value))


def _treat(person: Person, chance: Random, visit: Visit) -> None:
    allergic = any(entry[0] == "91936005" for _, entry, _ in person.allergies)
    for key in visit.problem.medicines if visit.problem else ():
        if not (key == "amoxicillin" and allergic):
            visit.medicines.append(Given(uuid(chance), key))
    done = {
        "pneumonia": "chest-xray",
        "heart-attack": "ecg",
        "fibrillation": "ecg",
        "throat": "throat-culture",
        "depression": "depression-screen",
    }.get(visit.problem.key if visit.problem else "")
    age = (visit.start.date() - person.birth).days // 365
    for key in filter(None, ("reconcile" if visit.medicines else None, done)):
        visit.procedures.append(Given(uuid(chance), key))
    if visit.kind == "wellness":
        if 50 <= age < 76 and chance.random() < 0.15:
            visit.procedures.append(Given(uuid(chance), "colonoscopy"))
        for key, low, high in (
            ("tdap", 11, 64),
            ("mening", 11, 18),
            ("pneumo13", 65, 110),
            ("pneumo23", 66, 110),
            ("zoster", 50, 110),
        ):
            had = any(given.key == key for other in person.visits for given in other.vaccines)
            if low <= age <= high and not had and chance.random() < 0.6:
                visit.vaccines.append(Given(uuid(chance), key))

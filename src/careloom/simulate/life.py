"""One patient under way: what is true now, what waits to happen, and what the hospital wrote down so far."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from careloom.simulate.draw import Draw
from careloom.simulate.history import Code, Condition, Encounter, History, Medication
from careloom.simulate.hospital import Hospital

_YEAR_SECONDS = 365.25 * 86400.0
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
Handler = Callable[..., None]


@dataclass(slots=True)
class Shift:
    """What a disease or a drug adds to the set point of a measure since `start`, and more each year."""

    value: float
    per_year: float
    start: datetime


@dataclass(frozen=True, slots=True)
class Hooks:
    """What parts of the engine call of each other without an import: told once, where the patient is made.

    level  the true set point of a measure
    enter  moves a module, by name, to a state
    book   books an appointment: when, type of visit, role, module's name, actions
    """

    level: Callable[["Life", str], float]
    enter: Callable[["Life", str, str], None]
    book: Callable[["Life", datetime, str, str, str, tuple[Any, ...]], None]


@dataclass(slots=True)
class Life:
    """The state of one patient.

    start, present  what the hospital sees lies between them
    features        what rules ask for: diagnoses, risk factors, doses
    levels          the patient's own deviation of each measure, in standard deviations
    shifts          measure -> source -> what it adds to the set point
    states          module -> its state now
    pending         module -> (time, target) of a transition that is decided
    busy_until      end of the last inpatient stay
    taken           measure -> when, in which encounter, and with what result it was last measured
    readmission     when a readmission that was drawn will come
    guard_until     until then no other admission than a drawn readmission: 30 days after a discharge
    """

    history: History
    draw: Draw
    hospital: Hospital
    start: datetime
    present: datetime
    now: datetime
    birth: datetime
    male: float
    hooks: Hooks
    features: dict[str, float] = field(default_factory=dict)
    levels: dict[str, float] = field(default_factory=dict)
    taken: dict[str, tuple[datetime, str, float]] = field(default_factory=dict)
    shifts: dict[str, dict[str, Shift]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    pending: dict[str, tuple[datetime, str, int]] = field(default_factory=dict)
    open_conditions: dict[str, Condition] = field(default_factory=dict)
    courses: dict[str, Medication] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    last_done: dict[str, datetime] = field(default_factory=dict)
    encounter: Encounter | None = None
    backdate: datetime | None = None
    last_stay: Encounter | None = None
    busy_until: datetime = _LONG_AGO
    guard_until: datetime = _LONG_AGO
    readmission: datetime | None = None
    death: datetime | None = None
    cause: str = ""
    year_end: datetime | None = None
    is_over: bool = False
    year: int = 0
    queue: list[tuple[datetime, int, Handler, tuple[Any, ...]]] = field(default_factory=list)
    count: int = 0
    keys: dict[str, int] = field(default_factory=dict)
    home_site: str = ""
    home_doctor: int = 0
    is_adherent: bool = True

    def feature(self, name: str) -> float:
        """The value of a feature as rules name it."""
        if name == "age":
            return self.age
        if name == "male":
            return self.male
        if name.startswith("level."):
            return self.hooks.level(self, name[6:])
        return self.features.get(name, 0.0)

    @property
    def age(self) -> float:
        """Years since birth."""
        return (self.now - self.birth).total_seconds() / _YEAR_SECONDS

    def plan(self, time: datetime, handler: Handler, *arguments: Any) -> None:
        """Lets something happen at a time; what lies behind the present never does."""
        if time < self.present:
            self.count += 1
            heapq.heappush(self.queue, (time, self.count, handler, arguments))

    def key(self, letter: str) -> str:
        """The next key of a kind of event."""
        number = self.keys.get(letter, 0) + 1
        self.keys[letter] = number
        return f"{letter}{number}"

    def at_encounter(self) -> str:
        """The key of the encounter under way; empty for none."""
        return self.encounter.key if self.encounter is not None else ""

    def since(self, days: float) -> datetime:
        """So many days from now."""
        return self.now + timedelta(days=days)

    def add_shift(self, measure: str, source: str, value: float, per_year: float = 0.0) -> None:
        """Sets what a source adds to a measure from now on."""
        self.shifts.setdefault(measure, {})[source] = Shift(value, per_year, self.now)

    def drop_shifts(self, source: str) -> None:
        """Takes away all that a source adds."""
        for sources in self.shifts.values():
            sources.pop(source, None)

    def diagnosis(self, name: str) -> Condition | None:
        """The open condition of a name."""
        return self.open_conditions.get(name)

    def years_since(self, moment: datetime) -> float:
        """Years from a moment until now."""
        return (self.now - moment).total_seconds() / _YEAR_SECONDS


def reason_of(life: Life, name: str) -> list[Code]:
    """The preferred code of an open condition as an encounter's reason; empty where it is not open."""
    found = life.open_conditions.get(name)
    return [found.codes[0]] if found is not None else []

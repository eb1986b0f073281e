"""Holds a simulated population against published figures: every ``[[check]]`` of modules and simulator_figures.toml.

    python tools/check_simulator.py [--patients 5000] [--seed 1] [--processes 2] [--json]

A line a figure: published, measured, tolerance, how many it is counted on. Exit status 1 where one is outside.
The tolerance is on the figure's own scale; what chance does to a small group (three standard errors) comes on top.
"""

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from careloom.simulate.codes import concept
from careloom.simulate.history import History
from careloom.simulate.hospital import build_hospital
from careloom.simulate.measures import measures
from careloom.simulate.patients import PRESENT, simulate_patient
from careloom.simulate.population import census

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "src/careloom/simulate/modules"
FIGURES = Path(__file__).with_name("simulator_figures.toml")
NOT_HISPANIC = "2186-5"
NOW = datetime(PRESENT.year, PRESENT.month, PRESENT.day, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Life:
    """What the checks need of one patient.

    diagnoses  (code, whether it is open at the present)
    stays      (principal diagnosis, age at admission, readmission, died, days)
    years      person-years seen, by whole year of age
    levels     last value outside of the hospital by measure
    race       code of race; empty for Hispanics of any race
    """

    age: float
    sex: str
    alive: bool
    diagnoses: tuple[tuple[str, bool], ...]
    stays: tuple[tuple[str, float, bool, bool, float], ...]
    years: Mapping[int, float]
    levels: Mapping[str, float]
    counts: Mapping[str, int]
    race: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """One figure."""

    where: str
    what: str
    published: float
    measured: float
    tolerance: float
    counted: int
    source: str
    ok: bool = field(default=False)


def life(history: History) -> Life:
    """A history as far as the checks need it."""
    birth = datetime(history.person.birth.year, history.person.birth.month, history.person.birth.day, tzinfo=UTC)
    end = history.person.death or NOW
    begin = min([one.start for one in history.coverages], default=NOW.date())
    years: dict[int, float] = {}
    first = max(0.0, (datetime(begin.year, begin.month, begin.day, tzinfo=UTC) - birth).days / 365.25)
    last = (end - birth).days / 365.25
    for age in range(int(first), int(last) + 1):
        years[age] = max(0.0, min(last, age + 1) - max(first, age))
    outside = {one.key for one in history.encounters if one.kind == "ambulatory"}
    by_code = {one.codes[0].code: name for name, one in measures().items() if one.codes}
    levels = {
        by_code[one.codes[0].code]: one.value
        for one in history.observations
        if isinstance(one.value, float) and one.encounter in outside and one.codes[0].code in by_code
    }
    return Life(
        (NOW - birth).days / 365.25,
        history.person.sex,
        history.person.death is None,
        tuple((one.codes[0].code, one.abatement is None) for one in history.conditions),
        tuple(
            (
                one.reasons[0].code if one.reasons else "",
                (one.start - birth).days / 365.25,
                bool(one.readmission_of),
                one.disposition == "20",
                ((one.end or NOW) - one.start) / timedelta(days=1),
            )
            for one in history.encounters
            if one.kind == "inpatient"
        ),
        years,
        levels,
        {kind: sum(one.kind == kind for one in history.encounters) for kind in ("emergency", "ambulatory")},
        history.person.race.code if history.person.ethnicity.code == NOT_HISPANIC else "",
    )


def lives_of(numbers: Iterable[int], seed: int) -> list[Life]:
    """The patients with these numbers."""
    hospital = build_hospital(seed)
    return [life(simulate_patient(number, seed, hospital=hospital)) for number in numbers]


def population(patients: int, seed: int, processes: int) -> list[Life]:
    """Everybody."""
    parts = [range(first, min(first + 50, patients + 1)) for first in range(1, patients + 1, 50)]
    if processes == 1:
        return list(chain.from_iterable(lives_of(part, seed) for part in parts))
    with ProcessPoolExecutor(processes) as pool:
        return list(chain.from_iterable(pool.map(partial(lives_of, seed=seed), parts)))


def within(one: Life, check: Mapping[str, Any], age: float) -> bool:
    low, high = check.get("ages", (0, 130))
    alike = check.get("sex", one.sex) == one.sex and check.get("race", one.race) == one.race
    return bool(low <= age < high and alike)


def share(check: Mapping[str, Any], lives: list[Life], hit: Callable[[Life], bool]) -> tuple[float, float, int]:
    """Share, its standard error, and of how many."""
    base = [one for one in lives if one.alive and within(one, check, one.age)]
    found = sum(map(hit, base)) / max(1, len(base))
    likely = max(found, check["value"])
    return found, math.sqrt(likely * (1.0 - likely) / max(1, len(base))), len(base)


def rate(check: Mapping[str, Any], count: int, years: float) -> tuple[float, float, int]:
    """Events per 1 000 person-years, their standard error, and how many."""
    if not years:
        return 0.0, 0.0, count
    likely = max(count, check["value"] * years / 1000.0)
    return 1000.0 * count / years, 1000.0 * math.sqrt(likely) / years, count


def prevalence(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Of those alive, how many have one of the diagnoses: open, or ever where the check says so."""
    codes = {concept(name)[0].code for name in check["diagnoses"]}
    ever = check.get("ever", False)
    return share(check, lives, lambda one: any(code in codes and (ever or is_open) for code, is_open in one.diagnoses))


def stays(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Stays for a principal diagnosis per 1 000 person-years."""
    codes = {concept(name)[0].code for name in check["diagnoses"]} if "diagnoses" in check else None
    years = sum(length for one in lives for age, length in one.years.items() if within(one, check, age + 0.5))
    count = sum(
        (codes is None or code in codes) and within(one, check, age) for one in lives for code, age, *_ in one.stays
    )
    return rate(check, count, years)


def level(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """The mean of a measure among adults, or the share of them beyond a limit."""
    base = [one for one in lives if one.alive and within(one, check, one.age) and check["measure"] in one.levels]
    values = [one.levels[check["measure"]] for one in base]
    if "above" in check or "below" in check:
        low, high = check.get("above", -math.inf), check.get("below", math.inf)
        values = [float(low <= value < high) for value in values]
    mean = sum(values) / max(1, len(values))
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values)))
    return mean, spread / math.sqrt(max(1, len(values))), len(values)


def distribution(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Kolmogorov and Smirnov's distance of a measure from a published distribution, at the points that are published.

    quantiles  [value, share up to it]: half of those who have the very value count as below
    shares     [value, share below it]
    among      only those with one of these diagnoses open
    """
    codes = {concept(name)[0].code for name in check.get("among", [])}
    values = [
        one.levels[check["measure"]]
        for one in lives
        if one.alive
        and within(one, check, one.age)
        and check["measure"] in one.levels
        and (not codes or any(code in codes and is_open for code, is_open in one.diagnoses))
    ]
    count = max(1, len(values))
    distance = 0.0
    for point, expected in check.get("shares", []):
        distance = max(distance, abs(sum(value < point for value in values) / count - expected))
    for point, expected in check.get("quantiles", []):
        below = sum((value < point) + (value <= point) for value in values) / 2.0
        distance = max(distance, abs(below / count - expected))
    return distance, 0.6 / math.sqrt(count), len(values)


def days(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """The mean length of stays, of all or of those for a principal diagnosis."""
    codes = {concept(name)[0].code for name in check.get("diagnoses", [])}
    lengths = [length for one in lives for code, *_, length in one.stays if not codes or code in codes]
    mean = sum(lengths) / max(1, len(lengths))
    spread = math.sqrt(sum((length - mean) ** 2 for length in lengths) / max(1, len(lengths)))
    return mean, spread / math.sqrt(max(1, len(lengths))), len(lengths)


def contacts(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Contacts of a kind per 1 000 person-years."""
    years = sum(sum(one.years.values()) for one in lives)
    count = sum(one.counts[check["contact"]] for one in lives)
    return rate(check, count, years)


def deaths(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Deaths per 1 000 person-years."""
    years = sum(sum(one.years.values()) for one in lives)
    count = sum(not one.alive for one in lives)
    return rate(check, count, years)


def part_of_stays(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Of the stays of a group of diagnoses, the share of one."""
    among = {concept(name)[0].code for name in check["among"]}
    codes = {concept(name)[0].code for name in check["diagnoses"]}
    found = [code for one in lives for code, *_ in one.stays if code in among]
    value = sum(code in codes for code in found) / max(1, len(found))
    return value, math.sqrt(value * (1 - value) / max(1, len(found))), len(found)


def ages(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """Kolmogorov and Smirnov's distance of the ages of those alive from the census."""
    bands = census()["age"]["bands"]
    total = sum(weight for *_, weight in bands)
    living = [one.age for one in lives if one.alive]
    below, distance = 0.0, 0.0
    for _, high, weight in bands[:-1]:
        below += weight / total
        distance = max(distance, abs(below - sum(age < high for age in living) / len(living)))
    return distance, 0.6 / math.sqrt(len(living)), len(living)


def women(check: Mapping[str, Any], lives: list[Life]) -> tuple[float, float, int]:
    """The share of women among those alive."""
    return share(check, lives, lambda one: one.sex == "female")


KINDS: dict[str, Callable[[Mapping[str, Any], list[Life]], tuple[float, float, int]]] = {
    "prevalence": prevalence, "stays": stays, "level": level, "contacts": contacts, "deaths": deaths,
    "part of stays": part_of_stays, "distribution": distribution, "days": days,
    "distance of ages": ages, "women": women,
}  # fmt: skip


def declared() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every check: those of the modules, then the others."""
    for file in sorted(MODULES.glob("*.toml")):
        for check in tomllib.loads(file.read_text("utf-8")).get("check", []):
            yield file.stem, check
    for check in tomllib.loads(FIGURES.read_text("utf-8"))["check"]:
        yield "figures", check


def checked(lives: list[Life]) -> list[Checked]:
    """Every figure against the population."""
    found = []
    for where, check in declared():
        measured, error, counted = KINDS[check["kind"]](check, lives)
        ok = abs(measured - check["value"]) <= check["tolerance"] + 3.0 * error
        found.append(
            Checked(where, check["what"], check["value"], round(measured, 4), check["tolerance"], counted,
                    check["source"], ok)
        )  # fmt: skip
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    rows = checked(population(options.patients, options.seed, options.processes))
    for row in rows:
        if options.json:
            print(json.dumps(asdict(row)))
        else:
            mark, numbers = " " if row.ok else "!", f"{row.published:>9} {row.measured:>9} ±{row.tolerance}"
            print(f"{mark} {row.where:24} {row.what:64} {numbers} n={row.counted}")
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

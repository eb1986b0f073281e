"""The course of a stay as it is charted: severity over time, vital signs that drift before a crisis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from careloom.simulate.life import Life
from careloom.simulate.measures import observe

_CHARTED = ("systolic", "diastolic", "heart_rate", "respiratory_rate", "temperature", "spo2")
_RAMP_HOURS = 10.0
_CRISIS = 2.6
"""Severity that a crisis adds at its worst; it builds up over `_RAMP_HOURS` before and fades in a day after.

source  Churpek et al., Chest 2012;141:1170: vital signs differ from controls 8 to 48 hours before the event
"""
_CRISIS_VITALS = {
    "heart_rate": 11.0,
    "respiratory_rate": 4.0,
    "spo2": -2.4,
    "systolic": -10.0,
    "diastolic": -5.0,
    "temperature": 0.25,
}
_CRISIS_LABS = {"lactate": 0.45, "leukocytes": 0.1, "bicarbonate": -1.6, "gfr": -6.0}


@dataclass(slots=True)
class Course:
    """How ill somebody is during a stay.

    severity  latent, about standard normal; it fades as the stay goes on
    dies      the stay ends in death: severity rises towards the end
    crises    when intensive care became necessary
    """

    begin: datetime
    end: datetime
    severity: float
    vitals: Mapping[str, float]
    labs: Mapping[str, float]
    dies: bool
    crises: list[datetime] = field(default_factory=list)

    @property
    def crisis(self) -> datetime | None:
        """The last crisis."""
        return self.crises[-1] if self.crises else None

    def severity_at(self, moment: datetime) -> float:
        """The severity of the illness itself; 1 + severity scales what is measured."""
        share = (moment - self.begin) / (self.end - self.begin)
        return self.severity - 1.6 * min(1.0, share)

    def _acute(self, moment: datetime) -> float:
        """How far a crisis or the approach of death is under way, in units of severity."""
        total = 0.0
        for crisis in self.crises:
            hours = (moment - crisis).total_seconds() / 3600.0
            if -_RAMP_HOURS < hours <= 0.0:
                total += _CRISIS * (1.0 + hours / _RAMP_HOURS)
            elif hours > 0.0:
                total += _CRISIS * math.exp(-hours / 22.0)
        if self.dies:
            left = (self.end - moment).total_seconds() / 3600.0
            total += 1.3 * _CRISIS * math.exp(-max(0.0, left) / 14.0)
        return total

    def vitals_at(self, moment: datetime) -> dict[str, float]:
        """What illness adds to vital signs, with the day's rhythm: a peak at about 17 h local time."""
        scale = max(0.0, 1.0 + self.severity_at(moment))
        extra = {name: value * scale for name, value in self.vitals.items()}
        acute = self._acute(moment)
        if acute:
            for name, value in _CRISIS_VITALS.items():
                extra[name] = extra.get(name, 0.0) + value * acute
        rhythm = math.cos((moment.hour + moment.minute / 60.0 - 22.0) / 24.0 * 2.0 * math.pi)
        extra["temperature"] = extra.get("temperature", 0.0) + 0.2 * rhythm
        extra["heart_rate"] = extra.get("heart_rate", 0.0) + 2.0 * rhythm
        return extra

    def labs_at(self, moment: datetime) -> dict[str, float]:
        """What illness adds to laboratory values."""
        scale = max(0.0, 1.0 + self.severity_at(moment))
        extra = {name: value * scale for name, value in self.labs.items()}
        acute = self._acute(moment)
        if acute:
            for name, value in _CRISIS_LABS.items():
                extra[name] = extra.get(name, 0.0) + value * acute
        return extra


def chart(life: Life, course: Course, stop: datetime) -> None:
    """Vital signs at admission and every four hours; every hour before and in a crisis, every two in intensive care."""
    moment = course.begin + timedelta(minutes=life.draw.whole(5, 20))
    while moment < stop:
        names = (*_CHARTED, "pain") if moment.hour % 8 == 0 else _CHARTED
        observe(life, names, course.vitals_at(moment), time=moment)
        moment += timedelta(minutes=60.0 * _gap_hours(course, moment) + life.draw.uniform(-8.0, 8.0))


def _gap_hours(course: Course, moment: datetime) -> float:
    for crisis in course.crises:
        hours = (moment - crisis).total_seconds() / 3600.0
        if -4.0 < hours < 6.0:
            return 1.0
        if 6.0 <= hours < 30.0:
            return 2.0
    return 4.0

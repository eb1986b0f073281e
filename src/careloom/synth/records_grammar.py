"""What may be said next in a patient's stream, and what it means: whatever words are drawn, the records hold together.

By construction: each event lies in an open encounter; nothing stands before birth, after death or after the end of the
data; nothing stops before it starts; nothing starts again while it has not ended, where that is not seen in the
data; and what only one sex can have, the other has not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from careloom.errors import QueryError
from careloom.synth.records import EVENTS
from careloom.synth.records_bins import Floats, Ints, draw
from careloom.synth.records_rows import DAY, OPEN_END
from careloom.synth.records_streams import UNKNOWN, Clock, clock
from careloom.synth.records_vocabulary import KINDS, PAD, Bools, Vocabulary

_NOWHERE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What of the vocabulary decides what may follow, as arrays by word.

    stages  [stages, words] what may be said: static by static, start, age, encounter, within an encounter, at the end
    lows    [words] lowest value of a bin; 0 where there is none
    active  [words] place of the code among those that may not start again; -1: it may
    only    [words] the word of the first static that it needs; -1: any
    forced  [statics] the word of each static category that was asked for; -1: any
    kinds   kind -> [words] which are of it; ``events`` for all that happens in an encounter
    """

    vocabulary: Vocabulary
    stages: Bools
    lows: Floats
    active: Ints
    only: Ints
    forced: Ints
    kinds: Mapping[str, Bools]


def rules(vocabulary: Vocabulary, given: Mapping[str, str] | None = None) -> Rules:
    """The rules of a vocabulary.

    given   static category -> the value that every patient has
    raises  QueryError for a category or a value that has no word
    """
    statics = len(vocabulary.statics)
    stages = np.zeros((statics + 5, vocabulary.size), bool)
    keys = vocabulary.keys
    for at, name in enumerate(vocabulary.statics):
        stages[at] = [key == ("static", name) for key in keys]
    for at, kind in enumerate(("start", "age", "encounter")):
        stages[statics + at] = vocabulary.is_kind(kind)
    stages[statics + 3] = vocabulary.is_kind("gap", "later", "death", "end", *EVENTS)
    stages[statics + 4, PAD] = True
    once = [key for key, entry in vocabulary.entries.items() if key[0] in EVENTS and not entry.repeats]
    places = {key: at for at, key in enumerate(once)}
    active = np.array([places.get(key, _NOWHERE) for key in keys])
    needs = {key: _word(vocabulary, vocabulary.statics[0], entry.only)
             for key, entry in vocabulary.entries.items() if entry.only}  # fmt: skip
    only = np.array([needs.get(key, _NOWHERE) for key in keys])
    forced = np.full(statics, _NOWHERE)
    for name, value in (given or {}).items():
        if name not in vocabulary.statics:
            raise QueryError(f"there is no category {name}", f"Name one of {', '.join(vocabulary.statics) or 'none'}.")
        forced[vocabulary.statics.index(name)] = _word(vocabulary, name, value)
    kinds = {kind: vocabulary.is_kind(kind) for kind in KINDS} | {"events": vocabulary.is_kind(*EVENTS)}
    return Rules(vocabulary, stages, np.nan_to_num(vocabulary.knots[:, 0]), active, only, forced, kinds)


def _word(vocabulary: Vocabulary, name: str, value: str) -> int:
    answers = vocabulary.entries["static", name].bins.answers
    if value not in answers:
        raise QueryError(f"{name}: nobody is so", f"Name one of {', '.join(answers)}.")
    return vocabulary.first["static", name] + answers.index(value)


@dataclass(slots=True, eq=False)
class Lives:
    """Patients whose streams are being told, each by arrays [patients]; minutes and days since 1970.

    stage     row of `Rules.stages`
    sex       word of the first static
    begun, ends, block  minute at which the open encounter starts and ends, and that of its day that is told
    latest    the latest end of an encounter
    rank      of the last event of the day
    until     [patients, codes] minute at which each code ends that may not start again
    dead      minute of death; OPEN_END: alive at the end
    """

    rules: Rules
    stage: Ints
    sex: Ints
    day: Ints
    birth: Ints
    first: Ints
    begun: Ints
    ends: Ints
    block: Ints
    latest: Ints
    rank: Ints
    until: Ints
    dead: Ints

    @property
    def are_over(self) -> Bools:
        """[patients] whose stream has ended."""
        over: Bools = self.stage == len(self.rules.stages) - 1
        return over

    def clock(self) -> Clock:
        """[patients, features] what is known of time after the last word."""
        return clock(self.day, self.birth, self.first, self.rules.vocabulary.last_day)

    def allowed(self) -> Bools:
        """[patients, words] what may be said next: always something."""
        made, known = self.rules, self.rules.vocabulary
        out: Bools = made.stages[self.stage]
        for at, word in enumerate(made.forced.tolist()):
            if word != _NOWHERE:
                out[self.stage == at] = np.arange(known.size) == word
        left = known.last_day - self.begun // DAY
        jumps = np.flatnonzero(made.kinds["gap"] | made.kinds["death"])
        out[:, jumps] &= made.lows[jumps] <= left[:, None]
        happens = np.flatnonzero(made.kinds["events"])
        out[:, happens] &= known.ranks[happens] > self.rank[:, None]
        later = np.flatnonzero(made.kinds["later"])
        out[:, later] &= self.block[:, None] + np.maximum(made.lows[later], 1) * DAY <= self.ends[:, None]
        once = np.flatnonzero(made.active >= 0)
        out[:, once] &= self.until[:, made.active[once]] <= self.block[:, None]
        picky = np.flatnonzero(made.only >= 0)
        out[:, picky] &= made.only[picky] == self.sex[:, None]
        return out

    def tell(self, words: Ints, source: np.random.Generator) -> Floats:
        """Says one word of each patient, one that is allowed, and moves on. [patients] what the word stands for."""
        values, kinds = self._values(words, source), self.rules.kinds
        over, statics = self.are_over, len(self.rules.forced)
        if statics:
            np.copyto(self.sex, words, where=self.stage == 0)
        for name, move in (("start", self._start), ("age", self._age), ("gap", self._gap), ("later", self._later),
                           ("death", self._die)):  # fmt: skip
            if (mine := kinds[name][words] & ~over).any():
                values[mine] = move(mine, values[mine])
        if (mine := kinds["encounter"][words] & ~over).any():
            values[mine] = self._enter(mine, words[mine], values[mine], source)
        if (mine := kinds["events"][words] & ~over).any():
            self._happen(mine, words[mine], values[mine])
        stage = np.where(self.stage < statics + 3, self.stage + 1, self.stage)
        stage[kinds["gap"][words]] = statics + 2
        stage[kinds["death"][words] | kinds["end"][words] | kinds["pad"][words]] = statics + 4
        self.stage = np.where(over, self.stage, stage)
        return values

    def _values(self, words: Ints, source: np.random.Generator) -> Floats:
        known = self.rules.vocabulary
        drawn = draw(known.knots[words], source.random(len(words)))
        digits = known.decimals[words]
        out: Floats = np.round(drawn * 10.0**digits) / 10.0**digits
        return out

    def _start(self, mine: Bools, days: Floats) -> Floats:
        self.day[mine] = self.first[mine] = np.minimum(days, self.rules.vocabulary.last_day).astype(np.int64)
        return days

    def _age(self, mine: Bools, days: Floats) -> Floats:
        self.birth[mine] = np.where(np.isnan(days), UNKNOWN, self.day[mine] - np.nan_to_num(days)).astype(np.int64)
        return days

    def _gap(self, mine: Bools, days: Floats) -> Floats:
        days = np.minimum(np.nan_to_num(days), self.rules.vocabulary.last_day - self.day[mine])
        self.day[mine] = self.begun[mine] // DAY + days.astype(np.int64)
        return days

    def _later(self, mine: Bools, days: Floats) -> Floats:
        most = (self.ends[mine] - self.block[mine]) // DAY
        days = np.clip(np.nan_to_num(days), 1, np.maximum(most, 1))
        self.block[mine] += days.astype(np.int64) * DAY
        self.day[mine] += days.astype(np.int64)
        self.rank[mine] = _NOWHERE
        return days

    def _die(self, mine: Bools, days: Floats) -> Floats:
        end = (self.rules.vocabulary.last_day + 1) * DAY - 1
        minute = self.begun[mine] + np.nan_to_num(days).astype(np.int64) * DAY
        self.dead[mine] = np.minimum(np.maximum(minute, self.latest[mine]), end)
        return days

    def _enter(self, mine: Bools, words: Ints, lasts: Floats, source: np.random.Generator) -> Floats:
        known = self.rules.vocabulary
        end = (known.last_day + 1) * DAY - 1
        at = np.empty(len(words), np.int64)
        for word in np.unique(words):
            same = words == word
            half = np.array(known.hours.get(known.keys[word][1], (1.0,) * 48))
            place = np.searchsorted(np.cumsum(half) / half.sum(), source.random(int(same.sum())), side="right")
            at[same] = np.minimum(place, 47) * 30 + source.integers(0, 30, int(same.sum()))
        started = np.maximum(self.day[mine] * DAY + at, self.begun[mine] + 1)
        self.begun[mine] = self.block[mine] = np.minimum(started, end)
        self.day[mine] = self.begun[mine] // DAY
        self.ends[mine] = np.minimum(np.where(np.isnan(lasts), end, self.begun[mine] + np.nan_to_num(lasts)), end)
        self.latest[mine] = np.maximum(self.latest[mine], self.ends[mine])
        self.rank[mine] = _NOWHERE
        return np.where(np.isnan(lasts), np.nan, self.ends[mine] - self.begun[mine])

    def _happen(self, mine: Bools, words: Ints, lasts: Floats) -> None:
        made = self.rules
        self.rank[mine] = made.vocabulary.ranks[words]
        who, once = np.flatnonzero(mine), made.active[words] >= 0
        minute = self.block[mine] + np.where(np.isnan(lasts), OPEN_END, np.nan_to_num(lasts)).astype(np.int64)
        self.until[who[once], made.active[words[once]]] = minute[once]


def lives(made: Rules, patients: int) -> Lives:
    """So many patients of whom nothing is told yet."""
    zeros: list[Ints] = [np.zeros(patients, np.int64) for _ in range(11)]
    until = np.full((patients, int(made.active.max()) + 1), -OPEN_END)
    stage, sex, day, birth, first, begun_at, ends, block, latest, rank, dead = zeros
    begun = Lives(made, stage, sex, day, birth, first, begun_at, ends, block, latest, rank, until, dead)
    for each in (begun.sex, begun.rank):
        each += _NOWHERE
    for each in (begun.day, begun.birth, begun.first):
        each += UNKNOWN
    begun.begun -= OPEN_END
    begun.latest -= OPEN_END
    begun.dead += OPEN_END
    return begun


def kept(told: Lives, rows: Ints) -> Lives:
    """Only these patients."""
    arrays: Sequence[npt.NDArray[np.int64]] = [
        told.stage, told.sex, told.day, told.birth, told.first, told.begun, told.ends, told.block, told.latest,
        told.rank, told.until, told.dead,
    ]  # fmt: skip
    return Lives(told.rules, *(each[rows] for each in arrays))

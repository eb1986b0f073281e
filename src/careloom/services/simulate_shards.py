"""Patients of a simulated hospital, shard by shard, in any number of processes: the same bytes in the same order."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import orjson

from careloom.errors import StateError
from careloom.pipeline.workers import in_order
from careloom.simulate.answers import NoteAnswer
from careloom.simulate.charts import Place
from careloom.simulate.draw import Draw
from careloom.simulate.feeds import feed_files
from careloom.simulate.history import History
from careloom.simulate.hospital import Hospital, build_hospital
from careloom.simulate.notes import notes_of
from careloom.simulate.patients import simulate_patient
from careloom.simulate.pieces import FeedOptions

PATIENTS_PER_SHARD = 25


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what a hospital's files hold."""

    seed: int
    sites: int
    present: date
    options: FeedOptions
    with_notes: bool


@dataclass(slots=True)
class Shard:
    """What some patients add.

    pieces  (path, order, bytes)
    counts  events by kind
    """

    patients: int
    pieces: list[tuple[str, str, bytes]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Workshop:
    """A recipe with the hospital it makes: simulates one shard after the other."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.hospital: Hospital = build_hospital(recipe.seed, recipe.sites)
        self.place = Place(
            {site.site_id: site for site in self.hospital.sites},
            {one.clinician_id: one for one in self.hospital.clinicians},
        )

    def shard(self, numbers: Sequence[int]) -> Shard:
        """The pieces of patients with these numbers."""
        made = Shard(len(numbers))
        for number in numbers:
            history = simulate_patient(number, self._recipe.seed, hospital=self.hospital, present=self._recipe.present)
            notes = self._notes(number, history)
            pieces, answers = feed_files(history, self.place, self._recipe.options, notes)
            made.pieces += [(piece.path, piece.order, piece.data) for piece in pieces]
            order = f"{number:012d}"
            for name, rows in (
                ("outcomes", answers.outcomes), ("identities", answers.identities), ("dirt", answers.dirt),
                ("notes", notes),
            ):  # fmt: skip
                if rows:
                    made.pieces.append((f"answers/{name}.ndjson", order, b"".join(map(_line, rows))))
                    made.counts[f"answers.{name}"] += len(rows)
            _count(made.counts, history)
        return made

    def _notes(self, number: int, history: History) -> list[NoteAnswer]:
        if not self._recipe.with_notes:
            return []
        stream = Draw(self._recipe.seed, number, "notes")
        return [note.gold for note in notes_of(history, self.hospital, stream)]


def _line(row: object) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _count(counts: Counter[str], history: History) -> None:
    for name in (
        "encounters", "conditions", "observations", "reports", "medications", "allergies", "immunizations",
        "procedures", "appointments",
    ):  # fmt: skip
        counts[name] += len(getattr(history, name))
    counts["deaths"] += history.person.death is not None


def _working(recipe: Recipe) -> Callable[[Sequence[int]], Shard]:
    return Workshop(recipe).shard


def shards(recipe: Recipe, patients: int, processes: int) -> Iterator[Shard]:
    """Every patient from number 1, in order.

    raises  StateError if a worker dies
    """
    parts = [
        range(first, min(first + PATIENTS_PER_SHARD, patients + 1))
        for first in range(1, patients + 1, PATIENTS_PER_SHARD)
    ]
    if processes == 1 or len(parts) == 1:
        yield from map(_working(recipe), parts)
        return
    lost = StateError(
        "simulate: a worker process ended before its patients were done",
        "Start anew in an empty folder. Fewer processes need less memory.",
    )
    yield from (shard for _, shard in in_order(_working, recipe, parts, processes, lost))

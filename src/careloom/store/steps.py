"""One caller's step in a transaction that it may share with others; steps that look first are written at once."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from careloom.errors import CareloomError
from careloom.store.transaction import Transaction

T = TypeVar("T")
P = TypeVar("P")
Name = tuple[str, str]
"""(type, id) of a resource."""


@dataclass(frozen=True, slots=True)
class Phased(Generic[P, T]):
    """A step in two phases: several look one after the other, and are then written with the same statements.

    look    what is to be written, from the state before any of them; reads only. What it raises is its caller's alone
    wanted  resources whose presence it will look for: that is asked once for all steps
    names   what that is about: a step about what an earlier one is about looks again once that is written
    write   writes what several looks gave, and returns what became of each; the same function for steps that join
    """

    look: Callable[[Transaction], P]
    wanted: Collection[Name]
    names: Callable[[P], Collection[Name]]
    write: Callable[[Transaction, Sequence[P]], Sequence[T]]


class Step(Generic[T]):
    """What one caller does in a transaction, and what came of it.

    act  looks first and writes last: an error before its first write is its own, one after it undoes the transaction
    """

    def __init__(self, act: Callable[[Transaction], T] | Phased[Any, T]) -> None:
        self.act = act
        self._results: list[T] = []
        self._error: CareloomError | None = None

    def run(self, transaction: Transaction, act: Callable[[Transaction], T]) -> None:
        """Does it. raises whatever `act` raises once it has written, and what is no `CareloomError` at any time"""
        written = transaction.written
        try:
            self._results = [act(transaction)]
        except CareloomError as error:
            if transaction.written != written:
                raise
            self._error = error

    def look(self, transaction: Transaction, phased: Phased[P, T]) -> list[P]:
        """What the first phase gives; nothing where it raised what is its caller's own."""
        try:
            return [phased.look(transaction)]
        except CareloomError as error:
            self._error = error
            return []

    def end(self, result: T) -> None:
        """Keeps what became of it."""
        self._results = [result]

    def result(self) -> T:
        """What `act` returned. raises what it raised"""
        if self._error is not None:
            raise self._error
        return self._results[0]


class _Looked:
    """Steps that have looked and wait to be written together."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._waiting: list[tuple[Step[Any], Any]] = []
        self._names: set[Name] = set()
        self._write: Callable[[Transaction, Sequence[Any]], Sequence[Any]] | None = None

    def add(self, step: Step[Any], phased: Phased[Any, Any]) -> None:
        """Lets a step look, after those are written on which it depends."""
        if self._write is not phased.write:
            self.flush()
        for found in step.look(self._transaction, phased):
            names = phased.names(found)
            if not self._names.isdisjoint(names):
                self.flush()
                self.add(step, phased)
                return
            self._write = phased.write
            self._names.update(names)
            self._waiting.append((step, found))

    def flush(self) -> None:
        """Writes what waits."""
        if self._write is not None and self._waiting:
            results = self._write(self._transaction, [found for _, found in self._waiting])
            for (step, _), result in zip(self._waiting, results, strict=True):
                step.end(result)
        self._waiting, self._names, self._write = [], set(), None


def run_all(transaction: Transaction, steps: Sequence[Step[Any]]) -> None:
    """Runs steps as if one after the other, in their order. raises what undoes the transaction"""
    looked = _Looked(transaction)
    wanted = {name for step in steps if isinstance(step.act, Phased) for name in step.act.wanted}
    if wanted:
        transaction.present(wanted)
    for step in steps:
        if isinstance(step.act, Phased):
            looked.add(step, step.act)
        else:
            looked.flush()
            step.run(transaction, step.act)
    looked.flush()

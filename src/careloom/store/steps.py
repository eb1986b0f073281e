"""One caller's step in a transaction that it may share with others."""

from collections.abc import Callable
from typing import Generic, TypeVar

from careloom.errors import CareloomError
from careloom.store.transaction import Transaction

T = TypeVar("T")


class Step(Generic[T]):
    """What one caller does in a transaction, and what came of it.

    act  looks first and writes last: an error before its first write is its own, one after it undoes the transaction
    """

    def __init__(self, act: Callable[[Transaction], T]) -> None:
        self._act = act
        self._results: list[T] = []
        self._error: CareloomError | None = None

    def run(self, transaction: Transaction) -> None:
        """Does it. raises whatever `act` raises once it has written, and what is no `CareloomError` at any time"""
        written = transaction.written
        try:
            self._results = [self._act(transaction)]
        except CareloomError as error:
            if transaction.written != written:
                raise
            self._error = error

    def result(self) -> T:
        """What `act` returned. raises what it raised"""
        if self._error is not None:
            raise self._error
        return self._results[0]

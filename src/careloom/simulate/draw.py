"""Chance with a seed: one stream a patient, so that any order and any number of processes give the same patient.

Built on `random.Random.random` alone, whose sequence for a seed is the same in every Python 3 (documented).
"""

import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Draw:
    """A stream of chance."""

    __slots__ = ("_next", "_spare")

    def __init__(self, seed: int, *path: int | str) -> None:
        """The stream of `path` (a patient's number, a purpose) under a seed."""
        name = ":".join(str(part) for part in (seed, *path)).encode()
        self._next = Random(int.from_bytes(hashlib.sha256(name).digest()[:8])).random
        self._spare: float | None = None

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Uniform on [low, high)."""
        return low + (high - low) * self._next()

    def hit(self, probability: float) -> bool:
        """True with that probability."""
        return self._next() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number, uniform on low..high, both included."""
        return low + int(self._next() * (high - low + 1))

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """Normal (Box and Muller, 1958)."""
        spare = self._spare
        if spare is not None:
            self._spare = None
            return mean + deviation * spare
        radius = math.sqrt(-2.0 * math.log(1.0 - self._next()))
        angle = 2.0 * math.pi * self._next()
        self._spare = radius * math.sin(angle)
        return mean + deviation * radius * math.cos(angle)

    def exponential(self, mean: float) -> float:
        """Exponential with that mean."""
        return -mean * math.log(1.0 - self._next())

    def gamma_of_four(self, mean: float) -> float:
        """Gamma with shape 4 and that mean: the sum of four exponentials (coefficient of variation one half)."""
        product = (1.0 - self._next()) * (1.0 - self._next()) * (1.0 - self._next()) * (1.0 - self._next())
        return -mean / 4.0 * math.log(product)

    def count(self, mean: float) -> int:
        """Poisson, by counting exponential gaps."""
        left, hits = mean, -1
        while left >= 0.0:
            left -= self.exponential(1.0)
            hits += 1
        return hits

    def pick(self, items: Sequence[Item]) -> Item:
        """One of them, all alike."""
        return items[int(self._next() * len(items))]

    def weighted(self, items: Sequence[Item], weights: Sequence[float]) -> Item:
        """One of them by weight; weights need not add up to one."""
        left = self._next() * sum(weights)
        for item, weight in zip(items, weights, strict=True):
            left -= weight
            if left < 0.0:
                return item
        return items[-1]

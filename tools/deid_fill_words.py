"""Words for templates that identify nobody and stay: titles, trades, drugs, diseases, findings, figures."""

import tomllib
from pathlib import Path
from random import Random

LISTS: dict[str, tuple[str, ...]] = {
    kind: tuple(values)
    for kind, values in tomllib.loads(Path(__file__).with_name("deid_words.toml").read_text("utf-8")).items()
}


def word(kind: str, rng: Random) -> str:
    """A word of a kind."""
    return rng.choice(LISTS[kind])


def age(rng: Random) -> str:
    """An age up to 89."""
    return str(rng.randint(1, 89))


def age_over_89(rng: Random) -> str:
    """An age of 90 or more."""
    return rng.choice(
        (str(rng.randint(90, 104)), str(rng.randint(90, 99)), "ninety-two", "ninety-five", "one hundred and one")
    )


def number(rng: Random) -> str:
    """A number that counts something."""
    return rng.choice(
        (
            str(rng.randint(2, 20)),
            str(rng.randint(2, 400)),
            "two",
            "three",
            "five",
            "a dozen",
            f"{rng.uniform(0.1, 40):.1f}",
        )
    )

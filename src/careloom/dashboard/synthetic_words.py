"""Synthetic data in words: measures of a judgement with how they are read, the rules of the gate, states."""

from collections.abc import Mapping
from typing import NamedTuple

from careloom.client.synthetic_reports import SampleFinding, SampleMeasure
from careloom.dashboard import words

TITLE = "Synthetic data"
FIDELITY, UTILITY, ATTACKS, ROWS = "fidelity", "utility", "attacks", "rows"


class Said(NamedTuple):
    """What a measure is called, how it is read, and with what it stands."""

    title: str
    reading: str
    group: str


MEASURES: Mapping[str, Said] = {
    "shape": Said("Columns", "mean error of one column; 0 is as real", FIDELITY),
    "trend": Said("Pairs of columns", "mean error of two together; 0 is as real", FIDELITY),
    "strong_trend": Said("Pairs that hang together", "mean error of strong pairs; 0 is as real", FIDELITY),
    "triples": Said("Three columns together", "mean error; 0 is as real", FIDELITY),
    "missing": Said("Missing values", "error of their patterns; 0 is as real", FIDELITY),
    "gaps": Said("Time between encounters", "distance of distributions; 0 is as real", FIDELITY),
    "counts": Said("Encounters and events of a patient", "distance, the worst table; 0 is as real", FIDELITY),
    "values": Said("Values of observations", "mean distance; 0 is as real", FIDELITY),
    "alpha_precision": Said("Rows that could be real", "1 is all", FIDELITY),
    "beta_recall": Said("Real rows that are covered", "1 is all", FIDELITY),
    "codes_of_encounters": Said("How frequent codes are", "R2; 1 is as real", FIDELITY),
    "codes_together": Said("Codes that come together", "R2; 1 is as real", FIDELITY),
    "agreement": Said("Notes that say what their records say", "F1 of facts; 1 is all", FIDELITY),
    "detection": Said("Told from real rows", "area; 0.5 is not at all, 1 is always", FIDELITY),
    "utility": Said("Score kept", "trained on synthetic, by trained on real; 1 is all", UTILITY),
    "utility_score": Said("Trained on synthetic rows", "score on real patients who were set aside", UTILITY),
    "utility_score_of_real": Said("Trained on real rows", "score on the same patients", UTILITY),
    "group_gap": Said("Worst group", "how much more a group loses than all; 0 is none", UTILITY),
    "membership_area": Said("Membership: who was learnt from", "area; 0.5 is a guess, 1 is always", ATTACKS),
    "same_source": Said("Learnt and set aside, without the rows", "area; far from 0.5 attacks say nothing", ATTACKS),
    "membership_hits": Said("Members found", "share, while 1 % of others are accused; 0.01 is a guess", ATTACKS),
    "singling_out": Said("Singling out", "beyond patients who were set aside; 0 is none", ATTACKS),
    "linkability": Said("Linking two parts of a record", "beyond patients who were set aside; 0 is none", ATTACKS),
    "inference": Said("Attribute inference", "beyond patients who were set aside; 0 is none", ATTACKS),
    "copies_of_patients": Said("Patients copied whole", "share beyond those set aside; 0 is none", ATTACKS),
    "copies_excess": Said("Rows that copy a patient", "share beyond those set aside; 0 or less is none", ATTACKS),
    "rare_combinations_excess": Said(
        "Rare combinations that come back", "share beyond those set aside; 0 or less is none", ATTACKS
    ),
    "courses_excess": Said("Courses that come back", "share beyond those set aside; 0 or less is none", ATTACKS),
    "copied_excess": Said("Runs of words that come back", "share beyond those set aside; 0 or less is none", ATTACKS),
    "attacks_that_see": Said("Attacks that see something", "0 is none", ATTACKS),
    "weak_attacks": Said("Attacks too weak to tell", "they would not see even the learnt themselves", ATTACKS),
    "longest_run": Said("Longest run of copied words", "words in a row of a note that was learnt", ATTACKS),
    "identifiers": Said("Identifiers in notes", "0 is none", ATTACKS),
    "epsilon": Said("Bound (epsilon)", "per patient; smaller is stricter", ROWS),
    "delta": Said("Chance that the bound fails (delta)", "", ROWS),
    "patients": Said("Patients learnt from", "of few the attacks say little", ROWS),
    "small_cells": Said("Rare values shown", "in no code book, of too few patients; 0 is none", ROWS),
    "broken_rules": Said("Broken rules", "of what is declared of the table; 0 is none", ROWS),
    "invalid_resources": Said("Invalid resources", "no valid FHIR R4, or pointing nowhere; 0 is none", ROWS),
}  # fmt: skip
"""In the order in which they are shown."""


class Engine(NamedTuple):
    """What an engine is for, and what bounds what its rows tell of a patient."""

    use: str
    bound: str


ENGINES: Mapping[str, Engine] = {
    "marginals": Engine(
        "Noisy counts of columns and pairs: the best under a strict bound (epsilon 3 or less).", "always"
    ),
    "autoregressive": Engine(
        "Each column from those before it: rows that models learn well from, any condition.", "by epsilon"
    ),
    "diffusion": Engine(
        "Noise taken away step by step: faithful to mixed tables, small ones too.", "never"
    ),
    "gan": Engine(
        "Two networks against each other: for balanced and for conditional tables.", "by epsilon"
    ),
    "vae": Engine(
        "An autoencoder with a learnt prior: good rows within a minute.", "by epsilon"
    ),
    "records": Engine(
        "Whole patients, one event after the other.", "by epsilon"
    ),
    "notes": Engine(
        "Notes that tell what records say.", "by epsilon"
    ),
}  # fmt: skip
AREAS = ("membership_area", "same_source")
BEYOND = (
    "singling_out", "linkability", "inference", "copies_of_patients", "copies_excess", "rare_combinations_excess",
    "courses_excess", "copied_excess",
)  # fmt: skip
ERRORS = ("shape", "trend", "strong_trend", "triples", "missing", "gaps", "counts", "values")
"""Measures of fidelity that are 0 where rows are as real ones."""
OF_REAL = "_of_controls"
STATES = {
    "waiting": "", "running": "run", "drawing": "run", "releasing": "run", "staged": "", "judged": "",
    "released": "good", "refused": "bad", "failed": "bad", "withdrawn": "", "discarded": "", "cancelled": "warn",
}  # fmt: skip
"""State of a sample -> tone."""
KINDS = {"fidelity": "Fidelity", "detection": "Detection", "utility": "Utility", "privacy": "Attacks on privacy"}


def measure(name: str) -> str:
    """What a measure is called; that of real rows is told apart."""
    if name.endswith(OF_REAL):
        return f"{measure(name.removesuffix(OF_REAL))}, real rows"
    return MEASURES[name].title if name in MEASURES else words.spaced(name.replace("_", " "))


def reading(name: str) -> str:
    """How a measure is read; empty where nothing is to be said."""
    known = MEASURES.get(name.removesuffix(OF_REAL))
    return known.reading if known else ""


def rule(one: SampleFinding) -> str:
    """A rule of the gate in words: ``Membership: who was learnt from, upper bound, at most 0.55``."""
    name, _, rest = one.rule.partition(" ")
    comma = "," if name.endswith(",") else ""
    return f"{measure(name.rstrip(','))}{comma} {rest}"


def why(one: SampleFinding) -> str:
    """What a rule guards, in the policy's own sentence, without names of its settings."""
    return one.why.replace("fewer than `small_cell` patients", "too few patients").replace("`", "")


def grouped(measures: tuple[SampleMeasure, ...], group: str) -> list[SampleMeasure]:
    """The measures of a group in their order, each followed by that of real rows; unknown ones stand with the rows."""
    order = list(MEASURES)

    def place(one: SampleMeasure) -> tuple[int, str]:
        base = one.name.removesuffix(OF_REAL)
        return (order.index(base) if base in order else len(order), one.name)

    def belongs(one: SampleMeasure) -> bool:
        known = MEASURES.get(one.name.removesuffix(OF_REAL))
        return (known.group if known else ROWS) == group

    return sorted((one for one in measures if belongs(one)), key=place)


def number(value: float | None) -> str:
    """``0.0123``, ``8,123``; a dash where it is not defined."""
    if value is None:
        return words.NONE
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def interval(one: SampleMeasure) -> str:
    """``0.41 to 0.53``; a dash without an interval."""
    return words.NONE if one.low is None or one.high is None else f"{number(one.low)} to {number(one.high)}"


def epsilon(value: float | None) -> str:
    """A spent epsilon; None is without bound."""
    return "without bound" if value is None else f"{value:.4g}"


def holds(kind: str, rows: int, patients: int | None = None, notes: int | None = None) -> str:
    """What a sample or a release holds, in one line."""
    if kind == "table":
        return f"{rows:,} rows"
    counts = [f"{count:,} {name}" for count, name in ((patients, "patients"), (notes, "notes")) if count]
    return f"{', '.join(counts) or 'records'} in {rows:,} resources"

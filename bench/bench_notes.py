"""The reading of notes on one core: entities alone, the whole reader with facts as FHIR, memory and cold start.

Notes are those of the bundled hospital's simulator at seed 7, as `careloom evaluate nlp --task speed` reads them.
"""

import tempfile
from pathlib import Path

from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp
from careloom.services.simulate import SimulateAsk, simulate
from measure import report

PATIENTS, SEED = 12, 7
LIMITS = (("1/s", 30, 60), ("1/s", 10, 20), ("MB", 25, 16), ("MB", 500, 250), ("s", 2, 1))
"""Unit, must and aim of each measure, in their order."""


def main() -> None:
    """Measures once and reports each number by its limits."""
    with tempfile.TemporaryDirectory() as name:
        simulate(SimulateAsk(Path(name) / "simulated", PATIENTS, SEED, feeds=("notes",)))
        told = evaluate_nlp(EvaluateNlpAsk(Path(name), ("speed",))).tasks["speed"].measures
    for one, (unit, must, aim) in zip(told, LIMITS, strict=True):
        report(one.name, one.value or 0, unit, must=must, aim=aim, lower_is_better=unit != "1/s")


if __name__ == "__main__":
    main()

"""The simulator: CPU time of a history, of a patient as FHIR, and of a patient with notes and all feeds.

The limits are those of one core: 20,000 patients as FHIR in 5 minutes on two are 30 ms each, 1,000 with everything in
2 minutes on two are 240 ms each.
"""

from careloom.services.simulate_shards import Recipe, Workshop
from careloom.simulate.patients import PRESENT, simulate_patient
from careloom.simulate.pieces import FEEDS, FeedOptions
from measure import cpu_seconds, report

PATIENTS = 100


def milliseconds(options: FeedOptions, *, with_notes: bool) -> float:
    """CPU time of one patient, written by a workshop."""
    workshop = Workshop(Recipe(1, 3, PRESENT, options, with_notes))
    return cpu_seconds(lambda: workshop.shard(range(1, PATIENTS + 1)), repeat=3) / PATIENTS * 1000.0


def main() -> None:
    """Measures and reports."""
    hospital = Workshop(Recipe(1, 3, PRESENT, FeedOptions(1), with_notes=False)).hospital
    history = cpu_seconds(
        lambda: [simulate_patient(number, 1, hospital=hospital) for number in range(1, PATIENTS + 1)], repeat=3
    )
    report("history of a patient", history / PATIENTS * 1000.0, "ms", must=10.0, lower_is_better=True)
    fhir = milliseconds(FeedOptions(1, ("fhir",)), with_notes=False)
    report("patient as FHIR without notes", fhir, "ms", must=30.0, aim=20.0, lower_is_better=True)
    everything = milliseconds(FeedOptions(1, FEEDS), with_notes=True)
    report("patient with notes in all feeds", everything, "ms", must=240.0, lower_is_better=True)


if __name__ == "__main__":
    main()

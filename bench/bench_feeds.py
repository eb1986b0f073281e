"""Feeds of simulated patients: CPU time of each format, and of all with notes, per patient."""

from careloom.simulate.charts import Place
from careloom.simulate.draw import Draw
from careloom.simulate.feeds import feed_files
from careloom.simulate.hospital import build_hospital
from careloom.simulate.notes import notes_of
from careloom.simulate.patients import simulate_patient
from careloom.simulate.pieces import FEEDS, Feed, FeedOptions
from measure import cpu_seconds, report

PATIENTS = 40
SEED = 1
LIMIT_MS = 240.0
"""1,000 patients in two minutes on two cores: all that one patient may cost."""


def main() -> None:
    """Measures on the first patients of a seed."""
    hospital = build_hospital(SEED)
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    numbers = range(1, PATIENTS + 1)
    histories = [simulate_patient(number, SEED, hospital=hospital) for number in numbers]
    notes = [
        [note.gold for note in notes_of(history, hospital, Draw(SEED, number, "notes"))]
        for number, history in zip(numbers, histories, strict=True)
    ]

    def written(feeds: tuple[Feed, ...]) -> float:
        """Milliseconds per patient."""
        options = FeedOptions(SEED, feeds, "some")

        def work() -> None:
            for history, told in zip(histories, notes, strict=True):
                feed_files(history, place, options, told)

        return cpu_seconds(work, repeat=3) / PATIENTS * 1e3

    for feed in FEEDS:
        report(f"simulated feeds, {feed}, per patient", written((feed,)), "ms", lower_is_better=True)
    life = cpu_seconds(lambda: [simulate_patient(n, SEED, hospital=hospital) for n in numbers], repeat=3)
    words = cpu_seconds(
        lambda: [list(notes_of(h, hospital, Draw(SEED, n, "notes"))) for n, h in zip(numbers, histories, strict=True)],
        repeat=3,
    )
    whole = (life + words) / PATIENTS * 1e3 + written(FEEDS)
    report("a simulated patient, notes and all feeds", whole, "ms", must=LIMIT_MS, aim=20.0, lower_is_better=True)


if __name__ == "__main__":
    main()

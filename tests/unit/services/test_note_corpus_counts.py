"""Counts over notes: what is shown is true, is of enough patients, and adds up with nothing that gives few away."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom.services.note_corpus_counts import Narrowed, counted
from careloom.services.note_corpus_rows import PLAIN, SAID, Corpus, month_of

SMALLEST = 3
LABELS = ("PROBLEM", "MEDICATION", "DOSAGE")
CONCEPTS = tuple(("http://snomed.info/sct", str(code), f"concept {code}") for code in range(6))
NOTE = st.tuples(
    st.integers(0, 9), st.sampled_from([PLAIN, *range(24_300, 24_312)]), st.integers(0, 2),
    st.lists(st.tuples(st.integers(PLAIN, 5), st.integers(0, 2), st.integers(PLAIN, len(SAID) - 1)), max_size=5),
)  # fmt: skip
Note = tuple[int, int, int, list[tuple[int, int, int]]]


def corpus(notes: list[Note]) -> Corpus:
    rows = np.array([note[:3] for note in notes], dtype=np.int64).reshape(-1, 3)
    mentions = np.array(
        [(place, *each) for place, note in enumerate(notes) for each in note[3]], dtype=np.int64
    ).reshape(-1, 4)
    people = tuple(f"p{number}" for number in range(10))
    return Corpus(
        people, rows[:, 0], rows[:, 1], rows[:, 2], ("a", "b", ""), mentions[:, 0], mentions[:, 1], CONCEPTS,
        mentions[:, 2], LABELS, mentions[:, 3], len(notes),
    )  # fmt: skip


def period_of(month: int, step: str) -> str:
    year, rest = f"{month // 12:04}", month % 12
    return {"month": f"{year}-{rest + 1:02}", "quarter": f"{year}-Q{rest // 3 + 1}", "year": year}[step]


@settings(max_examples=150, deadline=None)
@given(st.lists(NOTE, max_size=60), st.sets(st.sampled_from(SAID)), st.booleans())
def test_every_count_is_that_of_a_slow_count_and_of_enough_patients(
    notes: list[Note], said: set[str], is_narrowed: bool
) -> None:
    labels = ("PROBLEM",) if is_narrowed else ()
    made = counted(corpus(notes), Narrowed(labels, tuple(sorted(said))), SMALLEST)
    holds: dict[int, list[int]] = defaultdict(list)
    for place, (_, _, _, mentions) in enumerate(notes):
        some = [each for each in mentions if each[0] != PLAIN and (not labels or each[1] == 0)]
        for concept in {each[0] for each in some if not said or (each[2] != PLAIN and SAID[each[2]] in said)}:
            holds[concept].append(place)
    patients = {concept: {notes[place][0] for place in places} for concept, places in holds.items()}
    shown = {int(one["code"]): one for one in made["concepts"]}
    assert set(shown) == {concept for concept, behind in patients.items() if len(behind) >= SMALLEST}
    assert made["left_out"] == len(patients) - len(shown)
    unit = SMALLEST if labels or said else 1

    def down(number: int) -> int:
        return number // unit * unit

    for concept, one in shown.items():
        assert (one["notes"], one["patients"]) == (down(len(holds[concept])), down(len(patients[concept])))
        assert all(number is None or number == 0 or number >= SMALLEST for number in one["said"].values())
    codes = [int(one["code"]) for one in made["concepts"]]
    for pair in made["pairs"]:
        first, second = codes[pair["first"]], codes[pair["second"]]
        both = set(holds[first]) & set(holds[second])
        behind = {notes[place][0] for place in both}
        assert (pair["notes"], pair["patients"]) == (down(len(both)), down(len(behind)))
        assert len(behind) >= SMALLEST
        assert all(len(patients[at] - behind) not in range(1, SMALLEST) for at in (first, second))
    for trend in made["trends"]:
        counts = Counter(period_of(notes[place][1], made["step"]) for place in holds[codes[trend["concept"]]])
        for period, number in zip(made["periods"], trend["notes"], strict=True):
            assert number is None or number == down(counts[period])


@given(st.lists(NOTE, min_size=1, max_size=40))
def test_tables_hold_no_small_cell_and_not_one_hidden_cell_alone(notes: list[Note]) -> None:
    made = counted(corpus(notes), Narrowed(), SMALLEST)
    by_type = defaultdict(set)
    for patient, _, kind, _ in notes:
        by_type[("a", "b", "")[kind]].add(patient)
    for one in made["types"]:
        assert one["notes"] is None or len(by_type[one["type"]]) >= SMALLEST
    everybody = {note[0] for note in notes}
    assert (made["patients"] is None) == (len(everybody) < SMALLEST)
    behind: dict[tuple[str, str], set[int]] = defaultdict(set)
    for patient, _, _, mentions in notes:
        for _, label, said in mentions:
            if said != PLAIN:
                behind[LABELS[label], SAID[said]].add(patient)
    for line in made["assertions"]:
        for said, number in line["said"].items():
            people = len(behind[line["label"], said])
            assert number is None or people == 0 or people >= SMALLEST


def test_notes_of_a_period_alone_count_and_long_times_have_long_periods() -> None:
    some: list[Note] = [(patient, 24_300 + 10 * patient, 0, [(0, 0, 0)]) for patient in range(10)]
    whole = counted(corpus(some), Narrowed(), SMALLEST)
    assert (whole["step"], whole["periods"][0], whole["periods"][-1], whole["notes"]) == ("year", "2025", "2032", 10)
    part = counted(corpus(some), Narrowed(since=24_300, until=24_331), SMALLEST)
    assert (part["step"], part["notes"]) == ("year", 3)
    many: list[Note] = [(patient, 24_300 + month, 0, [(0, 0, 0)]) for patient in range(9) for month in range(30)]
    dense = counted(corpus(many), Narrowed(), SMALLEST)
    assert (dense["step"], dense["periods"][14], dense["written"][14]) == ("month", "2026-03", 9)
    sparse = counted(corpus([one for one in many if one[1] % 3 == one[0] // 3]), Narrowed(), 5)
    assert (sparse["step"], sparse["periods"][:2]) == ("quarter", ["2025-Q1", "2025-Q2"])
    assert counted(corpus([]), Narrowed(), SMALLEST)["concepts"] == []
    assert [month_of(said) for said in ("2026-03-05T10:00:00Z", "2026", "", "soon")] == [24_314, 24_312, PLAIN, PLAIN]


@settings(max_examples=100, deadline=None)
@given(st.lists(NOTE, max_size=60), st.integers(24_300, 24_312), st.sampled_from([(), ("present",)]))
def test_no_count_of_a_narrowed_answer_is_exact_so_that_no_difference_is(
    notes: list[Note], until: int, said: tuple[str, ...]
) -> None:
    made = counted(corpus(notes), Narrowed(until=until, said=said), SMALLEST)
    told = [made["notes"], made["patients"], *made["written"]]
    for one in (*made["concepts"], *made["types"], *made["pairs"]):
        told += [one["notes"], one["patients"]]
    told += [number for one in (*made["concepts"], *made["assertions"]) for number in one["said"].values()]
    told += [number for one in made["trends"] for number in one["notes"]] + [
        one["mentions"] for one in made["concepts"]
    ]
    assert {number % SMALLEST for number in told if number is not None} <= {0}


def test_a_month_of_few_is_not_told_by_all_notes_less_those_before_it() -> None:
    some: list[Note] = [(patient, month, 0, [(0, 0, 0)]) for patient in range(8) for month in range(24_300, 24_306)]
    late: list[Note] = [(patient, 24_306, 0, [(0, 0, 0)]) for patient in (8, 9)]
    whole, before = (counted(corpus(some + late), ask, SMALLEST) for ask in (Narrowed(), Narrowed(until=24_306)))
    assert (whole["step"], whole["written"][-1]) == ("month", None)
    assert whole["patients"] - before["patients"] != 2
    assert whole["concepts"][0]["patients"] - before["concepts"][0]["patients"] != 2

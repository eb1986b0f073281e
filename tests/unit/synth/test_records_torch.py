"""The net that foretells streams of patients: it learns, goes on, is saved, draws. Needs the extra ml."""

import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from careloom.errors import FormatError, InputError
from careloom.synth.accounting import spent
from careloom.synth.engine import Privacy, State, Watch
from careloom.synth.records_fidelity import CLINICAL, codes_likeness, judge_records
from careloom.synth.records_integrity import broken, learnt_only
from careloom.synth.records_learn import Words, learn
from careloom.synth.records_streams import encode
from tests.later import Later, has
from tests.unit.synth.invented_records import invented

if TYPE_CHECKING:
    from careloom.synth.records_torch import RecordsGenerator

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch, trained = Later("torch"), Later("careloom.synth.records_torch")

REAL = cache(lambda: invented(40))
KNOWN = cache(lambda: learn(REAL(), Words(least=3, rows_per_bin=8)))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe(**other: Any) -> Any:
    small = {
        "width": 16,
        "layers": 1,
        "heads": 2,
        "longest": 80,
        "epochs": 3,
        "rate": 0.01,
        "words": 256,
        "held_out": 0.2,
    }
    return trained.Recipe(**small | other)


@cache
def generator() -> "RecordsGenerator":
    fitted: RecordsGenerator = trained.fit(KNOWN(), REAL(), 1, recipe())
    return fitted


def weights(one: "RecordsGenerator") -> dict[str, np.ndarray]:
    return {name: np.asarray(each) for name, each in one.state().tensors.items()}


def test_it_learns_and_draws_records_that_hold_together() -> None:
    made = generator()
    assert made.history[-1]["held_out"] < made.history[0]["held_out"]
    drawn = made.sample(30, 1)
    assert broken(drawn, learnt_only(REAL(), least=1_000)) == {}
    assert drawn.patients.height == 30
    assert set(made.sample(5, 1, {"sex": "male"}).patients["sex"]) == {"male"}


def test_a_step_with_what_was_kept_foretells_what_the_whole_foretells() -> None:
    made, streams = generator(), encode(KNOWN(), REAL(), 79)
    words = np.concatenate([[1], streams.words[streams.at(0)]]).astype(np.int64)
    clock = np.concatenate([np.zeros((1, 3), np.float32), streams.clock[streams.at(0)]])
    with torch.inference_mode():
        whole = made.net(torch.from_numpy(words)[None], torch.from_numpy(clock)[None])[0].numpy()
    guess = trained.NetPredictor(made.net)
    guess.begin(2)
    for at in range(len(words)):
        step = guess.step(np.repeat(words[at], 2), np.repeat(clock[at][None], 2, axis=0))
        assert step == pytest.approx(np.repeat(whole[at][None], 2, axis=0), abs=1e-4)
        if at == 3:
            guess.keep(np.array([1]))
            break


def test_a_fit_that_was_stopped_goes_on_to_the_same_weights() -> None:
    saved: list[State] = []
    trained.fit(KNOWN(), REAL(), 1, recipe(), Watch(save=saved.append))
    again = State(saved[0].tensors, json.loads(json.dumps(saved[0].told)))
    resumed = trained.fit(KNOWN(), REAL(), 1, recipe(), Watch(resume=again))
    for name, each in weights(generator()).items():
        assert np.array_equal(each, weights(resumed)[name]), name
    with pytest.raises(FormatError):
        trained.fit(KNOWN(), REAL(), 1, recipe(), Watch(resume=State({}, {})))


def test_a_state_of_arrays_and_json_makes_the_same_generator() -> None:
    state = generator().state()
    again = trained.load(State(dict(state.tensors), json.loads(json.dumps(state.told))))
    one, other = generator().sample(8, 2), again.sample(8, 2)
    assert all(a.equals(b) for (_, a), (_, b) in zip(one.tables(), other.tables(), strict=True))
    with pytest.raises(FormatError):
        trained.load(State({}, {"version": 1}))


def test_it_stops_when_the_budget_is_used_up_or_nothing_gets_better() -> None:
    told: list[Any] = []
    trained.fit(KNOWN(), REAL(), 1, recipe(epochs=50), Watch(told=told.append, share=lambda: 1.0 if told else 0.1))
    assert len(told) == 1
    stuck = trained.fit(KNOWN(), REAL(), 1, recipe(epochs=9, rate=0.0, patience=1))
    assert len(stuck.history) == 2


@pytest.mark.parametrize("wrong", [{"heads": 3}, {"held_out": 0.0}, {"longest": 2}])
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        recipe(**wrong)


def test_one_patient_is_too_few() -> None:
    with pytest.raises(InputError):
        trained.fit(KNOWN(), REAL().of(REAL().patients["patient_id"].head(1)), 1, recipe())


@pytest.mark.long
def test_codes_are_as_frequent_and_as_often_together_as_in_the_data() -> None:
    real, other = invented(600, seed=1), invented(600, seed=2)
    fitted = trained.fit(learn(real), real, 1, recipe(width=32, layers=2, epochs=12, rate=0.003))
    made = fitted.sample(600, 1)
    likeness, ceiling = (codes_likeness(other, each, CLINICAL) for each in (made, real))
    assert likeness.visits > 0.95
    assert likeness.together > min(0.9, ceiling.together - 0.05)
    assert judge_records(other, made).broken == {}


def test_a_private_fit_keeps_to_its_bound_and_counts_a_patient_once() -> None:
    private, how = Later("careloom.synth.records_private_torch"), {"batch": 8, "steps": 3}
    noise = np.random.default_rng(1)
    told: list[Any] = []
    asked = Privacy(3.0)
    fitted = private.fit_private(
        KNOWN(), REAL(), asked, recipe(longest=40), Watch(noise=noise, told=told.append), private.PrivateCourse(**how)
    )
    assert fitted.mechanisms == private.mechanisms(asked, 40, private.PrivateCourse(**how))
    assert spent(fitted.mechanisms, asked.delta).epsilon == pytest.approx(3.0, rel=0.02)
    assert (fitted.history, told) == ((), [])
    again = trained.load(State(dict(fitted.state().tensors), json.loads(json.dumps(fitted.state().told))))
    assert again.mechanisms == fitted.mechanisms
    assert broken(again.sample(10, 1), {}) == {}


def test_a_private_fit_without_noise_or_with_many_rows_a_patient_is_refused() -> None:
    private = Later("careloom.synth.records_private_torch")
    with pytest.raises(InputError):
        private.fit_private(KNOWN(), REAL(), Privacy(3.0), recipe(), Watch())
    with pytest.raises(InputError):
        private.mechanisms(Privacy(3.0, rows_per_patient=2), 40)

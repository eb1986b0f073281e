"""A small language model learns made-up notes, is saved and resumed; one of Hugging Face does the same. Needs ml."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from careloom.errors import InputError
from careloom.synth.accounting import spent
from careloom.synth.engine import Privacy, State, Step, Watch
from careloom.synth.notes_generate import Wanted
from careloom.synth.notes_ner_sklearn import labels_of, utility
from careloom.synth.notes_verbatim import Longest
from tests.later import Later, has
from tests.unit.synth.notes_made import NOTES, RECORD, STYLE, note

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch, fits = Later("torch"), Later("careloom.synth.notes_fit_torch")
gpt, histories = Later("careloom.synth.notes_gpt_torch"), Later("careloom.synth.notes_history")
face = Later("careloom.synth.notes_huggingface_torch")
learn, privately = Later("careloom.learn_torch"), Later("careloom.synth.notes_private_torch")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def ask(epochs: int = 2):  # type: ignore[no-untyped-def]
    """A tiny model, for which the forbidden runs are short."""
    return fits.NotesAsk(gpt.Training(epochs=epochs, most=400), width=16, layers=1, heads=2, length=96, run=6)


def test_a_model_learns_is_saved_and_writes_the_same_notes_when_it_is_back() -> None:
    told: list[Step] = []
    fitted = fits.fit_notes(NOTES, ask(6), Watch(told=told.append))
    assert [step.number for step in told] == [1, 2, 3, 4, 5, 6]
    assert told[-1].losses["next symbol"] < told[0].losses["next symbol"]
    back = fits.load_notes(fitted.state())
    wanted = [Wanted(), Wanted(STYLE, "visit", RECORD)]
    made = [one.generator().write(wanted, np.random.default_rng(1)) for one in (fitted, back)]
    assert made[0] == made[1]
    assert "warfarin" in made[0][1].text
    longest = Longest(one.text for one in NOTES)
    assert max(len(longest.run(one.text)) for one in made[0]) <= 5


def test_a_training_that_was_cut_short_goes_on_as_if_it_had_not_been() -> None:
    saved: list[State] = []
    whole = fits.fit_notes(NOTES, ask(3), Watch(save=saved.append)).state()
    resumed = fits.fit_notes(NOTES, ask(3), Watch(resume=saved[0])).state()
    assert all(np.array_equal(whole.tensors[name], resumed.tensors[name]) for name in whole.tensors)


def test_symbol_by_symbol_the_model_says_what_it_says_at_once_even_after_going_back() -> None:
    model = gpt.NoteModel(gpt.Shape(30, 16, 2, 2, 20)).eval()
    scores = gpt.Scores(model)
    scores.begin(2)
    zero, feed = np.zeros(2, np.int64), ([3, 4], [5, 6], [7, 8])
    for symbols in feed:
        said = scores.after(np.array(symbols), zero)
    said = scores.after(np.array([9, 9]), np.array([2, 0]))  # the first block takes 5 and 7 back
    with torch.no_grad():
        first, second = (model(torch.tensor([row]))[0, -1].numpy() for row in ([3, 9], [4, 6, 8, 9]))
    np.testing.assert_allclose(said[0], first, atol=1e-5)
    np.testing.assert_allclose(said[1], second, atol=1e-5)


def test_a_tagger_learns_as_much_from_the_same_notes() -> None:
    found = utility(NOTES, NOTES, NOTES, labels_of(NOTES, 5))
    assert found.real == found.synthetic > 0.8
    assert found.ratio == 1.0


@pytest.mark.long
def test_private_notes_teach_the_weights_alone_within_the_bound() -> None:
    public = fits.fit_notes(NOTES, ask(1))
    private = [note(100 + number, "secretol") for number in range(24)]
    bound = Privacy(3.0)
    how = privately.PrivateAsk(bound, steps=4, rate=0.5, blocks=4, symbols=48)
    fitted, mechanism = privately.fit_notes_privately(private, public, how, Watch(noise=np.random.default_rng(5)))
    assert spent([mechanism], bound.delta).epsilon <= bound.epsilon
    assert fitted.material is public.material
    assert not np.array_equal(fitted.state().tensors["symbols.weight"], public.state().tensors["symbols.weight"])
    made = fitted.generator().write([Wanted()] * 2, np.random.default_rng(3))
    assert all("secretol" not in one.text for one in made)
    with pytest.raises(InputError):
        privately.fit_notes_privately(private, public, how, Watch())


@pytest.mark.long
@pytest.mark.skipif(not has("transformers", "tokenizers", "peft"), reason="the extra ml is not installed: make ml")
def test_a_causal_model_of_hugging_face_is_tuned_offline_and_bound_by_record_and_guard(tmp_path: Path) -> None:
    tiny_gpt2(tmp_path)
    schedule = learn.Schedule(epochs=3, rate=3e-3)
    losses: list[float] = []
    tuned = face.tune_notes(
        tmp_path, NOTES, face.TuneAsk(schedule, rank=2, most=600, length=120, run=6), lambda e: losses.append(e.loss)
    )
    assert losses[-1] < losses[0]
    made = tuned.generator().write([Wanted(STYLE, "visit", RECORD)] * 2, np.random.default_rng(2))
    longest = Longest(one.text for one in NOTES)
    for one in made:
        assert len(longest.run(one.text)) <= 5
        told = {one.text[m.start : m.end] for m in one.mentions if m.label in ("MEDICATION", "PROBLEM")}
        assert told | {fact.name for fact in one.lost} == {"warfarin", "anemia"}


def tiny_gpt2(folder: Path) -> None:
    """A GPT-2 with weights by lot and a vocabulary of the notes."""
    import tokenizers
    import transformers

    words = tokenizers.ByteLevelBPETokenizer()
    words.train_from_iterator([note.text for note in NOTES], vocab_size=400, special_tokens=["<|endoftext|>"])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, eos_token="<|endoftext|>")
    fast.save_pretrained(folder)
    sizes = transformers.GPT2Config(vocab_size=len(fast), n_positions=160, n_embd=32, n_layer=2, n_head=2)
    transformers.GPT2LMHeadModel(sizes).save_pretrained(folder)


def tiny(kind: str):  # type: ignore[no-untyped-def]
    """A causal model with weights by lot, of matrices [in, out] or [out, in], and how many of them have adapters."""
    transformers = Later("transformers")
    if kind == "gpt2":
        sizes = transformers.GPT2Config(vocab_size=40, n_positions=16, n_embd=16, n_layer=2, n_head=2)
        return transformers.GPT2LMHeadModel(sizes).eval(), 2 * 4
    sizes = transformers.LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2
    )
    return transformers.LlamaForCausalLM(sizes).eval(), 2 * 7


@pytest.mark.long
@pytest.mark.skipif(not has("transformers", "peft"), reason="the extra ml is not installed: make ml")
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_adapters_add_nothing_before_they_learn_and_join_what_they_learnt(kind: str) -> None:
    torch.manual_seed(3)
    (model, matrices), given = tiny(kind), torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        before = model(given).logits
        adapted = face.adapted_by(model, face.TuneAsk(learn.Schedule(epochs=1, rate=1e-3), rank=2))
        learning = {name: one for name, one in adapted.named_parameters() if one.requires_grad}
        assert len(learning) == matrices * 2
        torch.testing.assert_close(adapted(given).logits, before)
        for name, one in learning.items():
            one += 0.1 if "lora_B" in name else 0.0
        learnt = adapted(given).logits
        assert not torch.allclose(learnt, before)
        torch.testing.assert_close(adapted.merge_and_unload()(given).logits, learnt, atol=1e-4, rtol=1e-4)

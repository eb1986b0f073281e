"""A small model learns, is packed, and tags on the run time that ships. Needs the extra ml."""

import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import pytest

from careloom.text import tagger as run_time
from careloom.text.gazetteer import Gazetteer
from careloom.text.note import Span
from careloom.text.pieces import SPECIAL, Pieces, Word, words
from tests.later import Later, has

if TYPE_CHECKING:
    from careloom.text.encoder_torch import Tagger
    from careloom.text.training_torch import Example

pytestmark = pytest.mark.skipif(not has("torch", "onnxscript"), reason="the extra ml is not installed: make ml")
torch, learn = Later("torch"), Later("careloom.learn_torch")
encoder, training = Later("careloom.text.encoder_torch"), Later("careloom.text.training_torch")

WORDS = "dr mr saw the heart was seen by with patient rest and pulse".split()
NAMES = "ann lee kim ray max eve ida una".split()
VOCABULARY = (
    *SPECIAL,
    *WORDS,
    *NAMES,
    *"abcdefghijklmnopqrstuvwxyz",
    *(f"##{x}" for x in "abcdefghijklmnopqrstuvwxyz"),
)


def sentences(count: int, seed: int) -> "list[Example]":
    """Whatever follows a title is a name."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        text, gold = "", []
        for _ in range(4):
            if chance.random() < 0.4:
                text += chance.choice(("dr ", "mr "))
                name = chance.choice((*NAMES, "heart", "rest"))
                gold.append((len(text), len(text) + len(name), "NAME"))
                text += name + " "
            else:
                text += chance.choice(WORDS[2:]) + " "
        made.append(training.Example(text, gold))
    return made


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def first() -> "Tagger":
    """What is learnt here once for all tests."""
    return trained()


def trained() -> "Tagger":
    torch.manual_seed(3)
    shape = encoder.Shape(len(VOCABULARY), width=32, layers=1, heads=2, inner=64, dropout=0.0)
    model = encoder.Tagger(encoder.Encoder(shape), {"phi": training.labels_of(["NAME"])})
    rows = list(training.encoded(sentences(300, 1), Pieces(VOCABULARY), training.labels_of(["NAME"])))
    training.fit(model, "phi", lambda epoch: rows, learn.Schedule(12, 5e-3), seed=3, places=256)
    return model


def test_a_model_learns_what_announces_a_name_and_tags_alike_with_8_bits() -> None:
    model = first()
    archive = training.packed(model, VOCABULARY, {"name": "test"})
    tagger = run_time.Tagger(archive)
    assert tagger.card == {"name": "test"}
    right = 0
    test = sentences(100, 2)
    for one in test:
        (window,) = tagger.tag(one.text, "phi")
        spans = run_time.spans_of(window, tagger.heads["phi"], 0.5)
        right += [(x.span.start, x.span.end, x.label) for x in spans] == list(one.gold)
    assert right >= 97
    # Parts of a text are tagged at their places.
    (window,) = tagger.tag("the pulse was seen by dr eve", "phi", [Span(19, 28)])
    assert [(x.span.start, x.span.end) for x in run_time.spans_of(window, tagger.heads["phi"], 0.5)] == [(25, 28)]


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two = first().state_dict(), trained().state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_epoch_without_batches_and_a_loss_that_is_no_number_are_refused() -> None:
    model = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="nothing to train on"):
        learn.train(model, lambda epoch: [], lambda batch: model(batch).sum(), learn.Schedule(1, 1e-3))
    with pytest.raises(ValueError, match="not finite"):
        learn.train(
            model, lambda epoch: [torch.tensor([[float("nan")]])], lambda b: model(b).sum(), learn.Schedule(1, 1e-3)
        )


def test_batches_hold_every_row_once_and_no_more_places_than_told() -> None:
    lengths = [random.Random(1).randint(1, 50) for _ in range(200)]
    batches = learn.by_length(lengths, 100, torch.Generator().manual_seed(1))
    assert sorted(index for batch in batches for index in batch) == list(range(200))
    assert all(len(batch) * max(lengths[i] for i in batch) <= 100 for batch in batches)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    schedule = learn.Schedule(1, 1.0, warmup=0.1)
    rates = [schedule.rate_at(step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0, abs=1e-9)


def test_weights_of_a_bert_give_the_states_of_that_bert() -> None:
    transformers = pytest.importorskip("transformers", reason="the extra ml is not installed: make ml")
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=384, num_hidden_layers=2, num_attention_heads=12, intermediate_size=1536
    )
    theirs = transformers.BertModel(config).eval()
    ours = encoder.from_bert(theirs.state_dict(), list(range(50)), encoder.Shape(50, layers=2)).eval()
    pieces = torch.randint(1, 50, (2, 9))
    with torch.no_grad():
        states = theirs(pieces, attention_mask=torch.ones_like(pieces)).last_hidden_state
        assert torch.allclose(ours(pieces, torch.zeros_like(pieces)), states, atol=1e-4)


def test_a_vocabulary_keeps_what_is_used_and_every_single_letter() -> None:
    kept = training.vocabulary_of(["dr lee lee"], [*SPECIAL, "dr", "lee", "heart", "x", "##y"], least=2)
    assert kept == [*SPECIAL, "lee", "x", "##y"]


def test_a_note_may_be_cut_into_lines_that_hold_all_of_it() -> None:
    row = ("a\n\nb c\nd\n", [(3, 4, "NAME")])
    for seed in range(20):
        parts = [one.part for one in training.examples_of(row, random.Random(seed))]
        assert "".join(part.of(row[0]) for part in parts if part).replace("\n", "") == "ab cd"
    assert [one.part for one in training.examples_of(row)] == [None]


def test_heads_are_learnt_side_by_side_and_read_at_once_over_a_text_of_many_windows() -> None:
    torch.manual_seed(3)
    shape = encoder.Shape(len(VOCABULARY), width=32, layers=1, heads=2, inner=64, dropout=0.0, hints=3)
    names = [("person", name) for name in NAMES[:4]]
    pieces = Pieces(VOCABULARY, Gazetteer(names).of)
    heads = {"phi": training.labels_of(["NAME"]), "title": training.labels_of(["TITLE"])}
    model = encoder.Tagger(encoder.Encoder(shape), heads)
    rows = list(training.encoded([_marked(NAMES, "NAME", 1)], pieces, heads["phi"], "phi"))
    rows += list(training.encoded([_marked(("dr", "mr"), "TITLE", 2)], pieces, heads["title"], "title"))
    training.fit(model, "phi", lambda epoch: rows, learn.Schedule(25, 5e-3), seed=3, places=320)
    tagger = run_time.Tagger(training.packed(model, VOCABULARY, {"name": "test"}, names))
    text = "the heart was seen by dr ann and " * 40
    (part,) = tagger.tag_heads(text, ["title", "phi"], [Span(0, len(text))])
    assert [word.start for word in part["phi"].words] == [word.start for word in words(text)]
    found = {head: {text[w.start : w.end] for w in _sure(part[head])} for head in heads}
    assert found == {"phi": {"ann"}, "title": {"dr"}}
    assert len(_sure(part["phi"])) == 40


def _marked(which: Sequence[str], label: str, seed: int) -> "Example":
    chance = random.Random(seed)
    text = " ".join(chance.choice((*WORDS, *NAMES)) for _ in range(3000))
    found = re.finditer(rf"\b(?:{'|'.join(which)})\b", text)
    return training.Example(text, [(at.start(), at.end(), label) for at in found])


def _sure(tagged: run_time.Tagged) -> list[Word]:
    return [word for word, row in zip(tagged.words, tagged.probabilities, strict=True) if row[0] < 0.5]

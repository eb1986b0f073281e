"""A smaller tagger learns from a larger one, and a packed one can be a teacher. Needs the extra ml."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from careloom.errors import QueryError, SetupError
from careloom.text import tagger as run_time
from careloom.text.pieces import SPECIAL, Pieces
from tests.later import Later, has

if TYPE_CHECKING:
    from careloom.text.encoder_torch import Tagger

pytestmark = pytest.mark.skipif(not has("torch", "onnxscript"), reason="the extra ml is not installed: make ml")
torch, learn = Later("torch"), Later("careloom.learn_torch")
encoder, training = Later("careloom.text.encoder_torch"), Later("careloom.text.training_torch")
distillation, unpacking = Later("careloom.text.distillation_torch"), Later("careloom.text.unpacking_torch")

VOCABULARY = (*SPECIAL, *"the heart was seen by doctor and nur pulse rest".split(), "##se", "##s")
TEXTS = ("the heart was seen by doctor", "rest and pulses " * 30, "nurse", "the nurses rest by the pulse")
LABELS = {"one": ("O", "B-A", "I-A"), "two": ("O", "B-B", "I-B")}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def teacher() -> "Tagger":
    """All weights differ, as after training, and those of heads are large, so that what it says of words differs."""
    torch.manual_seed(7)
    shape = encoder.Shape(len(VOCABULARY), width=32, layers=3, heads=4, inner=64, dropout=0.0, hints=3)
    model: Tagger = encoder.Tagger(encoder.Encoder(shape), LABELS).eval()
    for name, weight in model.named_parameters():
        weight.data += torch.randn_like(weight) * 0.05
        if name.startswith("heads."):
            weight.data *= 4
    return model


@cache
def archive() -> bytes:
    return bytes(training.packed(teacher(), VOCABULARY, {"name": "test"}, [("drug", "rest")]))


def batch(texts: tuple[str, ...] = TEXTS) -> tuple[object, ...]:
    examples = [training.Example(text, ()) for text in texts]
    rows = list(training.encoded(examples, Pieces(VOCABULARY), ("O",), training.UNLABELLED))
    return tuple(training.padded(rows, list(LABELS), training.UNLABELLED))


def test_a_packed_tagger_unpacked_says_the_same_of_words_within_8_bits() -> None:
    found = unpacking.unpacked(archive())
    assert (found.vocabulary, found.names) == (VOCABULARY, (("drug", "rest"),))
    assert replace(found.tagger.encoder.shape, dropout=0.0) == teacher().encoder.shape
    pieces, looks, labels, _ = batch()
    kept = distillation.words_of(labels)
    with torch.no_grad():
        for mine, theirs in zip(found.tagger(pieces, looks, kept), teacher()(pieces, looks, kept), strict=True):
            assert (mine - theirs)[kept != 0].abs().max() < 0.1


def test_a_model_some_of_whose_layers_see_words_alone_reads_at_run_time_what_torch_reads() -> None:
    shape = replace(teacher().encoder.shape, whole=1, rectified=True)
    model = distillation.shallower(teacher(), (0, 2), shape).eval()
    packed = training.packed(model, VOCABULARY, {"name": "test"})
    assert unpacking.unpacked(packed).tagger.encoder.shape == replace(model.encoder.shape, dropout=0.1)
    pieces = Pieces(VOCABULARY)
    windows = [window for text in TEXTS for window in pieces.windows(text)]
    for window, found in zip(windows, run_time.Tagger(packed)._read(windows, list(LABELS)), strict=True):
        kept = torch.tensor([[*window.first, len(window.pieces) - 1]])
        with torch.no_grad():
            scores = model(torch.tensor([window.pieces]), torch.tensor([window.looks]), kept)
        for mine, theirs in zip(found, scores, strict=True):
            assert mine.shape == (len(window.words), 3)
            assert abs(torch.softmax(theirs[0, :-1], dim=-1).numpy() - mine).max() < 0.05


def test_padding_beside_a_text_changes_nothing_of_its_words() -> None:
    model = distillation.shallower(teacher(), (0, 1), replace(teacher().encoder.shape, whole=1)).eval()
    with torch.no_grad():
        pieces, looks, labels, _ = batch()
        together = model(pieces, looks, distillation.words_of(labels))[0]
        pieces, looks, labels, _ = batch(TEXTS[:1])
        alone = model(pieces, looks, distillation.words_of(labels))[0]
    assert torch.allclose(together[0, : alone.shape[1]], alone[0], atol=1e-5)


def test_words_are_the_first_pieces_and_the_mark_at_the_end() -> None:
    _, _, labels, _ = batch(("nurse rest", "rest"))
    assert distillation.words_of(labels).tolist() == [[1, 3, 4], [1, 2, 0]]


def test_the_layers_kept_are_those_that_come_nearest_to_the_teacher() -> None:
    idle = encoder.Tagger(encoder.Encoder(teacher().encoder.shape), LABELS).eval()
    idle.load_state_dict(teacher().state_dict())
    for part in (idle.encoder.layers[1].out, idle.encoder.layers[1].narrow):
        part.weight.data.zero_()
        part.bias.data.zero_()
    assert distillation.layers_to_keep(idle, 2, [batch()]) == (0, 2)
    with pytest.raises(QueryError, match="3 layers"):
        distillation.layers_to_keep(idle, 4, [batch()])


def test_a_student_comes_to_say_what_its_teacher_says_without_any_gold() -> None:
    student = distillation.shallower(teacher(), (0, 2), replace(teacher().encoder.shape, whole=1, rectified=True))
    cost, given = distillation.taught_by(teacher()), batch()
    before = float(cost(student, given).detach())
    learn.train(student, lambda epoch: [given] * 60, lambda one: cost(student, one), learn.Schedule(1, 3e-3))
    assert float(cost(student, given).detach()) < before / 4
    pieces, looks, labels, _ = given
    kept = distillation.words_of(labels)
    with torch.no_grad():
        for mine, right in zip(student(pieces, looks, kept), teacher()(pieces, looks, kept), strict=True):
            same = mine.argmax(-1) == right.argmax(-1)
            assert same[kept != 0].float().mean() > 0.9


def test_what_is_no_archive_of_a_tagger_is_no_teacher() -> None:
    with pytest.raises(SetupError, match="the teacher does not load"):
        unpacking.unpacked(b"no zip")

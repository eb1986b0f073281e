"""Any encoder of Hugging Face: a tiny one, made here, is fine-tuned, kept, loaded and finds what it learnt."""

import random
from pathlib import Path

import pytest

from careloom.errors import SetupError
from careloom.nlp.corpora import Document
from careloom.nlp.entities import Entities
from tests.later import Later, has

pytestmark = pytest.mark.skipif(not has("torch", "transformers"), reason="the extra ml is not installed: make ml")
torch, transformers = Later("torch"), Later("transformers")
learn, huggingface = Later("careloom.learn_torch"), Later("careloom.nlp.huggingface_torch")

DRUGS = ("metformin", "lisinopril", "warfarin", "atorvastatin")
WORDS = ("takes", "daily", "and", "then", "stopped", "for", "pain", "started", "on", ".", ",")


def _document(number: int) -> Document:
    chance = random.Random(number)
    text, gold = "", []
    for _ in range(8):
        word = chance.choice((*DRUGS, *DRUGS, *WORDS, "😀"))
        if word in DRUGS:
            gold.append((len(text), len(text) + len(word), "MEDICATION"))
        text += word + " "
    return Document(str(number), text + "daily.", tuple(gold))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fine-tuned model of one small layer."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("encoder")
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *DRUGS, *WORDS, *letters, *(f"##{x}" for x in letters)]
    (place / "vocab.txt").write_text("\n".join(pieces))
    tokenizer = transformers.BertTokenizerFast(str(place / "vocab.txt"))
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=130,
    )  # fmt: skip
    torch.manual_seed(1)
    transformers.BertModel(config).save_pretrained(place / "base")
    tokenizer.save_pretrained(place / "base")
    documents = [_document(number) for number in range(120)]
    huggingface.fine_tune(place / "base", documents, ["MEDICATION"], learn.Schedule(12, 1e-2), place / "tuned")
    return place


def test_a_fine_tuned_encoder_finds_what_it_learnt_at_the_right_places(folder: Path) -> None:
    reader = Entities(huggingface.HuggingFaceTagger(folder / "tuned"), "tiny", huggingface.HEAD)
    text = "started on Metformin 😀 and then warfarin, daily."
    assert [(one.span.of(text), one.label) for one in reader.find(text)] == [
        ("Metformin", "MEDICATION"),
        ("warfarin", "MEDICATION"),
    ]


def test_a_sentence_longer_than_the_model_reads_loses_no_word_and_counts_none_twice(folder: Path) -> None:
    tagger = huggingface.HuggingFaceTagger(folder / "tuned")
    text = "takes metformin and " * 100
    found = Entities(tagger, "tiny", huggingface.HEAD).find(text)
    assert [one.span.start for one in found] == [20 * number + 6 for number in range(100)]
    words = [
        word.start
        for part in tagger.tag_heads(text, [huggingface.HEAD], tagger.parts(text))
        for word in part[huggingface.HEAD].words
    ]
    assert words == sorted(set(words))
    assert len(words) == 300


@pytest.mark.parametrize("text", ["", " \n\t", "\u0301", "😀"])
def test_a_text_without_words_has_no_entities(folder: Path, text: str) -> None:
    assert Entities(huggingface.HuggingFaceTagger(folder / "tuned"), "tiny", huggingface.HEAD).find(text) == []


def test_a_folder_without_a_model_is_refused_and_nothing_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(SetupError):
        huggingface.HuggingFaceTagger(tmp_path)
    with pytest.raises(SetupError):
        huggingface.HuggingFaceTagger("no-such-owner/no-such-model")


def test_an_encoder_without_begins_and_insides_is_refused(folder: Path) -> None:
    with pytest.raises(SetupError):
        huggingface.HuggingFaceTagger(folder / "base")

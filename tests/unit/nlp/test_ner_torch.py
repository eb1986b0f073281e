"""The training of the tagger that ships, small: it learns, remembers what from, and gives the same bytes again."""

from functools import cache
from hashlib import sha256
from typing import Any

import pytest

from careloom.nlp.corpora import Document
from careloom.nlp.entities import Entities, PackagedTagger
from careloom.nlp.ner_material import joined
from tests.later import Later, has

pytestmark = pytest.mark.skipif(
    not has("torch", "transformers", "onnxscript"), reason="the extra ml is not installed: make ml"
)
torch, transformers = Later("torch"), Later("transformers")
learn, ner = Later("careloom.learn_torch"), Later("careloom.nlp.ner_torch")
distil = Later("careloom.nlp.ner_distil_torch")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"takes metformin warfarin daily for asthma gout . and".split()]
TEXTS = ("takes metformin daily for gout .", "takes warfarin and metformin .", "for asthma and gout daily .")


def _documents(word: str, label: str) -> list[Document]:
    found = []
    for number in range(60):
        text = TEXTS[number % 3]
        gold = [(text.index(one), text.index(one) + len(one), label) for one in word.split() if one in text]
        found.append(Document(str(number), text, tuple(gold)))
    return found


def _sources() -> list[Any]:
    return [
        ner.Source("note", ("MEDICATION",), _documents("metformin warfarin", "MEDICATION"), 70),
        ner.Source("disease", ("Disease",), _documents("asthma gout", "Disease")),
    ]


def _trained() -> bytes:
    torch.set_num_threads(1)
    torch.manual_seed(5)
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=384, num_hidden_layers=2, num_attention_heads=12, intermediate_size=32,
        max_position_embeddings=512,
    )  # fmt: skip
    weights = transformers.BertModel(config).state_dict()
    recipe = ner.Recipe(learn.Schedule(epochs=4, rate=1e-3), layers=2, inner=32, seed=2)
    return bytes(ner.train_ner((weights, PIECES), _sources(), [("drug", "Metformin")], recipe, card={"name": "tiny"}))


@cache
def _teacher() -> bytes:
    return _trained()


def _finds_its_guidelines(tagger: PackagedTagger) -> None:
    text = "takes warfarin daily for asthma ."
    for guideline, expected in (("disease", [("Disease", "asthma")]), ("clinical", [("MEDICATION", "warfarin")])):
        found = Entities(tagger, "1", guideline).find(text)
        assert [(one.label, one.text) for one in found] == expected


def test_heads_learn_their_own_guideline_and_the_card_says_from_what() -> None:
    tagger = PackagedTagger(_teacher())
    _finds_its_guidelines(tagger)
    assert tagger.card["name"] == "tiny"
    assert tagger.card["documents"] == {"note": 60, "disease": 60}
    assert len(tagger.card["loss"]) == 4


def test_a_smaller_tagger_learns_the_guidelines_of_its_teacher_and_says_who_taught_it() -> None:
    how = distil.Distilling(learn.Schedule(epochs=4, rate=1e-3), layers=1, share=30)
    tagger = PackagedTagger(distil.distil_ner(_teacher(), _sources(), TEXTS * 10, how, card={"name": "tiny"}))
    _finds_its_guidelines(tagger)
    assert tagger.card["encoder"]["layers"] == 1
    assert tagger.card["teacher"]["sha256"] == sha256(_teacher()).hexdigest()


def test_texts_without_gold_leave_out_what_a_held_out_text_says() -> None:
    lines = ["Gout hurts.", "Asthma  (mild) wheezes", "He takes metformin."]
    assert list(joined(lines, ["So asthma (mild) wheezes, too."], 3)) == ["Gout hurts. He takes metformin."]
    assert list(joined(lines, [], 2)) == ["Gout hurts. Asthma  (mild) wheezes.", "He takes metformin."]


@pytest.mark.long
def test_the_same_training_gives_the_same_bytes() -> None:
    assert _trained() == _teacher()

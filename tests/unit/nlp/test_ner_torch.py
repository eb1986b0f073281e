"""The training of the tagger that ships, small: it learns, remembers what from, and gives the same bytes again."""

import pytest

from careloom.nlp.corpora import Document
from careloom.nlp.entities import Entities, PackagedTagger
from tests.later import Later, has

pytestmark = pytest.mark.skipif(
    not has("torch", "transformers", "onnxscript"), reason="the extra ml is not installed: make ml"
)
torch, transformers = Later("torch"), Later("transformers")
learn, ner = Later("careloom.learn_torch"), Later("careloom.nlp.ner_torch")

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"takes metformin warfarin daily for asthma gout . and".split()]
TEXTS = ("takes metformin daily for gout .", "takes warfarin and metformin .", "for asthma and gout daily .")


def _documents(word: str, label: str) -> list[Document]:
    found = []
    for number in range(60):
        text = TEXTS[number % 3]
        gold = [(text.index(one), text.index(one) + len(one), label) for one in word.split() if one in text]
        found.append(Document(str(number), text, tuple(gold)))
    return found


def _trained() -> bytes:
    torch.set_num_threads(1)
    torch.manual_seed(5)
    config = transformers.BertConfig(
        vocab_size=len(PIECES), hidden_size=384, num_hidden_layers=1, num_attention_heads=12, intermediate_size=32,
        max_position_embeddings=512,
    )  # fmt: skip
    weights = transformers.BertModel(config).state_dict()
    sources = [
        ner.Source("note", ("MEDICATION",), _documents("metformin warfarin", "MEDICATION"), 70),
        ner.Source("disease", ("Disease",), _documents("asthma gout", "Disease")),
    ]
    recipe = ner.Recipe(learn.Schedule(epochs=4, rate=1e-3), layers=1, inner=32, seed=2)
    return ner.train_ner((weights, PIECES), sources, [("drug", "Metformin")], recipe, card={"name": "tiny"})


def test_heads_learn_their_own_guideline_and_the_card_says_from_what() -> None:
    tagger = PackagedTagger(_trained())
    text = "takes warfarin daily for asthma ."
    for guideline, expected in (("disease", [("Disease", "asthma")]), ("clinical", [("MEDICATION", "warfarin")])):
        found = Entities(tagger, "1", guideline).find(text)
        assert [(one.label, one.text) for one in found] == expected
    assert tagger.card["name"] == "tiny"
    assert tagger.card["documents"] == {"note": 60, "disease": 60}
    assert len(tagger.card["loss"]) == 4


@pytest.mark.long
def test_the_same_training_gives_the_same_bytes() -> None:
    assert _trained() == _trained()

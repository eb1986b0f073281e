"""Ranking anew by the encoder: vectors that depend on nothing else, and an option that changes problems alone."""

import io
import json
import zipfile

import numpy as np
import pytest

from careloom.errors import SetupError
from careloom.nlp.entities import MODEL
from careloom.nlp.linking import RERANKER, Linker
from careloom.nlp.linking_dense import LOOKED_AT, Reranker
from careloom.nlp.linking_features import Measurer
from careloom.nlp.linking_search import candidates, query_of
from careloom.nlp.linking_table import packaged_table
from careloom.runtime import packaged
from careloom.text.vectors import Encoder

TAGGER, ARCHIVE = packaged("nlp", MODEL), packaged("nlp", RERANKER)
MENTIONS = ("heart attack", "ckd stage 4", "sugar diabetes", "water on the lungs", "kidney failure", "x", "!!")


@pytest.fixture(scope="module")
def reranker() -> Reranker:
    return Reranker(ARCHIVE, TAGGER)


@pytest.fixture(scope="module")
def anew() -> Linker:
    return Linker.packaged(rerank=True)


@pytest.fixture(scope="module")
def plain() -> Linker:
    return Linker.packaged()


def card() -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as members:
        return dict(json.loads(members.read("card.json")))


def test_the_model_that_ships_was_trained_with_the_encoder_that_ships(reranker: Reranker) -> None:
    assert reranker.scorer.card["name"] == "linking-dense-en"
    assert len(ARCHIVE) < 100_000


def test_a_vector_is_of_its_text_alone_and_of_no_text_there_is_none() -> None:
    encoder = Encoder(TAGGER, str(card()["tensor"]))
    first = encoder.vector("chronic kidney disease")
    assert encoder.vector("heart attack") is not None
    second = encoder.vector("chronic kidney disease")
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)
    assert encoder.vector(" \n") is None
    long = encoder.vector("pain " * 2000)
    assert long is not None
    assert np.isfinite(long).all()


def test_an_encoder_without_the_tensor_and_one_that_is_none_are_refused() -> None:
    with pytest.raises(SetupError):
        Encoder(TAGGER, "no such tensor")
    with pytest.raises(SetupError):
        Encoder(b"none", "x")


def test_a_model_of_another_encoder_is_refused_with_the_command_that_trains_it() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(ARCHIVE)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(card() | {"encoder": "0" * 12}) if name == "card.json" else content)
    with pytest.raises(SetupError) as refusal:
        Reranker(out.getvalue(), TAGGER)
    assert "train_linking_dense" in str(refusal.value.remedy)
    with pytest.raises(SetupError):
        Reranker(packaged("nlp", "models/linking.zip"), TAGGER)


def test_only_the_likeliest_names_are_ranked_anew_and_stay_before_the_others(reranker: Reranker) -> None:
    table = packaged_table("diseases")
    query = query_of("kidney failure", {}, "")
    found = candidates(table, query, 32)
    rows = Measurer(table).rows(query, found)
    before = np.linspace(1, 0, len(found), dtype=np.float32)
    after = reranker.worths(table, query, found, rows, before)
    assert after[:LOOKED_AT].min() > after[LOOKED_AT:].max()
    assert list(np.argsort(-after[LOOKED_AT:], kind="stable")) == list(range(len(found) - LOOKED_AT))


def test_the_order_of_mentions_changes_nothing(anew: Linker) -> None:
    told = [anew.link(mention, "PROBLEM") for mention in MENTIONS]
    other = Linker.packaged(rerank=True)
    assert [other.link(mention, "PROBLEM") for mention in reversed(MENTIONS)][::-1] == told


@pytest.mark.parametrize("label", ["MEDICATION", "TEST", "PROCEDURE"])
def test_what_is_no_problem_has_the_same_codes(anew: Linker, plain: Linker, label: str) -> None:
    for mention in ("metoprolol", "potassium", "biopsy", "heart attack"):
        assert anew.link(mention, label) == plain.link(mention, label)


def test_the_option_stands_in_the_version(anew: Linker, plain: Linker) -> None:
    assert anew.version.startswith(plain.version)
    assert RERANKER in anew.version

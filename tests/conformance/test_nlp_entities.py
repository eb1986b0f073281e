"""Entities on documents of others that the model has never seen: a floor, so that no change makes them worse unseen."""

from pathlib import Path

import pytest

from careloom.nlp.entities import MODEL, Entities, PackagedTagger
from careloom.nlp.evaluation import scored
from careloom.nlp.ner_material import HELD_OUT, fingerprint, kept_and_held_out
from careloom.runtime import packaged
from careloom.services.train_ner import corpora

FLOORS = {"chemical_disease": 0.84, "disease": 0.76, "case_report": 0.58}
"""Below what 15 documents gave on 29 November 2026 by more than a change of the run time would make."""
DOCUMENTS = 15


@pytest.mark.parametrize("guideline", FLOORS)
def test_entities_of_unseen_documents_are_found(suites: Path, guideline: str) -> None:
    documents = kept_and_held_out(corpora(suites)[guideline], HELD_OUT[guideline])[1][:DOCUMENTS]
    tagger = PackagedTagger(packaged("nlp", MODEL))
    assert not {fingerprint(one.text) for one in documents} & set(tagger.card["seen"])
    reader = Entities(tagger, "1", guideline)
    finds = [[(one.span.start, one.span.end, one.label) for one in reader.find(each.text)] for each in documents]
    labels = {"case_report": sorted({one[2] for each in documents for one in each.gold} - {"DETAIL", "PLACE"})}
    value = scored(documents, finds, labels.get(guideline, [])).strict.total.f1
    assert value is not None
    assert value >= FLOORS[guideline]

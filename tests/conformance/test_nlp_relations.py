"""Relations of the model that ships on corpora of others, their annotations given."""

from pathlib import Path

from careloom.nlp.corpora_ade import in_part, positives
from careloom.nlp.evaluate_relations import found, of_sentence, scores
from careloom.nlp.relations import Relations
from tools.relation_data import case_reports


def test_adverse_events_of_sentences_that_the_model_never_saw(suites: Path) -> None:
    sentences = positives((suites / "ade_corpus_v2/drug_ae.jsonl").read_bytes())
    known = [of_sentence(one) for one in sentences if in_part(one.pmid, "report")]
    told = scores([one.links for one in known], found(Relations(), known)).total
    assert (told.precision or 0) >= 0.97
    assert (told.f1 or 0) >= 0.68


def test_case_reports_that_the_model_learnt_from(suites: Path) -> None:
    known = case_reports(suites)[:40]
    told = scores([one.links for one in known], found(Relations(), known))
    assert (told.total.f1 or 0) >= 0.88
    assert (told.labels["problem-severity"].f1 or 0) >= 0.93

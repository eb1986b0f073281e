"""Relations of the model that ships on corpora of others, their annotations given."""

from pathlib import Path

from careloom.nlp.evaluate_relations import scores
from careloom.nlp.relations import Relations
from tools.ade_data import in_part, positives
from tools.relation_data import as_known, case_reports, found


def test_adverse_events_of_sentences_that_the_model_never_saw(suites: Path) -> None:
    sentences = positives(suites / "ade_corpus_v2/drug_ae.jsonl")
    known = [as_known(one) for one in sentences if in_part(one.pmid, "report")]
    told = scores([one.links for one in known], found(Relations(), known))["all"]
    assert (told.precision or 0) >= 0.97
    assert (told.f1 or 0) >= 0.68


def test_case_reports_that_the_model_learnt_from(suites: Path) -> None:
    known = case_reports(suites)[:40]
    told = scores([one.links for one in known], found(Relations(), known))
    assert (told["all"].f1 or 0) >= 0.88
    assert (told["problem-severity"].f1 or 0) >= 0.93

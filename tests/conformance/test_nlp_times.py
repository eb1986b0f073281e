"""Time expressions and the order of events on texts of others: floors that docs/datasheets/nlp-times.md tells of."""

from pathlib import Path

from careloom.nlp.evaluate_times import relation_scores
from careloom.nlp.timeline_pairs import said
from careloom.services.evaluate_nlp import EvaluateNlpAsk, evaluate_nlp

# Measured 29 November 2026 and lowered by about one point.
OVERLAP_F1, STRICT_F1, ORDER_ACCURACY = 0.89, 0.68, 0.85


def test_times_of_case_reports_that_no_rule_was_written_on_are_found(suites: Path) -> None:
    made = evaluate_nlp(EvaluateNlpAsk(suites, ("times",))).tasks["times"]
    told = {one.name: one.value or 0 for one in made.measures}
    total = made.scores["MACCROBAT strict"].total
    assert total.right + total.missed > 300
    assert told["MACCROBAT overlap F1"] >= OVERLAP_F1
    assert told["MACCROBAT strict F1"] >= STRICT_F1


def test_the_shipped_model_tells_the_order_of_pairs_it_was_trained_on(suites: Path) -> None:
    """Not a measure of what it can do, but that features and weights fit each other: both change in one commit."""
    from tools.train_nlp_timeline import pairs  # scikit-learn is loaded where the suite is at hand

    gold, found = [], []
    for document in sorted((suites / "maccrobat2020").glob("*.ann"))[:20]:
        for text, one, other, relation in pairs(document):
            gold.append(relation)
            found.append(said(text, one, other)[0])
    assert relation_scores(gold, found)["accuracy"] >= ORDER_ACCURACY

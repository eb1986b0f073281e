"""Corpora as texts with gold: three formats, spans that do not overlap, and a clear word on what is none."""

import gzip
import json

import pytest

from careloom.errors import InputError
from careloom.nlp.corpora import CASE_REPORT, Document, brat, corrected, longest, pubtator, simulated
from careloom.nlp.ner_material import fingerprint, gazetteer_names, kept_and_held_out


def test_a_line_of_pubtator_is_a_document_in_our_labels() -> None:
    row = {"pmid": 7, "text": "Pain on aspirin", "entities": [{"start": 8, "end": 15, "label": "Chemical"}]}
    assert pubtator(json.dumps(row).encode(), {"Chemical": "MEDICATION"}) == [
        Document("7", "Pain on aspirin", ((8, 15, "MEDICATION"),))
    ]


@pytest.mark.parametrize("line", [b"{}", b"no json", b'{"pmid":1,"text":"a","entities":[{}]}', b"[1]"])
def test_a_line_that_is_no_document_is_named_by_its_number(line: bytes) -> None:
    with pytest.raises(InputError, match="line 2"):
        pubtator(b'{"pmid":1,"text":"a","entities":[]}\n' + line)


def test_brat_gives_named_types_and_leaves_out_what_is_in_pieces() -> None:
    annotations = (
        "T1\tMedication 3 10\taspirin\nT2\tMedication 0 2;11 13\ton it\nE1\tMedication:T1\nT3\tColor 0 2\ton\n"
    )
    assert brat("a", "on aspirin it", annotations, CASE_REPORT).gold == ((3, 10, "MEDICATION"),)


def test_simulated_notes_bring_entities_and_times_in_our_labels() -> None:
    spans = [
        {"start": 0, "end": 6, "kind": "time", "label": "relative"},
        {"start": 7, "end": 14, "kind": "entity", "label": "drug"},
        {"start": 7, "end": 14, "kind": "phi", "label": "NAME"},
        {"start": 15, "end": 17, "kind": "entity", "label": "stage"},
    ]
    row = {"note_id": "n", "family": "chart", "text": "lately aspirin II", "spans": spans}
    assert simulated(json.dumps(row).encode()) == [
        Document("n", "lately aspirin II", ((0, 6, "DATE_TIME"), (7, 14, "MEDICATION")), "chart")
    ]


def test_corrected_notes_bring_the_labels_that_are_asked_for() -> None:
    spans = [{"start": 0, "end": 4, "label": "SYMPTOM"}, {"start": 8, "end": 15, "label": "MEDICATION"}]
    line = json.dumps({"text": "Pain on aspirin", "annotations": spans}).encode()
    assert corrected(line, ["MEDICATION"]) == [Document("correction 1", "Pain on aspirin", ((8, 15, "MEDICATION"),))]
    with pytest.raises(InputError, match="line 1"):
        corrected(b"{}", [])


def test_of_overlapping_spans_the_longest_counts_and_empty_ones_never() -> None:
    gold = [(0, 5, "A"), (3, 9, "B"), (9, 12, "C"), (10, 11, "D"), (4, 4, "E")]
    assert longest(gold) == ((3, 9, "B"), (9, 12, "C"))


def test_names_of_a_gazetteer_come_once_by_the_first_kind() -> None:
    drugs = [{"name": "Aspirin", "tty": "IN"}, {"name": "aspirin 81 MG", "tty": "SCD"}, {"name": "X", "tty": "BN"}]
    symptoms = [{"name": "cough", "synonyms": [{"text": "dry  cough"}]}]
    diseases = [{"name": "Asthma", "synonyms_ncit2018": ["cough", "bronchial asthma"]}]

    def lines(rows: list[dict[str, object]]) -> bytes:
        return "\n".join(json.dumps(row) for row in rows).encode()

    assert gazetteer_names(gzip.compress(lines(drugs)), lines(symptoms), gzip.compress(lines(diseases))) == [
        ("drug", "Aspirin"),
        ("symptom", "cough"),
        ("symptom", "dry cough"),
        ("disease", "Asthma"),
        ("disease", "bronchial asthma"),
    ]


def test_what_is_held_out_is_never_learnt_from() -> None:
    documents = [Document(str(number), f"text {number}", ()) for number in range(120)]
    kept, held_out = kept_and_held_out("disease", documents)
    assert [*kept, *held_out] == documents
    assert len(held_out) == 50
    assert not {fingerprint(one.text) for one in kept} & {fingerprint(one.text) for one in held_out}

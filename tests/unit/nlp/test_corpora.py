"""Corpora as texts with gold: three formats, spans that do not overlap, and a clear word on what is none."""

import gzip
import json

import pytest

from careloom.errors import InputError
from careloom.nlp.corpora import CASE_REPORT, Document, brat, corrected, longest, pubtator
from careloom.nlp.corpora_notes import gold_notes
from careloom.nlp.ner_material import HELD_OUT, fingerprint, gazetteer_names, kept_and_held_out


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


def _span(start: int, end: int, kind: str, label: str, name: str = "") -> dict[str, object]:
    told = {"id": name, "kind": kind, "label": label, "start": start, "end": end, "text": "", "assertion": ""}
    return told | {"codes": [["RXNORM", "1191"]], "attributes": [["value", "2"]]}


def _simulated_note() -> dict[str, object]:
    spans = [
        _span(0, 6, "time", "relative"),
        _span(7, 14, "entity", "drug", "S1"),
        _span(7, 14, "phi", "NAME"),
        _span(15, 17, "entity", "stage", "S2"),
        _span(7, 17, "section", "medications"),
    ]
    relations = [{"label": "drug-dose", "head": "S1", "tail": "S2"}]
    told = {"note_id": "n", "family": "chart", "time": "2026-01-05", "text": "lately aspirin II"}
    return told | {"spans": spans, "relations": relations}


def test_simulated_notes_bring_entities_and_times_in_our_labels() -> None:
    (note,) = gold_notes(json.dumps(_simulated_note()).encode())
    assert note.document == Document("n", "lately aspirin II", ((0, 6, "DATE_TIME"), (7, 14, "MEDICATION")), "chart")
    assert note.relations == (("drug-dose", "S1", "S2"),)
    assert note.spans[1].codes == (("RXNORM", "1191"),)
    assert note.spans[1].attributes == {"value": "2"}


def test_a_component_that_is_told_entities_gets_their_sections_and_ids() -> None:
    (note,) = gold_notes(json.dumps(_simulated_note()).encode())
    given = note.given([one for one in note.of("entity") if one.note_label])
    assert [(one.id, one.label, one.section) for one in given.annotations] == [("S1", "MEDICATION", "medications")]
    assert note.given([], with_sections=False).sections == ()


@pytest.mark.parametrize("line", [b"{}", b"no json", b"[1]"])
def test_a_line_that_is_no_simulated_note_is_named_by_its_number(line: bytes) -> None:
    with pytest.raises(InputError, match="line 2"):
        gold_notes(json.dumps(_simulated_note()).encode() + b"\n" + line)


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
    kept, held_out = kept_and_held_out(documents, HELD_OUT["disease"])
    assert [*kept, *held_out] == documents
    assert len(held_out) == 50
    assert not {fingerprint(one.text) for one in kept} & {fingerprint(one.text) for one in held_out}

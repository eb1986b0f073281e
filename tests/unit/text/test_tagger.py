"""Tags become spans; a model that does not load says so."""

import io
import zipfile

import numpy as np
import pytest

from careloom.errors import SetupError
from careloom.text.note import Span
from careloom.text.pieces import words
from careloom.text.tagger import MEMBERS, Tagged, Tagger, spans_of

LABELS = ("O", "B-NAME", "B-DATE", "I-NAME", "I-DATE")


def tagged(text: str, *rows: dict[str, float]) -> Tagged:
    table = np.array([[row.get(label, 0.0) for label in LABELS] for row in rows], dtype=np.float32)
    return Tagged(words(text), table)


SURE = [{"B-NAME": 0.9, "O": 0.1}, {"I-NAME": 0.9, "O": 0.1}, {"O": 1.0}]


@pytest.mark.parametrize(
    ("rows", "spans"),
    [
        (SURE, [("NAME", "Ann Lee")]),
        ([SURE[0], SURE[0], SURE[2]], [("NAME", "Ann"), ("NAME", "Lee")]),
        ([SURE[0], {"I-DATE": 0.9, "O": 0.1}, SURE[2]], [("NAME", "Ann"), ("DATE", "Lee")]),
        ([{"B-NAME": 0.3, "O": 0.7}, *SURE[1:]], [("NAME", "Lee")]),
        # Unsure of what it is, sure that it is something.
        ([{"B-NAME": 0.3, "B-DATE": 0.3, "O": 0.4}, SURE[2], SURE[2]], [("DATE", "Ann")]),
        ([SURE[2], SURE[2], SURE[2]], []),
    ],
)
def test_words_that_are_something_become_spans(rows: list[dict[str, float]], spans: list[tuple[str, str]]) -> None:
    text = "Ann Lee slept"
    found = spans_of(tagged(text, *rows), LABELS, 0.5)
    assert [(one.label, one.span.of(text)) for one in found] == spans


def test_a_span_is_as_sure_as_its_surest_word() -> None:
    (one,) = spans_of(tagged("Ann Lee", {"B-NAME": 0.6, "O": 0.4}, {"I-NAME": 0.8, "O": 0.2}), LABELS, 0.5, "model 1")
    assert one.score == pytest.approx(0.8)
    assert (one.source, one.span) == ("model 1", Span(0, 7))


def _zip(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        _zip(card__json=b"{}"),
        _zip(model__onnx=b"", vocab__txt=b"[PAD]\n[UNK]\n[CLS]\n[SEP]", heads__json=b"{}", card__json=b"{}"),
        _zip(model__onnx=b"no model", vocab__txt=b"[PAD]\n[UNK]\n[CLS]\n[SEP]", heads__json=b"{}", card__json=b"{}"),
        _zip(model__onnx=b"", vocab__txt=b"words", heads__json=b"{}", card__json=b"{}"),
        _zip(model__onnx=b"", vocab__txt=b"[PAD]\n[UNK]\n[CLS]\n[SEP]", heads__json=b"{", card__json=b"{}"),
    ],
)
def test_what_is_no_model_is_refused(archive: bytes) -> None:
    with pytest.raises(SetupError, match="does not load"):
        Tagger(archive)
    assert len(MEMBERS) == 4

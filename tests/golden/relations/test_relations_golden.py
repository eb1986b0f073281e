"""A note whose entities are known, and every relation that is found between them: a line a relation, by place."""

import os
from pathlib import Path

from careloom.nlp.relations import Relations
from tools.relation_data import marked

CASE = Path(__file__).resolve().parent / "discharge"


def test_the_relations_of_a_discharge_summary() -> None:
    note = Relations().read(marked("discharge", (CASE / "input.txt").read_text("utf-8")).note)
    texts = {one.id: one.text for one in note.annotations}
    lines = [
        f"{one.type}\t{texts[one.head]}\t{texts[one.tail]}\t{'model' if one.score is not None else 'rule'}\n"
        for one in note.relations
    ]
    expected = CASE / "expected.tsv"
    if os.environ.get("CARELOOM_REWRITE_GOLDEN"):
        expected.write_text("".join(lines), "utf-8")
    assert "".join(lines) == expected.read_text("utf-8")

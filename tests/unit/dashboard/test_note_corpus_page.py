"""The page of all notes together: figures with their tables, what few have is said so, and states without anything."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.note_corpus import CorpusConcept, CorpusPair, NoteCorpus
from careloom.dashboard.address import read
from careloom.dashboard.note_graph import together
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from tests.api.kit import BASE_URL, Installation
from tests.api.test_nlp_corpus import hospital


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with Installation(Path(tmp_path_factory.mktemp("corpus"))) as own:
            own.ingest(list(hospital()))
            annotate(own.platform, own.operator, AnnotateAsk())
            yield own


def shown(made: Installation, query: str = "", role: str = "clinician") -> str:
    token = made.token([role], zones=("identified", "research"))
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    page = page_at(api, person, read("/dashboard/notes/corpus", query))
    return json.dumps([page.ahead, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_every_figure_stands_with_its_table(made: Installation) -> None:
    said = shown(made)
    for name in ("concepts", "pairs", "trends", "said", "types"):
        assert f'"corpus-{name}"' in said
    assert said.count("Show as a table") == 5
    assert "Type 2 diabetes mellitus without complications" in said
    assert "notes/find?zone=identified&concept=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Ficd-10-cm%7CE11.9" in said
    assert '"few"' in said
    assert "Quill" not in said


def test_what_narrows_to_nothing_is_said(made: Installation) -> None:
    said = shown(made, "?since=2030")
    assert "No concept is in the notes of 11 patients" in said
    assert "No note that counts has a date" in said
    assert "Write it as 2026 or 2026-03" in shown(made, "?since=soon")
    assert "No note of this zone was read yet" in shown(made, "?zone=research", role="data-scientist")


def test_who_may_not_search_notes_gets_no_counts(made: Installation) -> None:
    with pytest.raises(AccessError):
        shown(made, role="administrator")


def test_what_meets_more_often_than_by_chance_is_joined_by_a_thicker_line() -> None:
    concepts = tuple(
        CorpusConcept("s", str(code), f"concept {code}", "PROBLEM", 50, 50, 40 + code, {}) for code in range(4)
    )
    pairs = (CorpusPair(0, 1, 20, 20, 2.5), CorpusPair(1, 2, 20, 20, 1.3), CorpusPair(2, 3, 20, 20, 0.4))
    found = NoteCorpus("research", 99, 50, 99, 99, 11, concepts, 0, pairs, "year", (), (), (), (), ())
    lines = {trace.name: trace for trace in together(found).data if trace.mode == "lines"}
    widths = [
        lines[name].line.width for name in ("Lift of 2 and more", "Lift of 1.2 and more", "As by chance, or less")
    ]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 3
    (nodes,) = [trace for trace in together(found).data if trace.mode != "lines"]
    assert len(nodes.x) == 4
    sizes = dict(zip(nodes.hovertext, nodes.marker.size, strict=True))
    assert sizes["concept 0: 40 patients"] < sizes["concept 3: 43 patients"]

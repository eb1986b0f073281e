"""Which detectors look for identity in texts: those that the settings name, or the run does not begin."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from careloom import __version__
from careloom.errors import SetupError, StateError
from careloom.pipeline.registry import REGISTRY
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_detectors import scrubber, teams
from careloom.settings import Deidentify
from tests.api.kit import PATIENT, Installation
from tests.deid_detectors import ADDRESS, FINDERS

REFUSED = [["rules", "presido"], ["classify"], [], ["Rules"]]


SHIPPED = [
    {"name": "rules", "version": __version__, "sends_to": ""},
    {"name": "classifier", "version": "phi-en 1", "sends_to": ""},
]


@pytest.mark.parametrize("detectors", REFUSED, ids=str)
def test_a_detector_that_is_unknown_or_rules_left_out_stop_the_run(detectors: list[str]) -> None:
    with pytest.raises(SetupError):
        teams(Deidentify(detectors=detectors))


def test_the_rules_and_the_model_that_ships_look_where_nothing_else_is_told() -> None:
    chosen = teams(Deidentify())
    assert [team.as_json() for team in chosen] == SHIPPED
    assert scrubber(chosen).find("Call 212-555-0143.")[0].label == "PHONE"


def test_a_detector_named_twice_is_asked_once() -> None:
    assert len(teams(Deidentify(detectors=["rules", "rules"]))) == 1


def test_the_signed_report_names_the_detectors_where_texts_pass(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest()
        report = deidentify(made.platform, made.operator, "safe-harbor")
        signed = orjson.loads(Path(report.place).read_bytes())["report"]
        page = Path(report.place).with_suffix(".html").read_text("utf-8")
        assert signed["detectors"] == SHIPPED
        assert "What looked for identity in texts" in page
        assert deidentify(made.platform, made.operator, "first").detectors == []


def test_a_run_that_cannot_load_a_detector_writes_nothing(tmp_path: Path) -> None:
    with Installation(tmp_path, deidentify={"detectors": ["rules", "nobody"]}) as made:
        made.ingest()
        before = made.events()
        with pytest.raises(SetupError):
            deidentify(made.platform, made.operator, "safe-harbor")
        assert not made.platform.has_store("research") or made.platform.store("research").count() == {}
        assert [event for event in made.events() if event["operation"] == "deidentify"] == []
        assert len(made.events()) == len(before)


REPORT = {
    "resourceType": "DiagnosticReport",
    "id": "d1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "24323-8"}]},
    "subject": {"reference": "Patient/p1"},
    "conclusion": "Tolerates Zaubernuss well.",
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """An installation with a text of a patient, and the detector of `tests.deid_detectors` that the test asks for."""
    monkeypatch.setitem(REGISTRY, f"detector.{request.param}", f"tests.deid_detectors:{request.param}")
    with Installation(tmp_path, deidentify={"detectors": ["rules", request.param]}) as installation:
        installation.ingest([PATIENT, REPORT])
        yield installation


@pytest.mark.parametrize("made", ["finder"], indirect=True)
def test_what_a_detector_of_others_finds_is_taken_out_and_where_texts_went_is_audited(made: Installation) -> None:
    report = deidentify(made.platform, made.operator, "safe-harbor")
    [kept] = [one.resource() for one in made.platform.store("research").scan(["DiagnosticReport"])]
    assert kept["conclusion"] == "Tolerates [OTHER_ID] well."
    assert report.detectors[1] == {"name": "finder", "version": "1", "sends_to": ADDRESS}
    told = [event["detail"] for event in made.events("research") if "texts_sent_to" in event["detail"]]
    assert len(told) > 1
    assert all(detail["texts_sent_to"] == [ADDRESS] for detail in told)


SAID = "Tolerates Zaubernuss. " * 9
NOTE = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(SAID.encode()).decode()}}],
}  # fmt: skip


@pytest.mark.parametrize("made", ["finder"], indirect=True)
def test_no_copy_with_planted_identifiers_is_sent_elsewhere_and_the_report_says_so(made: Installation) -> None:
    made.ingest([NOTE])
    report = deidentify(made.platform, made.operator, "safe-harbor")
    assert report.recall is not None
    assert report.recall["planted"] > 0
    assert report.recall["left_out"] == ["finder"]
    assert set(FINDERS[0].read) == {"Tolerates Zaubernuss well.", SAID}
    assert "Without finder" in Path(report.place).with_suffix(".html").read_text("utf-8")


@pytest.mark.parametrize("made", ["failing"], indirect=True)
def test_a_detector_that_fails_stops_the_run_with_no_text_written_and_the_attempt_audited(made: Installation) -> None:
    with pytest.raises(StateError):
        deidentify(made.platform, made.operator, "safe-harbor")
    assert list(made.platform.store("research").scan(["DiagnosticReport"])) == []
    assert any("texts_sent_to" in event["detail"] for event in made.events("research"))

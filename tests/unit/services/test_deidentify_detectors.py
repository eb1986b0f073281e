"""Which detectors look for identity in texts: those that the settings name, or the run does not begin."""

from pathlib import Path

import orjson
import pytest

from careloom import __version__
from careloom.errors import SetupError
from careloom.services.deidentify import deidentify
from careloom.services.deidentify_detectors import scrubber, teams
from careloom.settings import Deidentify
from tests.api.kit import Installation

REFUSED = [["rules", "presido"], ["classify"], [], ["Rules"]]


@pytest.mark.parametrize("detectors", REFUSED, ids=str)
def test_a_detector_that_is_unknown_or_rules_left_out_stop_the_run(detectors: list[str]) -> None:
    with pytest.raises(SetupError):
        teams(Deidentify(detectors=detectors))


def test_the_rules_alone_look_where_nothing_else_is_told() -> None:
    chosen = teams(Deidentify())
    assert [team.as_json() for team in chosen] == [{"name": "rules", "version": __version__, "sends_to": ""}]
    assert scrubber(chosen).find("Call 212-555-0143.")[0].label == "PHONE"


def test_a_detector_named_twice_is_asked_once() -> None:
    assert len(teams(Deidentify(detectors=["rules", "rules"]))) == 1


def test_the_signed_report_names_the_detectors_where_texts_pass(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest()
        report = deidentify(made.platform, made.operator, "safe-harbor")
        signed = orjson.loads(Path(report.place).read_bytes())["report"]
        page = Path(report.place).with_suffix(".html").read_text("utf-8")
        assert signed["detectors"] == [{"name": "rules", "version": __version__, "sends_to": ""}]
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

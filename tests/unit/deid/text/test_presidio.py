"""Presidio's recognizers as a detector, run by the real package; without it these tests say so and wait.

uv pip install --require-hashes --no-deps -r requirements/presidio.lock    (in an environment of its own, with pytest)
PYTHONPATH=src:. python -m pytest tests/unit/deid/text/test_presidio.py
"""

import logging
import subprocess
import sys
from typing import Any

import pytest

from careloom.deid.text import TextScrubber
from careloom.deid.text_known import NOBODY
from careloom.deid.text_presidio import ENTITIES, RECOGNIZERS, PresidioDetector, team
from careloom.deid.text_spans import LETTERS
from careloom.errors import SetupError, StateError
from careloom.services.deidentify_detectors import teams
from careloom.settings import Deidentify

ASKED = Deidentify(detectors=["rules", "presidio"])


@pytest.fixture(scope="module")
def presidio() -> Any:
    return pytest.importorskip("presidio_analyzer", reason="needs the extra presidio: requirements/presidio.lock")


@pytest.fixture(scope="module")
def detector(presidio: Any) -> PresidioDetector:
    [made] = team(ASKED).detectors
    assert isinstance(made, PresidioDetector)
    return made


def test_every_entity_has_a_label_of_ours_or_stays() -> None:
    assert {meaning.label for meaning in ENTITIES.values()} <= {*LETTERS, ""}
    assert [name for name, meaning in ENTITIES.items() if not meaning.label] == ["NRP"]


def test_without_the_package_the_run_stops_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    monkeypatch.setitem(sys.modules, "presidio_analyzer.predefined_recognizers", None)
    with pytest.raises(SetupError) as caught:
        teams(ASKED)
    assert "careloom[presidio]" in caught.value.remedy


def test_every_recognizer_of_patterns_in_the_package_has_its_entities_in_the_table(presidio: Any) -> None:
    import presidio_analyzer.predefined_recognizers as predefined

    kinds = [kind for kind in vars(predefined).values() if isinstance(kind, type)]
    patterns = [kind for kind in kinds if issubclass(kind, presidio.PatternRecognizer)]
    entities = {entity for kind in patterns for entity in kind().supported_entities}
    assert len(entities) > 50
    assert entities - set(ENTITIES) == set()


FOUND = [
    ("Mail ann.lee@example.org today", "EMAIL", "ann.lee@example.org"),
    ("call 212-555-0123 now", "PHONE", "212-555-0123"),
    ("SSN 536-90-4399", "SSN", "536-90-4399"),
    ("card 4111 1111 1111 1111", "ACCOUNT", "4111 1111 1111 1111"),
    ("from 192.168.7.9", "IP", "192.168.7.9"),
    ("mac 00:1B:44:11:3A:B7", "IP", "00:1B:44:11:3A:B7"),
    ("seen 03/04/2019", "DATE", "03/04/2019"),
    ("her passport number is 912803456", "LICENSE", "912803456"),
    ("see https://ward.example.org/7", "URL", "https://ward.example.org/7"),
]


@pytest.mark.parametrize(("text", "label", "value"), FOUND)
def test_a_recognizer_finds_what_it_is_for(detector: PresidioDetector, text: str, label: str, value: str) -> None:
    found = TextScrubber([detector]).find(text)
    assert (label, value) in [(one.label, one.span.of(text)) for one in found]


def test_words_around_raise_a_score_as_in_presidio(detector: PresidioDetector) -> None:
    def score(text: str) -> float:
        return max(one.score for one in detector.find(text, NOBODY) if one.span.of(text) == "912803456")

    assert score("passport 912803456") > score("It is 912803456")


def test_places_are_code_points_among_emoji(detector: PresidioDetector) -> None:
    text = "😀 e\u0301 mail ann.lee@example.org"
    assert "ann.lee@example.org" in [one.span.of(text) for one in detector.find(text, NOBODY)]


def test_recognizers_of_another_language_run_as_well(presidio: Any) -> None:
    settings = ASKED.model_copy(update={"presidio_recognizers": ["EsNifRecognizer", "EmailRecognizer"]})
    [made] = team(settings).detectors
    text = "Paciente con DNI 12345678Z, a@example.org"
    assert [one.span.of(text) for one in TextScrubber([made]).find(text)] == ["12345678Z", "a@example.org"]


def test_patterns_of_ones_own_run_as_well(presidio: Any) -> None:
    ward = presidio.PatternRecognizer("WARD_KEY", patterns=[presidio.Pattern("ward", r"W-\d{3}", 0.7)])
    [found] = PresidioDetector([ward]).find("bed W-117", NOBODY)
    assert (found.label, found.score, found.detector) == ("OTHER_ID", 0.7, "presidio")


REFUSED = ["SpacyRecognizer", "AzureHealthDeidRecognizer", "AzureAILanguageRecognizer", "Nobody", "email", "__doc__"]


@pytest.mark.parametrize("name", REFUSED)
def test_a_recognizer_that_needs_a_model_or_a_service_stops_the_run(presidio: Any, name: str) -> None:
    with pytest.raises(SetupError):
        team(ASKED.model_copy(update={"presidio_recognizers": ["EmailRecognizer", name]}))


def test_a_pattern_that_runs_out_of_time_stops_the_run(presidio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presidio_analyzer.pattern_recognizer.REGEX_TIMEOUT_SECONDS", 0.05)
    slow = presidio.PatternRecognizer("SLOW", patterns=[presidio.Pattern("slow", r"(a|aa)+$", 0.5)])
    with pytest.raises(StateError):
        PresidioDetector([slow]).find("a" * 60 + "b", NOBODY)


def test_nothing_of_a_text_is_logged(detector: PresidioDetector, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    detector.find("passport of Quillfeather 912803456", NOBODY)
    assert "quillfeather" not in caplog.text.lower()


OFFLINE = """
import socket
def refuse(*_, **__): raise SystemExit("it called out")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from careloom.deid.text_known import NOBODY
from careloom.deid.text_presidio import team
from careloom.settings import Deidentify
[detector] = team(Deidentify()).detectors
print(len(detector.find("ann.lee@example.org, 212-555-0123, www.example.co.uk", NOBODY)) > 2)
"""


def test_nothing_is_fetched_from_the_net(presidio: Any) -> None:
    done = subprocess.run([sys.executable, "-c", OFFLINE], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "True", done.stderr[-2000:]


def test_the_report_tells_the_version_of_the_package(presidio: Any) -> None:
    told = teams(ASKED)[1].as_json()
    assert (told["name"], told["sends_to"]) == ("presidio", "")
    assert told["version"][0].isdigit()
    assert len(RECOGNIZERS) == len(set(RECOGNIZERS))

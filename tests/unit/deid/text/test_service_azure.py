"""The de-identification service of Azure: what is sent, what comes of its answers, and that every failure stops."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import orjson
import pytest

from careloom.deid.text import TextScrubber
from careloom.deid.text_known import NOBODY
from careloom.deid.text_service_azure import (
    API_VERSION,
    CATEGORIES,
    MOST_BYTES,
    SCOPE,
    TRIES,
    AzureDetector,
    Connection,
    shared,
    team,
)
from careloom.deid.text_spans import LETTERS
from careloom.errors import CareloomError, SetupError, StateError
from careloom.services.deidentify_detectors import teams
from careloom.settings import Deidentify

NOW = 1_800_000_000
Answer = tuple[int, dict[str, str], bytes]


def index(text: str) -> dict[str, int]:
    """StringIndex of the API: one length in three encodings."""
    return {"utf8": len(text.encode()), "utf16": len(text.encode("utf-16-le")) // 2, "codePoint": len(text)}


def entity(text: str, value: str, category: str, **more: Any) -> dict[str, Any]:
    """A PhiEntity as the API answers it."""
    start = text.index(value)
    return {"category": category, "offset": index(text[:start]), "length": index(value), "text": value, **more}


def tagged(*entities: dict[str, Any]) -> Answer:
    return 200, {}, orjson.dumps({"taggerResult": {"entities": list(entities)}})


@dataclass
class Service:
    """A server on this machine that answers what a test tells it, and keeps what it was asked."""

    answer: Callable[[str], Answer] = lambda text: tagged()
    script: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    address: str = ""

    def texts(self) -> list[str]:
        return [body["inputText"] for _, _, body in self.asked]


@dataclass(frozen=True)
class Given:
    token: str
    expires_on: int


@dataclass
class Identity:
    """Tokens by number, each for an hour."""

    scopes: list[tuple[str, ...]] = field(default_factory=list)
    lasts: int = 3600

    def get_token(self, *scopes: str) -> Given:
        self.scopes.append(scopes)
        return Given(f"token-{len(self.scopes)}", NOW + self.lasts)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # headers and body in one packet

        def do_POST(self) -> None:
            body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append((self.path, dict(self.headers), body))
            status, headers, content = told.script.pop(0) if told.script else told.answer(body["inputText"])
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Asker:
    detector: AzureDetector
    connection: Connection
    identity: Identity
    waited: list[float]

    def labels(self, text: str) -> list[tuple[str, str]]:
        return [(one.label, one.span.of(text)) for one in self.detector.find(text, NOBODY)]


@pytest.fixture
def asker(service: Service) -> Iterator[Asker]:
    identity, waited = Identity(), []
    connection = Connection(identity, now=lambda: NOW)
    detector = AzureDetector(service.address, connection, wait=waited.append, now=lambda: NOW, most_bytes=9600)
    yield Asker(detector, connection, identity, waited)
    connection.close()


def test_one_text_is_one_call_of_the_api_with_the_token_and_nothing_else(service: Service, asker: Asker) -> None:
    text = "Hello my name is John Smith."
    service.script = [tagged(entity(text, "John Smith", "Patient", confidenceScore=0.83))]
    [found] = asker.detector.find(text, NOBODY)
    [(path, headers, body)] = service.asked
    assert path == f"/deid?api-version={API_VERSION}"
    assert body == {"inputText": text, "operation": "Tag"}
    assert headers["Authorization"] == "Bearer token-1"
    assert asker.identity.scopes == [(SCOPE,)]
    assert (found.label, found.part, found.span.of(text), found.score) == ("NAME", "patient", "John Smith", 0.83)


OFFSETS = [
    "😀 Seen by Ann Lee.",
    "cafe\u0301 and nai\u0308ve: Ann Lee",
    "👨‍👩‍👧 \U0001d538 x\u0301\u0302 Ann Lee 😀",
    "née Ann Lee",
]


@pytest.mark.parametrize("text", OFFSETS)
def test_places_are_code_points_among_emoji_and_combining_letters(service: Service, asker: Asker, text: str) -> None:
    service.script = [tagged(entity(text, "Ann Lee", "Doctor"))]
    assert asker.labels(text) == [("NAME", "Ann Lee")]


def test_every_category_of_the_api_has_a_label_of_ours_or_stays() -> None:
    assert len(CATEGORIES) == 29
    assert {meaning.label for meaning in CATEGORIES.values()} <= {*LETTERS, ""}
    assert [name for name, meaning in CATEGORIES.items() if not meaning.label] == ["Profession", "State"]


MEANT = [
    ("Zip", "02139", "LOCATION"),
    ("medicalrecord", "MR-1", "MRN"),
    ("SomethingNew", "xq-7", "OTHER_ID"),
    ("Unknown", "xq-7", "OTHER_ID"),
    ("Profession", "nurse", None),
    ("State", "Ohio", None),
    ("Age", "44", None),
    ("Age", "94", "AGE_OVER_89"),
    ("Date", "2019", None),
    ("Date", "May 3", "DATE"),
]


@pytest.mark.parametrize(("category", "value", "label"), MEANT)
def test_a_category_becomes_a_label(
    service: Service, asker: Asker, category: str, value: str, label: str | None
) -> None:
    text = f"It is {value}."
    service.script = [tagged(entity(text, value, category))]
    assert asker.labels(text) == ([(label, value)] if label else [])


def test_what_the_service_is_unsure_of_counts_as_well(service: Service, asker: Asker) -> None:
    text = "Ask Moss about it."
    service.script = [tagged(entity(text, "Moss", "Patient", confidenceScore=0.05))]
    assert [one.span.of(text) for one in TextScrubber([asker.detector]).find(text)] == ["Moss"]


def test_a_long_text_goes_in_pieces_and_its_places_are_those_of_the_whole(service: Service, asker: Asker) -> None:
    text = "".join(f"Line {number}: 😀 é seen.\n" for number in range(1200)) + "Signed Ann Lee"
    names = ["Line 0:", "Line 300:", "Line 777:", "Ann Lee"]
    service.answer = lambda sent: tagged(*(entity(sent, name, "Patient") for name in names if name in sent))
    found = {one.span.of(text) for one in asker.detector.find(text, NOBODY)}
    assert found == set(names)
    assert len(service.asked) > 3
    assert all(len(orjson.dumps(sent)) <= 9600 for sent in service.texts())


def test_no_text_is_as_long_as_the_api_takes() -> None:
    assert MOST_BYTES < 48_000


@pytest.mark.parametrize("text", ["", " \n", "---"])
def test_a_text_without_a_letter_or_digit_is_not_sent(service: Service, asker: Asker, text: str) -> None:
    assert list(asker.detector.find(text, NOBODY)) == []
    assert service.asked == []


def test_a_short_text_that_comes_again_is_sent_once(service: Service, asker: Asker) -> None:
    for _ in range(3):
        asker.detector.find("Glucose in blood", NOBODY)
    assert len(service.asked) == 1


LATER = format_datetime(datetime.fromtimestamp(NOW + 9, UTC), usegmt=True)
WAITS = [
    ([(429, {"Retry-After": "7"}, b"")], [7.0]),
    ([(429, {"Retry-After": LATER}, b"")], [9.0]),
    ([(429, {"retry-after-ms": "250"}, b"")], [0.25]),
    ([(503, {}, b""), (500, {}, b""), (502, {}, b"")], [1.0, 2.0, 4.0]),
    ([(429, {"Retry-After": "soon"}, b"")], [1.0]),
]


@pytest.mark.parametrize(("script", "waited"), WAITS, ids=str)
def test_a_busy_service_is_asked_again_when_it_says_so(
    service: Service, asker: Asker, script: list[Answer], waited: list[float]
) -> None:
    text = "Ann Lee"
    service.script = [*script, tagged(entity(text, "Ann Lee", "Patient"))]
    assert asker.labels(text) == [("NAME", "Ann Lee")]
    assert asker.waited == waited
    assert service.texts() == [text] * (len(script) + 1)


def test_a_service_that_stays_busy_stops_the_run(service: Service, asker: Asker) -> None:
    service.answer = lambda text: (429, {"Retry-After": "2"}, b"")
    with pytest.raises(StateError):
        asker.detector.find("Ann Lee", NOBODY)
    assert (len(service.asked), asker.waited) == (TRIES, [2.0] * (TRIES - 1))


def test_a_service_that_asks_to_wait_for_long_stops_the_run_at_once(service: Service, asker: Asker) -> None:
    service.answer = lambda text: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(StateError):
        asker.detector.find("Ann Lee", NOBODY)
    assert (len(service.asked), asker.waited) == (1, [])


def test_a_service_that_cannot_be_reached_stops_the_run(asker: Asker, service: Service) -> None:
    detector = AzureDetector("http://127.0.0.1:9", asker.connection, wait=asker.waited.append, now=lambda: NOW)
    with pytest.raises(StateError):
        detector.find("Ann Lee", NOBODY)
    assert len(asker.waited) == TRIES - 1


def test_a_token_is_used_until_it_nearly_ends(service: Service, asker: Asker) -> None:
    for number in range(3):
        asker.detector.find(f"text {number}", NOBODY)
    assert len(asker.identity.scopes) == 1
    asker.identity.lasts = 10
    asker.connection.forget()
    for number in range(3):
        asker.detector.find(f"other {number}", NOBODY)
    assert len(asker.identity.scopes) == 4


def test_all_detectors_of_an_address_share_one_connection_and_its_token(service: Service) -> None:
    identity = Identity()
    identity.lasts = 10**10
    connections = [shared(service.address, lambda: identity) for _ in range(3)]
    for connection in connections:
        AzureDetector(service.address, connection).find("Ann Lee", NOBODY)
    connections[0].close()
    assert len(set(connections)) == 1
    assert shared("https://other.example", Identity) is not connections[0]
    assert [headers["Authorization"] for _, headers, _ in service.asked] == ["Bearer token-1"] * 3


def test_a_token_that_is_refused_is_renewed_once(service: Service, asker: Asker) -> None:
    service.script = [(401, {}, b"")]
    asker.detector.find("Ann Lee", NOBODY)
    assert [headers["Authorization"] for _, headers, _ in service.asked] == ["Bearer token-1", "Bearer token-2"]
    service.script = [(401, {}, b""), (401, {}, b"")]
    with pytest.raises(SetupError):
        asker.detector.find("Bo Moss", NOBODY)


@pytest.mark.parametrize("status", [302, 400, 403, 404, 413, 418])
def test_a_refusal_stops_the_run_and_is_not_tried_again(service: Service, asker: Asker, status: int) -> None:
    service.script = [(status, {"Location": "http://127.0.0.1:1/"}, b'{"error": {"message": "Ann Lee"}}')]
    with pytest.raises(SetupError):
        asker.detector.find("Ann Lee", NOBODY)
    assert len(service.asked) == 1


TEXT = "Ann Lee is here."
BROKEN: dict[str, bytes] = {
    "no JSON": b"<html>Ann Lee</html>",
    "a list": b"[]",
    "another operation": b'{"outputText": "Ann Lee"}',
    "no entities": b'{"taggerResult": {}}',
    "null": b'{"taggerResult": null}',
    "no code points": orjson.dumps(
        {"taggerResult": {"entities": [{"category": "Patient", "offset": {"utf8": 0}, "length": {"utf8": 7}}]}}
    ),
    "a place beyond the end": tagged({**entity(TEXT, "Ann Lee", "Patient"), "offset": index(TEXT)})[2],
    "a place before the beginning": tagged({**entity(TEXT, "Ann Lee", "Patient"), "offset": {"codePoint": -3}})[2],
    "no length": tagged({**entity(TEXT, "Ann Lee", "Patient"), "length": {"codePoint": 0}})[2],
    "another text at the place": tagged({**entity(TEXT, "Ann Lee", "Patient"), "offset": index("A")})[2],
    "places as words": tagged({**entity(TEXT, "Ann Lee", "Patient"), "offset": {"codePoint": "0"}})[2],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_cannot_be_read_stops_the_run_without_telling_the_text(
    service: Service, asker: Asker, content: bytes
) -> None:
    service.script = [(200, {}, content)]
    with pytest.raises(SetupError) as caught:
        asker.detector.find(TEXT, NOBODY)
    assert_silent(caught.value)


def assert_silent(error: CareloomError) -> None:
    """Neither the error nor what Python would print as its cause tells a text."""
    assert "Ann" not in str(error)
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("endpoint", ["", "example.org", "http://example.org", "https://a:b@example.org", "ftp://x"])
def test_an_address_that_is_not_safe_to_send_texts_to_is_refused(endpoint: str) -> None:
    with pytest.raises(SetupError):
        AzureDetector(endpoint, shared("https://unused.example", Identity))


ADDRESS = "https://ward.api.eus001.deid.azure.com"
UNREADY = [
    Deidentify(detectors=["rules", "azure"]),
    Deidentify(detectors=["rules", "azure"], azure_endpoint=ADDRESS),
    Deidentify(detectors=["rules", "azure"], azure_may_receive_texts=True),
]


@pytest.mark.parametrize("settings", UNREADY, ids=str)
def test_it_starts_only_where_the_settings_say_all_of_it(settings: Deidentify) -> None:
    with pytest.raises(SetupError):
        teams(settings)


def test_what_the_report_tells_of_it() -> None:
    pytest.importorskip("azure.identity", reason="needs the extra azure: requirements/azure.lock")
    made = team(UNREADY[1].model_copy(update={"azure_may_receive_texts": True}))
    assert made.as_json() == {"name": "azure", "version": f"api {API_VERSION}", "sends_to": ADDRESS}

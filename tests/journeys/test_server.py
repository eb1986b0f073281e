"""The server as its operator and its worst clients know it: silent and broken connections, TLS, killed processes."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.services.access import ZONES
from tests.journeys.hospital import CommandLine
from tests.journeys.server import Server, free_port, serving

SILENT = {
    "says nothing": b"",
    "says half a head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "announces a body and sends none": b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
    "sends a form byte by byte": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\ngrant_type=",
    "sends a form of no length": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "signs in byte by byte": b"POST /dashboard/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nname=",
    "never closes what it was told to close": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}
BROKEN = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "two lengths": b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "length and chunks": (
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "an endless line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "an endless header": b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(CommandLine(tmp_path_factory.mktemp("server"))) as running:
        yield running


def connect(server: Server, receives: int = 0) -> socket.socket:
    """A connection; one that takes at most so many bytes at a time if `receives` is not 0."""
    host, port = server.url.removeprefix("http://").split(":")
    made = socket.socket()
    if receives:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
    made.settimeout(60)
    made.connect((host, int(port)))
    return made


@pytest.mark.parametrize("manner", SILENT)
def test_a_hundred_clients_that_dawdle_keep_nobody_waiting(server: Server, manner: str) -> None:
    dawdlers = [connect(server) for _ in range(100)]
    try:
        for dawdler in dawdlers:
            dawdler.sendall(SILENT[manner])
        time.sleep(0.3)
        began = time.monotonic()
        for _ in range(5):
            assert server.get("/healthz").status_code == 200
        # One after the other, a hundred silent clients would take the threads for a minute.
        assert time.monotonic() - began < 45, "a silent client takes 5 s of a thread unless the server is patient"
    finally:
        for dawdler in dawdlers:
            dawdler.close()


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_request_is_refused_and_the_next_one_answered(server: Server, what: str) -> None:
    with connect(server) as broken:
        broken.sendall(BROKEN[what])
        answer = broken.recv(65536)
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501")), answer[:200]
    assert b"application/problem+json" in answer
    assert server.get("/healthz").status_code == 200


UNREAD = {
    "a long address": (414, b"GET /%s?_id=" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n"),
    "a long header": (431, b"GET /%s HTTP/1.1\r\nX: " + b"a" * 9_000 + b"\r\n\r\n"),
    "many headers": (431, b"GET /%s HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
    "a body of no length": (411, b"POST /%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, b"POST /%s HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
}


@pytest.mark.parametrize("what", UNREAD)
def test_what_never_reaches_the_application_is_answered_as_fhir_has_it_under_fhir(server: Server, what: str) -> None:
    status, request = UNREAD[what]
    for path, is_fhir in ((b"fhir/identified/Patient", True), (b"api/v1/me", False), (b"fhirs", False)):
        with connect(server) as asking:
            asking.sendall(request.replace(b"%s", path))
            head, _, body = asking.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert (b"application/fhir+json" in head) == is_fhir
        told = json.loads(body)
        if is_fhir:
            assert (told["resourceType"], told["issue"][0]["severity"]) == ("OperationOutcome", "error")
        else:
            assert (told["status"], told["code"]) == (status, "http.unreadable")


def test_what_a_broken_request_asked_for_is_neither_logged_nor_repeated(server: Server) -> None:
    with connect(server) as broken:
        broken.sendall(b"GET /fhir/identified/Patient?family=Quillfeather HTTP/9.9 oh\r\n\r\n")
        answer = broken.recv(65536)
    assert b"Quillfeather" not in answer
    wait_until(lambda: "could not be read" in server.said())
    assert "Quillfeather" not in server.said()


def test_who_never_reads_the_answers_is_cut_off(server: Server) -> None:
    deaf = [connect(server, receives=4096) for _ in range(12)]
    try:
        for one in deaf:
            one.sendall(b"GET /openapi/swagger/js/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        wait_until(lambda: answered(f"{server.url}/healthz") == 200)
    finally:
        for one in deaf:
            one.close()


def test_a_small_form_in_two_pieces_is_answered_at_once(server: Server) -> None:
    with connect(server) as sender:
        sender.sendall(b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\n")
        time.sleep(0.02)
        sender.sendall(b"grant_type=client_credentials")
        began = time.monotonic()
        assert sender.recv(65536).startswith(b"HTTP/1.1 4")
        assert time.monotonic() - began < 4


def test_a_worker_that_is_killed_is_replaced(server: Server) -> None:
    (worker,) = [pid for pid in children(server.process.pid) if "careloom.cli.main serve" in command(pid)]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in children(server.process.pid) and answered(f"{server.url}/healthz") == 200)


def test_processes_that_serve_share_the_reader_of_notes_and_each_reads_by_it(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    added = line.json("clients", "add", "reader", "--role", "data-scientist", "--zone", "research")
    text = {"text": "Denies chest pain. Aspirin 81 mg daily for stroke."}
    with serving(line, processes=2, is_warm=True) as server:
        token = server.token("reader", added["client_secret"])
        workers = [pid for pid in children(server.process.pid) if "careloom.cli.main serve" in command(pid)]
        assert len(workers) == 2

        def analyze(_number: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.post(f"{server.url}/api/v1/nlp/analyze", headers=headers, json=text, timeout=120)

        with ThreadPoolExecutor(8) as at_once:  # so many that both processes have some of them
            answers = list(at_once.map(analyze, range(24)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
        # The reader alone is some 150 MB: a process with one of its own has over 200 MB that nobody else has.
        assert [pid for pid in workers if private_megabytes(pid) > 120] == []


def test_a_worker_that_leaves_takes_no_numbers_along(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    zones = [word for zone in ZONES for word in ("--zone", zone)]
    secret = line.json("clients", "add", "watcher", "--role", "admin", *zones)["client_secret"]
    counted = 'careloom_http_requests_total{method="GET",route="/healthz",status="200"} '
    with serving(line, processes=2) as server:

        def count() -> float:
            text = server.get("/metrics", server.token("watcher", secret)).text
            return sum(float(told.removeprefix(counted)) for told in text.splitlines() if told.startswith(counted))

        for _ in range(20):
            assert server.get("/healthz").status_code == 200
        before = count()
        assert before >= 20
        leaving = next(pid for pid in children(server.process.pid) if "careloom.cli.main serve" in command(pid))
        os.kill(leaving, signal.SIGTERM)
        wait_until(lambda: leaving not in children(server.process.pid))
        assert count() >= before
        (job_worker,) = [pid for pid in children(server.process.pid) if "careloom.worker" in command(pid)]
        environment = Path(f"/proc/{job_worker}/environ").read_bytes().split(b"\0")
        (folder,) = [one.partition(b"=")[2] for one in environment if one.startswith(b"PROMETHEUS_MULTIPROC_DIR=")]
        assert Path(folder.decode()).is_dir()
    assert not Path(folder.decode()).exists(), "the server itself takes it away"


def test_the_job_worker_runs_beside_the_server_and_is_replaced(server: Server) -> None:
    (worker,) = [pid for pid in children(server.process.pid) if "careloom.worker" in command(pid)]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: any("careloom.worker" in command(pid) for pid in children(server.process.pid) if pid != worker))


def test_what_the_job_worker_did_stands_among_the_server_s_numbers(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    secrets = [
        line.json("clients", "add", name, "--role", role, *zones)["client_secret"]
        for name, role, *zones in (
            ("feeder", "data-engineer", "--zone", "landing", "--zone", "identified"),
            ("watcher", "admin", *(word for zone in ZONES for word in ("--zone", zone))),
        )
    ]
    (tmp_path / "feed.ndjson").write_text(json.dumps({"resourceType": "Patient", "id": "p1"}) + "\n")
    with serving(line) as server:
        with Careloom(server.url, ClientSecret("feeder", secrets[0])) as api:
            sent = api.ingestions.upload(tmp_path / "feed.ndjson")
            api.ingestions.wait(sent.id, poll=0.2)

        def numbers() -> set[str]:
            return set(server.get("/metrics", server.token("watcher", secrets[1])).text.splitlines())

        wait_until(lambda: 'careloom_jobs_ended_total{end="done",kind="ingest"} 1.0' in numbers(), 30)
        found = numbers()
        assert 'careloom_job_seconds_count{kind="ingest"} 1.0' in found
        assert 'careloom_job_wait_seconds_count{kind="ingest"} 1.0' in found


def test_with_a_certificate_it_speaks_tls_only(tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *names, *files], check=True, capture_output=True)
    line, port = CommandLine(tmp_path), free_port()
    words = line.arguments("serve", "--port", str(port), "--processes", "1", "--certificate", certificate, "--key", key)
    with subprocess.Popen(words, env=line.environment, cwd=tmp_path) as process:
        try:
            trusting = ssl.create_default_context(cafile=str(certificate))
            wait_until(lambda: answered(f"https://127.0.0.1:{port}/healthz", trusting) == 200)
            answer = httpx.get(f"https://127.0.0.1:{port}/healthz", verify=trusting)
            assert "max-age" in answer.headers["Strict-Transport-Security"]
            assert answered(f"http://127.0.0.1:{port}/healthz", trusting) != 200
        finally:
            process.terminate()


def children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in told.split()]


def private_megabytes(pid: int) -> float:
    """What no other process shares with this one."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def answered(url: str, trusting: ssl.SSLContext | bool = True) -> int:
    """The status of an answer, 0 for none."""
    try:
        return httpx.get(url, verify=trusting, timeout=30).status_code
    except httpx.TransportError:
        return 0


def wait_until(happened: Callable[[], bool], seconds: float = 300) -> None:
    last = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.05)

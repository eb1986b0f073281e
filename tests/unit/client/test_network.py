"""Real sockets: certificates, answers that are cut off or never come, and uploads larger than memory should hold."""

import json
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.pace import Pace
from careloom.errors import SetupError, TooLarge, Unauthenticated
from tests.unit.client.scripted import PATIENT
from tests.unit.client.test_ingestions import ingestion

TOKEN = Bearer("planted-in-a-test")
QUICK = Pace(first_wait_seconds=0.001)
Handle = Callable[[BaseHTTPRequestHandler], None]


class Served:
    """A server on this machine that does what a test says with each request."""

    def __init__(self, handle: Handle, certificate: Path | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                handle(self)

            do_POST = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts a server and tells its address."""
    started: list[Served] = []

    def start(handle: Handle, certificate: Path | None = None) -> str:
        started.append(Served(handle, certificate))
        return started[-1].address

    yield start
    for each in started:
        each.close()


def reply(request: BaseHTTPRequestHandler, document: object, status: int = 200) -> None:
    content = json.dumps(document).encode()
    request.send_response(status)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def patient(request: BaseHTTPRequestHandler) -> None:
    reply(request, PATIENT)


def certificate_for(host: str, folder: Path) -> Path:
    """A certificate that nobody but itself vouches for, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def read(api: Careloom) -> object:
    with api:
        return api.fhir("research").read("Patient", "p1")


def test_a_certificate_is_accepted_from_an_authority_that_was_given_and_no_other(
    tmp_path: Path, serve: Callable[..., str]
) -> None:
    certificate = certificate_for("127.0.0.1", tmp_path)
    address = serve(patient, certificate)
    assert read(Careloom(address, TOKEN, ca=certificate)) == PATIENT
    with pytest.raises(SetupError, match="certificate"):
        read(Careloom(address, TOKEN, pace=QUICK))


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, serve: Callable[..., str]) -> None:
    certificate = certificate_for("127.0.0.9", tmp_path)
    with pytest.raises(SetupError, match="certificate"):
        read(Careloom(serve(patient, certificate), TOKEN, ca=certificate, pace=QUICK))


def test_one_connection_serves_many_calls(serve: Callable[..., str]) -> None:
    peers: set[object] = set()

    def noted(request: BaseHTTPRequestHandler) -> None:
        peers.add(request.client_address)
        patient(request)

    with Careloom(serve(noted), TOKEN) as api:
        for _ in range(5):
            api.fhir("research").read("Patient", "p1")
    assert len(peers) == 1


def test_an_answer_that_is_cut_off_is_asked_for_again(serve: Callable[..., str]) -> None:
    came: list[str] = []

    def cut(request: BaseHTTPRequestHandler) -> None:
        came.append(request.path)
        if len(came) > 2:
            return patient(request)
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b'{"resourceType": "Patient", "id": "p1"}')
        request.close_connection = True
        return None

    assert read(Careloom(serve(cut), TOKEN, pace=QUICK)) == PATIENT
    assert len(came) == 3


def test_an_answer_that_never_comes_ends_in_time_and_is_not_asked_for_again(serve: Callable[..., str]) -> None:
    over, came = threading.Event(), []

    def silent(request: BaseHTTPRequestHandler) -> None:
        came.append(request.path)
        over.wait(10)
        request.close_connection = True

    with pytest.raises(SetupError, match=r"within 0\.2 seconds"):
        read(Careloom(serve(silent), TOKEN, timeout=0.2, pace=QUICK))
    over.set()
    assert len(came) == 1


def test_nobody_at_home_is_an_error_that_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(SetupError, match=address):
        read(Careloom(address, TOKEN, pace=QUICK))


REFUSALS = [(401, "access.unauthenticated", Unauthenticated), (413, "input.too-large", TooLarge)]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS)
def test_a_refusal_of_an_upload_is_heard_though_the_body_is_never_read(
    serve: Callable[..., str], status: int, code: str, kind: type[Exception]
) -> None:
    def refuse(request: BaseHTTPRequestHandler) -> None:
        reply(request, {"code": code, "detail": "no"}, status)
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_WR)
        while request.rfile.read1(65536):  # as a server does that wants to be heard
            pass
        request.close_connection = True

    with Careloom(serve(refuse), TOKEN) as api, pytest.raises(kind):
        api.ingestions.upload(bytes(8_000_000))


class Zeros:
    """A stream of zeros that takes no memory."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes, self.at = size_bytes, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = self.size_bytes + offset if whence == 2 else offset
        return self.at

    def tell(self) -> int:
        return self.at

    def read(self, count: int) -> bytes:
        taken = bytes(min(count, self.size_bytes - self.at))
        self.at += len(taken)
        return taken


@pytest.mark.parametrize("others", [[], [b"second"]], ids=["alone", "in a form"])
def test_an_upload_takes_the_same_memory_however_long_it_is(serve: Callable[..., str], others: list[bytes]) -> None:
    received = 0

    def take(request: BaseHTTPRequestHandler) -> None:
        nonlocal received
        received, told = 0, int(request.headers["Content-Length"])
        while received < told:
            received += len(request.rfile.read(min(told - received, 65536)))
        reply(request, ingestion("waiting"), 202)

    peaks = []
    with Careloom(serve(take), TOKEN) as api:
        for size_bytes in (2_000_000, 64_000_000):
            tracemalloc.start()
            api.ingestions.upload([Zeros(size_bytes), *others])  # type: ignore[list-item]
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert received >= size_bytes
    assert peaks[1] < peaks[0] + 500_000

"""A listener in a process of its own, and certificates for it and for its senders."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from careloom.hl7v2.frames import FrameDecoder, frame
from careloom.hl7v2.parse import Message, read


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(folder: Path, port: int, **settings: str | Path | int) -> Iterator["subprocess.Popen[bytes]"]:
    """A listener on this port of this machine, once the port is open; it must end well when it is asked to stop."""
    environment = os.environ | {"CARELOOM__DATA__DIRECTORY": str(folder / "data"), "CARELOOM__INGEST__SOURCE": "north"}
    environment |= {f"CARELOOM__{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "careloom.cli.main", "mllp", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert b"Listening" in process.stdout.readline()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        process.stdout.close()


def ask(connection: socket.socket, raw: bytes, answers: int = 1) -> list[Message]:
    """Sends one message and returns what is answered, once there are so many answers."""
    connection.sendall(frame(raw))
    return heard(connection, answers)


def heard(connection: socket.socket, answers: int) -> list[Message]:
    """The next answers of a connection; fewer where it is closed before."""
    decoder, found = FrameDecoder(), []
    while len(found) < answers and (data := connection.recv(65536)):
        for raw in decoder.feed(data):
            message, _ = read(raw)
            assert message is not None
            found.append(message)
    return found


def authority(folder: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate authority, written as ``<name>.crt``."""
    return _issue(folder, name, None)


def certificate(folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> None:
    """A certificate for 127.0.0.1, written as ``<name>.crt`` and ``<name>.key``."""
    _issue(folder, name, issuer)


def _issue(
    folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, now = issuer[1] if issuer else key, datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(*plain))
    return made, key

"""Known weaknesses of what is installed are found where the index tells them; what was no audit is not called one."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

CLEAN = {"dependencies": [{"name": "flask", "version": "3.1.0", "vulns": []}]}
HOLED = {
    "dependencies": [
        {
            "name": "flask",
            "version": "3.1.0",
            "vulns": [{"id": "PYSEC-2099-1", "fix_versions": ["3.1.9"], "aliases": []}],
        }
    ]
}
TELLS = {"info": {}, "vulnerabilities": []}
FILES_ALONE = {"info": {}}


@contextmanager
def index(answer: object) -> Iterator[str]:
    """The address of a package index that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def audit(folder: Path, address: str, says: object, *options: str) -> tuple[int, str]:
    """Status and output of tools/audit_locks.py with an auditor that says one thing of every lock."""
    auditor = folder / "pip-audit"
    holes = bool(says) and says is not CLEAN
    auditor.write_text(
        f"#!/bin/sh\necho 'ERROR: no answer' >&2\necho '{json.dumps(says) if says else ''}'\nexit {int(holes)}\n"
    )
    auditor.chmod(0o755)
    tool = [sys.executable, str(ROOT / "tools" / "audit_locks.py"), "--index", address, "--auditor", str(auditor)]
    done = subprocess.run([*tool, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


LENIENT, STRICT = ("--where-answered",), ()


@pytest.mark.parametrize("options", [LENIENT, STRICT])
def test_a_known_weakness_fails_the_audit_and_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    with index(TELLS) as address:
        status, said = audit(tmp_path, address, HOLED, *options)
    assert status == 1
    assert "base.lock: flask 3.1.0: PYSEC-2099-1, mended in 3.1.9" in said


@pytest.mark.parametrize("options", [LENIENT, STRICT])
def test_locks_without_a_known_weakness_pass(tmp_path: Path, options: tuple[str, ...]) -> None:
    with index(TELLS) as address:
        status, said = audit(tmp_path, address, CLEAN, *options)
    assert (status, said.endswith("locks: no known weakness\n")) == (0, True)


@pytest.mark.parametrize(("options", "status"), [(LENIENT, 0), (STRICT, 1)])
@pytest.mark.parametrize(("told", "says"), [(FILES_ALONE, CLEAN), (TELLS, None)], ids=["files alone", "auditor failed"])
def test_where_nobody_could_be_asked_it_is_said(
    tmp_path: Path, told: object, says: object, options: tuple[str, ...], status: int
) -> None:
    with index(told) as address:
        found = audit(tmp_path, address, says, *options)
    assert found[0] == status
    assert "NOT AUDITED" in found[1]


def test_without_a_network_check_passes_and_says_so(tmp_path: Path) -> None:
    status, said = audit(tmp_path, "http://127.0.0.1:9", CLEAN, *LENIENT)
    assert status == 0
    assert "NOT AUDITED, http://127.0.0.1:9 does not answer" in said

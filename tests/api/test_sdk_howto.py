"""The recipes of the how-to, run word for word over a socket."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk
from werkzeug.serving import WSGIRequestHandler, make_server

from careloom.services.jobs import work
from careloom.store.jobs import Stop
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.architecture.source import ROOT

RECIPES = re.findall(r"(?s)## (.*?)\n(.*?)(?=\n## |\Z)", (ROOT / "docs/how-to/use-the-sdk.md").read_text("utf-8"))


class Quiet(WSGIRequestHandler):
    def log_request(self, *_: Any) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Installation]:
    """An installation with a server and a worker."""
    server = make_server("127.0.0.1", 0, lambda environ, start: [], threaded=True, request_handler=Quiet)
    address = f"http://127.0.0.1:{server.server_port}"
    with Installation(tmp_path, api={"public_url": address}) as installation:
        server.app = installation.app
        stop = Stop()
        threads = [
            threading.Thread(target=server.serve_forever),
            threading.Thread(target=work, args=(installation.platform,), kwargs={"once": False, "stop": stop}),
        ]
        for thread in threads:
            thread.start()
        yield installation
        stop.asked = True
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()


@pytest.fixture
def ready(served: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """What the how-to takes for granted: two clients, a key, a folder with feeds."""
    key = ec.generate_private_key(ec.SECP384R1())
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "nightly-load.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    public = jwk.ECKey.import_key(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ))  # fmt: skip
    known = public.as_dict(private=False) | {"kid": "2026-11", "alg": "ES384"}
    served.register(name="nightly-load", jwks={"keys": [known]})
    patient = PATIENT | {"identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": "MRN-0042"}]}
    rates = [OBSERVATION | {"id": f"o{number}"} for number in range(3)]
    broken = {"resourceType": "Observation", "id": "o9", "subject": {"reference": "Patient/p1"}}
    (tmp_path / "feeds").mkdir()
    content = b"".join(orjson.dumps(each) + b"\n" for each in (patient, *rates, broken))
    (tmp_path / "feeds" / "monday.ndjson").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARELOOM_URL", served.platform.settings.base_url)
    monkeypatch.setenv("WAREHOUSE_SECRET", served.register(name="warehouse").secret)
    return served


EXPECTED = {
    "Sign in": ["data-engineer", "system/*.cruds"],
    "Send a folder and see what became of it": ["bytes", "4 stored, 1 refused", "Observation"],
    "Read a patient and page through what was measured": ["2026-01-02T03:04:05Z 71\n" * 3],
    "Ask many things at once with asyncio": ["2 for warehouse\n" + "2026-01-02T03:04:05Z\n" * 3],
    "Tell errors apart": ["input.not-found in request "],
    "Watch the platform": ["identified 4", "1 records wait in quarantine:"],
}


def test_every_recipe_has_an_expectation() -> None:
    assert [title for title, _ in RECIPES] == list(EXPECTED)


def test_every_recipe_does_what_it_says(ready: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for title, text in RECIPES:
        blocks = re.findall(r"(?s)```python\n(.*?)```", text)
        assert blocks, title
        for block in blocks:
            exec(compile(block, title, "exec"), names)
        said = capsys.readouterr().out
        for words in EXPECTED[title]:
            assert words in said, title

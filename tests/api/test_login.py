"""`careloom login`: a person signs in in the browser for this machine, and programs act in the person's name."""

import json
import socket
import threading
import time
import webbrowser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from typer.testing import CliRunner
from werkzeug.serving import make_server

from careloom.cli.browser_sign_in import REDIRECT, BrowserSignIn, Loopback, read
from careloom.cli.main import app as command_line
from careloom.client.careloom import Careloom
from careloom.client.pace import Pace
from careloom.client.sign_ins import FOLDER_VARIABLE, SignIns
from careloom.errors import AccessError, QueryError, SetupError, StateError, Unauthenticated
from tests.api.kit import Clock, Installation
from tests.api.people_kit import Person, Web, app, at, person

SCOPES = "openid offline_access user/*.rs careloom/monitor"


class Served:
    """An installation behind a port of this machine, with a person and the command line as an application."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        clock = Clock()
        self.made = Installation(folder, at(clock), api={"port": port})
        self.base = f"http://127.0.0.1:{port}"
        self.mara: Person = person(self.made, clock)
        app(self.made, "careloom-cli", redirects=[REDIRECT], scopes=SCOPES, title="Command line")
        self._server = make_server("127.0.0.1", port, self.made.app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.made.close()

    def browse(self, address: str, decision: str = "allow") -> str:
        """Where the browser of the person is led in the end."""
        web, parts = Web(self.made), urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}" == self.base
        web.get(parts.path, **{name: values[0] for name, values in parse_qs(parts.query).items()})
        web.sign_in(self.mara)
        return web.send(decision=decision).headers["Location"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("served"))
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "own"))
    return tmp_path / "own"


def run(*words: str, **more: Any) -> Any:
    return CliRunner().invoke(command_line, [*words], **more)


def later(seconds: float) -> Pace:
    """The clock of a program that runs so much later."""
    return Pace(wall=lambda: time.time() + seconds)


def test_a_person_signs_in_in_the_browser_and_programs_act_in_the_person_s_name_until_the_sign_out(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def opened(address: str) -> bool:
        threads.append(threading.Thread(target=lambda: httpx.get(served.browse(address), timeout=60)))
        threads[-1].start()
        return True

    monkeypatch.setattr(webbrowser, "open", opened)
    done = run("login", served.base, "--scope", SCOPES)
    threads[0].join()
    assert done.exit_code == 0, done.output
    assert "mara.lind is signed in" in done.output
    assert json.loads(run("whoami", "--json").stdout)["name"] == "mara.lind"
    assert [(one.name, one.stat().st_mode & 0o777) for one in sorted(folder.iterdir())] == [
        ("sign-ins.json", 0o600), ("sign-ins.lock", 0o600),
    ]  # fmt: skip
    first = SignIns().held(served.base)
    assert first is not None
    assert first.access_token not in done.output + repr(first) + repr(Careloom(served.base))

    with ThreadPoolExecutor(4) as pool:  # programs whose token has ended, all at once
        names = list(pool.map(lambda _: Careloom(served.base, pace=later(290)).me().name, range(4)))
    assert names == ["mara.lind"] * 4
    second = SignIns().held(served.base)
    assert second is not None
    assert second.refresh_token != first.refresh_token
    assert Careloom(served.base).me().kind == "person"

    assert run("logout").exit_code == 0
    assert SignIns().held(served.base) is None
    for api in (Careloom(served.base), Careloom(served.base, pace=later(400))):
        with pytest.raises(Unauthenticated, match="nobody is signed in"):
            api.me()
    bearer = {"Authorization": f"Bearer {second.access_token}"}
    assert httpx.get(f"{served.base}/api/v1/me", headers=bearer, timeout=60).status_code == 401


def test_without_a_browser_here_the_person_pastes_where_it_led(served: Served, folder: Path) -> None:
    flow = BrowserSignIn.begin(served.base, "careloom-cli", "openid user/*.rs")
    told = read(f"  {served.browse(flow.address())}\n")
    flow.finish(told)
    held = SignIns().held(served.base)
    assert held is not None
    assert (held.refresh_token, held.scope) == ("", "openid user/*.rs")
    assert Careloom(served.base).me().name == "mara.lind"
    with pytest.raises(Unauthenticated):  # no refresh token: over with its access token
        Careloom(served.base, pace=later(3600)).me()
    with pytest.raises(QueryError):
        read("nothing")
    pasted = run("login", served.base, "--no-browser", input=f"{REDIRECT}?code=x&state=y\n")
    assert isinstance(pasted.exception, AccessError)
    assert served.base in pasted.stderr


def test_an_answer_of_another_sign_in_or_platform_is_none(served: Served, folder: Path) -> None:
    flow = BrowserSignIn.begin(served.base, "careloom-cli", "openid")
    for told in (
        {"code": "x", "state": "y", "iss": served.base},
        {"code": "x", "state": flow.state, "iss": "https://evil.example.org"},
        {"code": "x", "state": flow.state},
    ):
        with pytest.raises(AccessError, match="no answer to this sign-in"):
            flow.finish(told)
    with Loopback(flow, 30) as here:
        stranger = threading.Thread(target=_knock, args=(here.redirect, flow, served.base))
        stranger.start()
        told = here.wait()
        stranger.join()
    with pytest.raises(AccessError, match="did not sign you in: access_denied"):
        flow.finish(told)
    assert not folder.exists()
    with Loopback(flow, 0) as here, pytest.raises(StateError, match="in time"):
        here.wait()


def _knock(redirect: str, flow: BrowserSignIn, base: str) -> None:
    for query in ({"code": "x", "state": "y", "iss": base}, {}):
        assert httpx.get(redirect, params=query, timeout=60).status_code == 404
    answer = httpx.get(redirect, params={"error": "access_denied", "state": flow.state, "iss": base}, timeout=60)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_a_sign_in_that_ended_there_is_forgotten_here(served: Served, folder: Path) -> None:
    flow = BrowserSignIn.begin(served.base, "careloom-cli", "openid offline_access user/*.rs")
    flow.finish(read(served.browse(flow.address())))
    held = SignIns().held(served.base)
    assert held is not None
    form = {"client_id": "careloom-cli", "token": held.refresh_token}
    assert httpx.post(f"{served.base}/oauth2/revoke", data=form, timeout=60).status_code == 200
    with pytest.raises(Unauthenticated, match="has ended"):
        Careloom(served.base).me()
    assert SignIns().held(served.base) is None


def test_a_platform_that_calls_itself_otherwise_gets_no_sign_in(served: Served) -> None:
    with pytest.raises(SetupError, match="by another address"):
        BrowserSignIn.begin(served.base.replace("127.0.0.1", "localhost"), "careloom-cli", "openid")


def test_a_file_that_others_may_read_is_not_used(folder: Path) -> None:
    folder.mkdir()
    (folder / "sign-ins.json").write_text("{}")
    (folder / "sign-ins.json").chmod(0o644)
    with pytest.raises(SetupError, match="may be read by others"):
        SignIns().held("https://careloom.example.org")
    (folder / "sign-ins.json").chmod(0o600)
    with pytest.raises(SetupError, match="holds no sign-ins"):
        SignIns().held("https://careloom.example.org")
    assert isinstance(run("whoami").exception, SetupError)


def test_who_names_no_platform_and_is_nowhere_signed_in_is_told_so(folder: Path) -> None:
    assert isinstance(run("whoami").exception, QueryError)

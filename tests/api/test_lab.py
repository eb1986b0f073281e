"""Notebooks that an installation opens: what their credential allows, where it lies, and when it ends."""

import json
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from careloom.api.reidentifications_schemas import NAME
from careloom.cli.lab import command, environment, held, run
from careloom.cli.main import app as commands
from careloom.client.careloom import Careloom
from careloom.client.lab import VARIABLE, connect
from careloom.client.pace import Pace
from careloom.errors import AccessError, QueryError, SetupError, Unauthenticated
from careloom.runtime import Runtime
from careloom.services.lab import Lab, close_lab, open_lab
from tests.api.kit import Clock, Installation


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, Runtime(clock=Clock())) as made:
        made.ingest()
        yield made


@pytest.fixture
def lab(here: Installation) -> Lab:
    return open_lab(here.platform, here.operator, hours=2)


@pytest.fixture
def notebook(here: Installation, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Careloom]:
    """What a notebook has after its one line."""
    with held(lab) as place:
        monkeypatch.setenv(VARIABLE, str(place))
        yield connect(transport=httpx.WSGITransport(app=here.app), pace=Pace(attempts=1))


def test_a_notebook_sees_the_research_and_the_synthetic_zone(notebook: Careloom) -> None:
    assert set(notebook.me().zones) == {"research", "synthetic"}
    assert notebook.lake("research").tables() == ()
    assert notebook.fhir("synthetic").search("Patient").resources == ()


def test_a_notebook_sees_no_identified_patient_and_no_raw_record(notebook: Careloom, here: Installation) -> None:
    refused = (
        lambda: notebook.fhir("identified").search("Patient"),
        lambda: notebook.fhir("identified").read("Patient", here.stored_id("Patient", "p1")),
        notebook.records.find,
        lambda: notebook.ingestions.upload(b"{}"),
        notebook.deidentifications.start,
        notebook.clients.roles,
        lambda: notebook.reidentifications.ask([NAME], "because", "HRESCH"),
    )
    for act in refused:
        with pytest.raises(AccessError):
            act()


def test_what_a_notebook_does_and_is_refused_stands_in_the_audit_chain(
    notebook: Careloom, here: Installation, lab: Lab
) -> None:
    notebook.fhir("research").search("Patient")
    with pytest.raises(AccessError):
        notebook.fhir("identified").search("Patient")
    close_lab(here.platform, here.operator, lab)
    text = [json.dumps(event) for zone in ("identified", "research") for event in here.events(zone)]
    mine = [event for event in text if lab.client_id in event]
    for operation in ("register-client", "issue-token", "search", "disable-client"):
        assert any(operation in event for event in mine), operation
    assert lab.client_id.startswith("lab-tester-")
    assert not any(lab.secret in event for event in text)


def test_the_credential_and_its_tokens_end_with_the_lab(notebook: Careloom, here: Installation, lab: Lab) -> None:
    notebook.sign_in()
    assert notebook.me().name == lab.client_id
    close_lab(here.platform, here.operator, lab)
    with pytest.raises(Unauthenticated):
        notebook.me()


def test_a_lab_that_nobody_closed_ends_by_itself(tmp_path: Path) -> None:
    clock = Clock()
    with Installation(tmp_path, Runtime(clock=clock)) as made:
        lab = open_lab(made.platform, made.operator, hours=2)
        assert lab.expires == clock.now + timedelta(hours=2)
        clock.move(hours=2, seconds=1)
        with held(lab) as place:
            api = Careloom(lab.base_url, _credential(place), transport=httpx.WSGITransport(app=made.app))
            with pytest.raises(Unauthenticated):
                api.me()


def _credential(place: Path) -> object:
    from careloom.client.credentials import ClientSecret

    told = json.loads(place.read_text("utf-8"))
    return ClientSecret(told["client_id"], told["secret"])


@pytest.mark.parametrize("hours", [0, -1, 25])
def test_hours_are_bounded(here: Installation, hours: int) -> None:
    with pytest.raises(QueryError):
        open_lab(here.platform, here.operator, hours)


def test_the_file_is_for_this_user_alone_and_goes_with_the_lab(lab: Lab) -> None:
    with held(lab) as place:
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert not place.exists()


def test_a_program_finds_its_credential_and_no_setting_of_the_operator(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARELOOM__DATA__DATABASE", "postgresql://somewhere")
    out = tmp_path / "seen.json"
    script = (
        "import json, os, sys; from careloom.client.lab import connect; "
        "mine = sorted(name for name in os.environ if name.startswith('CARELOOM')); "
        f"json.dump([repr(connect()), mine, sys.argv], open({str(out)!r}, 'w'))"
    )
    assert run([sys.executable, "-c", script], lab) == 0
    shown, variables, arguments = json.loads(out.read_text("utf-8"))
    assert lab.base_url in shown
    assert variables == [VARIABLE]
    told = capfd.readouterr()
    assert lab.secret not in shown + told.out + told.err + " ".join(arguments)


def test_the_status_of_the_program_is_told(lab: Lab) -> None:
    assert run([sys.executable, "-c", "raise SystemExit(3)"], lab) == 3


def test_jupyter_listens_on_this_machine_alone_and_no_secret_stands_in_its_command(tmp_path: Path, lab: Lab) -> None:
    told = command(tmp_path, 0, opens_browser=False)
    assert "--ServerApp.ip=127.0.0.1" in told
    assert "--ServerApp.open_browser=False" in told
    assert f"--ServerApp.root_dir={tmp_path.resolve()}" in told
    assert not any("token" in each.lower() or lab.secret in each for each in told)
    assert lab.secret not in "".join(environment(tmp_path).values())


def test_outside_of_a_lab_and_after_it_the_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, lab: Lab) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SetupError, match="careloom lab"):
        connect()
    with held(lab) as place:
        monkeypatch.setenv(VARIABLE, str(place))
    with pytest.raises(SetupError, match="ended"):
        connect()


def test_without_a_server_nobody_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    monkeypatch.setenv("CARELOOM__API__PORT", "1")
    monkeypatch.setattr("careloom.cli.lab.JUPYTER", "json")
    answer = CliRunner().invoke(commands, ["lab", "--no-browser"])
    assert isinstance(answer.exception, SetupError)
    assert "careloom serve" in str(answer.exception)


def test_without_jupyter_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("careloom.cli.lab.JUPYTER", "no_such_module_anywhere")
    answer = CliRunner().invoke(commands, ["lab", "--no-browser"])
    assert isinstance(answer.exception, SetupError)
    assert "careloom[lab]" in str(answer.exception)

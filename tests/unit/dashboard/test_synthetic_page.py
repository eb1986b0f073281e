"""What the page of synthetic data says: budgets, releases that are open or closed, models; and to whom."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import session, shell
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, NotFound
from careloom.runtime import Runtime
from careloom.services.synthesize import change, work
from careloom.services.synthesize_release import withdraw
from tests.api.kit import BASE_URL, Installation
from tests.architecture import synthetic_routes
from tests.synthetic_samples import answered


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("synthetic")) as made:
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def shown(made: Installation, query: str = "", *, below: str = "", **ask: object) -> str:
    token = made.bearer(**ask)["Authorization"].removeprefix("Bearer ")
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    drawn = page_at(api, person, read(f"/dashboard/synthetic{below}", query))
    return json.dumps([drawn.content, shell.side(person, "synthetic")], cls=PlotlyJSONEncoder)


@pytest.fixture(scope="module")
def names(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return answered(installation, tmp_path_factory.mktemp("rows"))


def test_who_does_not_see_releases_is_told_so_before_choosing_a_certificate(installation: Installation) -> None:
    assert "Choose a certificate" in shown(installation, below="/verify")
    with pytest.raises(AccessError):
        shown(installation, below="/verify", zones=["research"])


def test_before_anything_was_learnt_it_says_how_to_begin(installation: Installation) -> None:
    said = shown(installation)
    assert "synthesize ledger budget" in said
    assert "Nothing was let out" in said


def test_budgets_releases_and_models_stand_there(installation: Installation) -> None:
    facts = synthetic_routes.made(installation)
    said = shown(installation)
    for words in ("research", "gold/table_", "open", "fitted", facts["synthetic model"], "5 at 0.00001"):
        assert words in said
    withdraw(installation.platform, installation.operator, facts["spare release"])
    assert "withdrawn" in shown(installation)
    one = shown(installation, "?account=research")
    assert "verdict of the release gate" in one
    assert "settled: done" in one
    with pytest.raises(NotFound):
        shown(installation, "?account=research/nobody")


def test_a_sample_shows_its_gate_its_measures_and_what_was_not_measured(
    installation: Installation, names: dict[str, str]
) -> None:
    said = shown(installation, below=f"/samples/{names['refused']}")
    for words in (
        "rules keep the rows in",
        "Pairs of columns",
        "Real rows, set aside",
        "Real beside synthetic",
        "Share of rows of",
        "Difference of how pairs of columns hang together",
        "It was left out",
        "Not measured",
    ):
        assert words in said
    assert said.index("Blocks") < said.index('"Met", "className": "badge badge-good"')
    assert "Ask the release gate?" in shown(installation, "?act=release", below=f"/samples/{names['refused']}")
    assert "Withdraw this release?" not in shown(installation, "?act=withdraw", below=f"/samples/{names['refused']}")
    assert "Withdraw this release?" in shown(installation, "?act=withdraw", below=f"/samples/{names['open']}")


def test_notes_are_read_of_open_releases_of_notes_alone(installation: Installation, names: dict[str, str]) -> None:
    assert "This release holds no notes" in shown(installation, below=f"/samples/{names['open']}/notes")
    assert "nothing of it is shown" in shown(installation, below=f"/samples/{names['withdrawn']}/notes")
    with pytest.raises(NotFound):
        shown(installation, below=f"/samples/{names['refused']}/notes")


def test_a_column_is_chosen_by_the_address_and_an_older_judgement_says_so(
    installation: Installation, names: dict[str, str]
) -> None:
    below = f"/samples/{names['refused']}"
    for column in ("ward", "days"):
        assert f"Share of rows of {column}, real beside synthetic" in shown(
            installation, f"?column={column}", below=below
        )
    one = work(installation.platform, names["withdrawn"], "sample")
    report = {name: value for name, value in one.body["report"].items() if name != "overlays"}
    change(installation.platform, installation.operator, one, one.state, {**one.body, "report": report})
    said = shown(installation, below=f"/samples/{names['withdrawn']}")
    assert "Judge the sample again" in said
    assert "Share of rows of" not in said


def test_a_model_shows_its_bound_its_lineage_and_its_samples(installation: Installation, names: dict[str, str]) -> None:
    said = shown(installation, below=f"/models/{names['model']}")
    for words in ("per patient, at delta", "SHA-256 of the model", names["open"], "Draw a sample"):
        assert words in said
    assert "Yes, draw and judge them" in shown(installation, "?act=sample", below=f"/models/{names['model']}")
    with pytest.raises(NotFound):
        shown(installation, below=f"/models/{names['open']}")


def test_uses_of_an_account_add_up_in_the_order_of_time(installation: Installation, names: dict[str, str]) -> None:
    assert names
    said = shown(installation, "?account=research")
    assert "Uses, added up" in said
    assert '"shape": "hv"' in said
    assert "Left of the budget" in shown(installation)


def test_who_may_not_read_what_was_learnt_sees_no_judgement(installation: Installation, names: dict[str, str]) -> None:
    with pytest.raises(AccessError):
        shown(installation, below=f"/samples/{names['open']}", scopes="careloom/monitor")


def test_who_may_not_see_counts_is_offered_nothing(installation: Installation) -> None:
    with pytest.raises(AccessError):
        shown(installation, scopes="careloom/audit")

"""Who came by another provider signs out there, too: led there where the settings say so, by a link elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.api.kit import BASE_URL, Clock
from tests.api.people_kit import Web, person
from tests.api.provider_kit import CLIENT, Made, Provider, address, linked, sign_in

TRUSTED = '[idp.second_factor]\namr = ["mfa"]\n'
LEADS = "signs_out = true\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idp(clock: Clock) -> Iterator[Provider]:
    provider = Provider(lambda: float(clock.now.timestamp()))
    yield provider
    provider.close()


def kept(made: Made) -> bytes:
    return b"".join(file.read_bytes() for file in (made.folder / "data").rglob("*") if file.is_file())


@pytest.mark.parametrize("factor", ["the provider's", "ours"])
def test_signing_out_leads_on_to_the_provider_which_knows_who_it_is_and_sends_the_browser_back(
    tmp_path: Path, clock: Clock, idp: Provider, factor: str
) -> None:
    with Made(tmp_path, clock, idp, LEADS + (TRUSTED if factor != "ours" else "")) as made:
        idp.claims |= {"amr": ["mfa"]}
        who, web = linked(made, clock, idp), Web(made)
        sign_in(web, idp)
        if factor == "ours":
            assert web.send(code=who.code()).status_code == 303
        web.get("/oauth2/sign-in")
        before = kept(made)
        web.send()
        to = address(web)
        assert to.startswith(f"{idp.issuer}/logout?")
        hint = parse_qs(urlsplit(to).query)["id_token_hint"][0]
        for part in (hint, hint.split(".")[1]):
            assert part.encode() not in before
        answer = httpx.get(to)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{BASE_URL}/oauth2/sign-in")
        assert idp.signed_out == ["subject-1"]
        assert "Password" in web.get("/oauth2/sign-in").text
        assert made.events()[-1]["operation"] == "sign-out"
        assert hint not in str(made.events())


def test_elsewhere_a_link_is_offered_and_no_token_is_kept(tmp_path: Path, clock: Clock, idp: Provider) -> None:
    with Made(tmp_path, clock, idp, TRUSTED) as made:
        idp.claims |= {"amr": ["mfa"]}
        linked(made, clock, idp)
        web = Web(made)
        sign_in(web, idp)
        assert [one.hint for one in made.platform.grants.browsers_of("mara.lind")] == ["", ""]
        web.get("/oauth2/sign-in")
        page = web.send().text
        assert f'href="{idp.issuer}/logout?client_id={CLIENT}' in page
        assert "refresh" not in page
        assert "id_token_hint" not in page


def test_who_came_by_password_or_whose_provider_knows_no_sign_out_stays_here(
    tmp_path: Path, clock: Clock, idp: Provider
) -> None:
    with Made(tmp_path, clock, idp, LEADS + TRUSTED) as made:
        idp.claims |= {"amr": ["mfa"]}
        idp.document = {"end_session_endpoint": None}
        linked(made, clock, idp)
        web, other, joe = Web(made), Web(made), person(made, clock, "joe")
        sign_in(web, idp)
        other.get("/oauth2/sign-in")
        other.sign_in(joe)
        for browser in (web, other):
            browser.get("/oauth2/sign-in")
            page = browser.send().text
            assert "Nobody is signed in in this browser." in page
            assert "refresh" not in page


def test_a_token_too_long_for_an_address_is_left_out(tmp_path: Path, clock: Clock, idp: Provider) -> None:
    with Made(tmp_path, clock, idp, LEADS + TRUSTED) as made:
        idp.claims |= {"amr": ["mfa"], "groups": [f"group-{number}" for number in range(400)]}
        linked(made, clock, idp)
        web = Web(made)
        sign_in(web, idp)
        web.get("/oauth2/sign-in")
        web.send()
        told = parse_qs(urlsplit(address(web)).query)
        assert told == {"client_id": [CLIENT], "post_logout_redirect_uri": [f"{BASE_URL}/oauth2/sign-in"]}

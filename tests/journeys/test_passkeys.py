"""People add passkeys in a real browser, whose authenticator is one of Chromium's own, and sign in by them."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect
from werkzeug.serving import make_server

from tests.api.kit import Clock, Installation
from tests.api.people_kit import PASSWORD, Person, app, asked, at, person
from tests.journeys.browser import Quiet, Served, Visitor
from tests.journeys.server import free_port

LOOKS = [("light", 1000), ("dark", 1000), ("light", 360), ("dark", 360)]
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def served(tmp_path: Path, clock: Clock) -> Iterator[Served]:
    """The API alone, under a name: browsers know no passkeys of a bare address."""
    port = free_port()
    with Installation(tmp_path, at(clock), api={"port": port, "public_url": f"http://localhost:{port}"}) as made:
        server = make_server("127.0.0.1", port, made.app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Served(f"http://localhost:{port}/dashboard/", made, made.app, {})
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1000, "height": 900}, color_scheme="light")
    yield made
    made.close()


@pytest.fixture
def visitor(context: BrowserContext, served: Served) -> Visitor:
    return Visitor(context, served)


@pytest.fixture
def who(served: Served, clock: Clock) -> Person:
    return person(served.installation, clock)


def authenticator(visitor: Visitor) -> tuple[CDPSession, str]:
    """Gives the browser of a visitor an authenticator; its session, and its id there."""
    session = visitor.page.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    found = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return session, found["authenticatorId"]


def at_page(visitor: Visitor, path: str) -> Page:
    visitor.page.goto(visitor.served.url.removesuffix("/dashboard/") + path)
    return visitor.page


def halfway(visitor: Visitor, who: Person) -> None:
    """Types name and password."""
    visitor.page.fill("#name", who.name)
    visitor.page.fill("#password", PASSWORD)
    visitor.page.click("button:has-text('Go on')")


def by_code(visitor: Visitor, who: Person) -> None:
    at_page(visitor, "/oauth2/sign-in")
    halfway(visitor, who)
    visitor.page.fill("#code", who.code())
    visitor.page.click("button:has-text('Sign in')")


def add(visitor: Visitor, name: str) -> None:
    visitor.page.click("text=Your passkeys")
    visitor.page.fill("#name", name)
    visitor.page.click("button:has-text('Add a passkey')")
    expect(visitor.page.locator(".keys")).to_contain_text(name)


def seen(visitor: Visitor, name: str) -> None:
    """The page breaks no rule of accessibility, whatever the colours and the width; pictures where they are wanted."""
    for scheme, width in LOOKS:
        visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        visitor.page.set_viewport_size({"width": width, "height": 900})
        assert visitor.violations() == []
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if "CARELOOM_PICTURES" in os.environ:
            visitor.page.screenshot(path=Path(os.environ["CARELOOM_PICTURES"]) / f"{name}-{scheme}-{width}.png")
    visitor.page.set_viewport_size({"width": 1000, "height": 900})


def test_a_person_adds_a_passkey_signs_in_by_it_in_an_application_and_removes_it(
    visitor: Visitor, served: Served, who: Person
) -> None:
    app(served.installation)
    authenticator(visitor)
    by_code(visitor, who)
    add(visitor, "Laptop of the ward")
    seen(visitor, "passkeys")
    at_page(visitor, "/oauth2/sign-in")
    visitor.page.click("button:has-text('Sign out')")
    query = "&".join(f"{name}={value}" for name, value in asked().items()).replace(" ", "%20")
    at_page(visitor, f"/oauth2/authorize?{query}")
    halfway(visitor, who)
    expect(visitor.page.locator("button:has-text('Use a passkey')")).to_be_focused()
    seen(visitor, "second-step")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator("h1")).to_have_text("Allow access?")
    last = [event for event in served.installation.events() if event["operation"] == "sign-in"][-1]
    assert (last["outcome"], last["detail"]["second_factor"]) == ("success", "passkey")
    at_page(visitor, "/oauth2/passkeys")
    visitor.page.click("button:has-text('Remove')")
    expect(visitor.page.locator("main")).to_contain_text("You have none yet.")
    assert visitor.troubles == []
    assert visitor.elsewhere() == []


def test_a_device_whose_holder_is_not_verified_or_that_has_no_passkey_says_so_and_a_code_still_does(
    visitor: Visitor, who: Person
) -> None:
    session, device = authenticator(visitor)
    by_code(visitor, who)
    add(visitor, "Laptop")
    visitor.page.click("text=Back")
    visitor.page.click("button:has-text('Sign out')")
    at_page(visitor, "/oauth2/sign-in")
    halfway(visitor, who)
    session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    visitor.page.click("button:has-text('Use a passkey')")
    expect(visitor.page.get_by_role("alert")).to_contain_text("That did not work")
    seen(visitor, "refused")
    session.send("WebAuthn.clearCredentials", {"authenticatorId": device})
    visitor.page.click("button:has-text('Use a passkey')")
    expect(visitor.page.get_by_role("alert")).to_contain_text("That did not work")
    visitor.page.fill("#code", who.code())
    visitor.page.click("button:has-text('Sign in')")
    expect(visitor.page.locator("h1")).to_have_text("Signed in")


def test_the_same_device_makes_no_second_passkey_and_after_minutes_the_page_asks_to_sign_in_again(
    visitor: Visitor, who: Person, clock: Clock
) -> None:
    authenticator(visitor)
    by_code(visitor, who)
    add(visitor, "Laptop")
    visitor.page.fill("#name", "Laptop once more")
    visitor.page.click("button:has-text('Add a passkey')")
    expect(visitor.page.get_by_role("alert")).to_contain_text("has a passkey of yours already")
    clock.move(minutes=6)
    at_page(visitor, "/oauth2/passkeys")
    seen(visitor, "too-late")
    visitor.page.click("button:has-text('Sign in again')")
    halfway(visitor, who)
    visitor.page.click("button:has-text('Use a passkey')")
    expect(visitor.page.locator("h1")).to_have_text("Your passkeys")
    expect(visitor.page.locator("button:has-text('Remove')")).to_be_visible()
    assert visitor.troubles == []


def test_without_scripts_a_person_signs_in_by_a_code(browser: Browser, served: Served, who: Person) -> None:
    context = browser.new_context()
    first = Visitor(context, served)
    authenticator(first)
    by_code(first, who)
    add(first, "Laptop")
    context.close()
    bare = browser.new_context(java_script_enabled=False)
    visitor = Visitor(bare, served)
    at_page(visitor, "/oauth2/sign-in")
    halfway(visitor, who)
    expect(visitor.page.locator("main")).to_contain_text("A passkey needs JavaScript in this browser.")
    visitor.page.fill("#code", who.code())
    visitor.page.click("button:has-text('Sign in')")
    expect(visitor.page.locator("h1")).to_have_text("Signed in")
    bare.close()

"""Every POST of the platform's API says what becomes of a second one."""

from careloom.api.idempotency import lists
from careloom.client.idempotency import is_kept
from tests.architecture.routes import ROUTES

POSTS = {route.name for route in ROUTES if route.name.startswith("POST /api/v1/")}


def test_every_post_stands_in_one_list_of_idempotency_toml() -> None:
    kept, repeatable = lists()["kept"], lists()["repeatable"]
    assert kept & repeatable == set()
    assert POSTS - kept - repeatable == set(), "name the new route in src/careloom/api/idempotency.toml"
    assert (kept | repeatable) - POSTS == set(), "there is no such route any more"
    assert lists()["streamed"] <= kept


def test_the_sdk_repeats_what_is_kept_but_uploads_and_nothing_else() -> None:
    base = "https://careloom.example.org"
    addresses = {name: base + name.removeprefix("POST ") for name in POSTS}
    assert {name for name, url in addresses.items() if is_kept(url, base)} == lists()["kept"] - lists()["streamed"]
    assert not is_kept(f"{base}/fhir/identified/Patient", base)

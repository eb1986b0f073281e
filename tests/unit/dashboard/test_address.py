"""Addresses: links stay inside the dashboard, and nobody is sent elsewhere after signing in."""

import pytest

from careloom.dashboard.address import Address, href, local, read

LINKS = [
    ((), {}, "/dashboard/"),
    (("runs",), {}, "/dashboard/runs"),
    (("runs",), {"before": "a b&c"}, "/dashboard/runs?before=a+b%26c"),
    (("runs",), {"before": ""}, "/dashboard/runs"),
    (("patients", "research", "a/b"), {}, "/dashboard/patients/research/a%2Fb"),
]


@pytest.mark.parametrize(("parts", "query", "expected"), LINKS)
def test_a_link_names_its_page(parts: tuple[str, ...], query: dict[str, str], expected: str) -> None:
    assert href(*parts, **query) == expected


@pytest.mark.parametrize(("parts", "query", "expected"), LINKS)
def test_a_link_is_read_as_it_was_written(parts: tuple[str, ...], query: dict[str, str], expected: str) -> None:
    path, _, search = expected.partition("?")
    kept = {name: value for name, value in query.items() if value}
    assert read(path, f"?{search}" if search else "") == Address(parts, kept)


def test_an_address_that_is_not_there_yet_is_the_overview() -> None:
    assert read(None, None) == Address(())


LOCAL = [
    "/dashboard/",
    "/dashboard/runs",
    "/dashboard/runs/20261122T010203Z-abc123?code=fhir.binding",
    "/dashboard/patients?zone=research",
]
FOREIGN = [
    "",
    "/",
    "runs",
    "/dashboard",
    "/dashboardx/",
    "//evil.example/dashboard/",
    "https://evil.example/dashboard/",
    "https:/evil.example/dashboard/",
    "javascript:alert(1)",
    "/dashboard/\\evil.example",
    "\\\\evil.example/dashboard/",
    "/dashboard/\nSet-Cookie: a=b",
    "/dashboard/ runs",
    "/dashboard/../oauth2/token",
    "/dashboard/%2e%2e/oauth2/token",
    "/dashboard//evil.example",
    "/dashboard/_dash-layout",
    "/dashboard/sign-in",
    "/dashboard/sign-out",
    "/dashboard/static/careloom.js",
    "/fhir/identified/Patient",
    "http://[/dashboard/",
]


@pytest.mark.parametrize("target", LOCAL)
def test_a_page_of_ours_is_where_a_sign_in_leads(target: str) -> None:
    assert local(target) == target


@pytest.mark.parametrize("target", FOREIGN)
def test_a_sign_in_never_leads_elsewhere(target: str) -> None:
    assert local(target) == "/dashboard/"

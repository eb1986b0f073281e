"""Providers of the settings: what a file may say, and where nobody is asked."""

from pathlib import Path

import pytest

from careloom.errors import SetupError, StateError
from careloom.services.provider_fetch import ProviderDocuments
from careloom.services.providers import Provider, read_providers

GOOD = {
    "title": '"Hospital"', "issuer": '"https://sso.example.org/realm"', "client_id": '"careloom"', "proof": '"none"',
}  # fmt: skip
MAPPED = {"admission": '"mapped"', "zones": '["identified"]', "roles.ward": '["clinician"]'}
WRONG = [
    ("is no https address", {"issuer": '"http://sso.example.org"'}),
    ("is no https address", {"issuer": '"https://sso.example.org?x=1"'}),
    ("title", {"title": '""'}),
    ("algorithms", {"algorithms": '["HS256"]'}),
    ("algorithms", {"algorithms": '["none"]'}),
    ("openid is not among them", {"scopes": '["profile"]'}),
    ("is not yours to say", {"parameters.state": '"x"'}),
    ("is not yours to say", {"parameters.redirect_uri": '"https://evil.example.org"'}),
    ("secrets stand in no settings", {"secret": '"x"'}),
    ("has no secret", {"proof": '"client_secret_post"'}),
    ("cannot be read", {"proof_file": '"nowhere"'}),
    ("needs roles, zones and second_factor", MAPPED),
    ("role or zone that is not here", MAPPED | {"second_factor.amr": '["mfa"]', "roles.ward": '["king"]'}),
    ("unknown", {"unknown": "1"}),
]


def read(tmp_path: Path, section: dict[str, str], name: str = "idp", **environment: str) -> dict[str, Provider]:
    file = tmp_path / "providers.toml"
    file.write_text(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in section.items()))
    return read_providers(file, environment)


@pytest.mark.parametrize(("words", "more"), WRONG)
def test_a_file_that_is_wrong_is_refused_with_its_place(tmp_path: Path, words: str, more: dict[str, str]) -> None:
    with pytest.raises(SetupError, match=rf"access\.providers: \[idp\].*{words}"):
        read(tmp_path, GOOD | more)


@pytest.mark.parametrize("name", ["IDP", "a-b", "x" * 17])
def test_a_name_that_fits_no_address_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match="is no name"):
        read(tmp_path, GOOD, name)


def test_a_secret_comes_from_a_file_or_the_environment_and_is_shown_nowhere(tmp_path: Path) -> None:
    section = GOOD | {"proof": '"client_secret_basic"'}
    told = read(tmp_path, section, CARELOOM_PROVIDER_IDP_SECRET="from here")["idp"]
    assert told.secret == "from here"  # pragma: allowlist secret
    assert "from here" not in repr(told)
    (tmp_path / "s").write_text("from there\n")
    assert read(tmp_path, section | {"proof_file": '"s"'})["idp"].secret == "from there"  # pragma: allowlist secret
    with pytest.raises(SetupError, match="has a secret, and proof is none"):
        read(tmp_path, GOOD, CARELOOM_PROVIDER_IDP_SECRET="x")


@pytest.mark.parametrize(
    ("private", "found"),
    [
        ("false", ["10.0.0.7"]), ("false", ["192.168.1.1"]), ("false", ["93.184.215.14", "10.0.0.7"]), ("false", []),
        ("true", ["127.0.0.1"]), ("true", ["169.254.169.254"]), ("true", ["::1"]), ("true", ["0.0.0.0"]),
        ("true", ["::ffff:127.0.0.1"]),
    ],
)  # fmt: skip
def test_a_name_that_leads_where_nothing_may_lie_is_not_asked(tmp_path: Path, private: str, found: list[str]) -> None:
    provider = read(tmp_path, GOOD | {"private": private})["idp"]
    looked: list[str] = []

    def look(host: str, port: int) -> list[str]:
        looked.append(f"{host}:{port}")
        return found

    with pytest.raises(StateError, match="does not answer as it should"):
        ProviderDocuments(look=look).configuration(provider)
    assert looked == ["sso.example.org:443"]

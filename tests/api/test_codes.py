"""Releases, codes by name and conversions, over HTTP and in the SDK."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.pace import Pace
from careloom.errors import InputError, NotFound
from careloom.terminology.systems import ICD_10_CM
from tests.api.kit import BASE_URL, Installation

BASE = "/api/v1/terminology"


@pytest.fixture
def api(installation: Installation) -> Iterator[Careloom]:
    registered = installation.register()
    credential = ClientSecret(registered.client.id, registered.secret, scope="system/*.r")
    transport = httpx.WSGITransport(app=installation.app)
    with Careloom(BASE_URL, credential, transport=transport, pace=Pace(attempts=1)) as made:
        yield made


def test_releases_say_when_they_end_and_whether_that_has_come(api: Careloom) -> None:
    known = {release.system: release for release in api.terminology.releases()}
    icd = known[ICD_10_CM]
    assert (icd.version, icd.effective, icd.expires) == ("2026-04", date(2026, 4, 1), date(2026, 10, 1))
    assert (icd.is_whole, icd.concepts, icd.is_expired) == (True, 98466, True)
    assert not known["http://loinc.org"].is_whole


def test_codes_are_found_by_misspelt_words(api: Careloom) -> None:
    found = api.terminology.search("chronic kidny disease", system="ICD-10-CM", limit=3)
    assert len(found) == 3
    assert (found[0].code, found[0].version, found[0].is_abstract) == ("N18", "2026-04", True)
    assert found[0].score >= found[1].score >= found[2].score
    assert {each.system for each in api.terminology.search("glucose", limit=100)} > {"http://loinc.org"}
    with pytest.raises(NotFound):
        api.terminology.search("glucose", system="nothing")
    with pytest.raises(InputError):
        api.terminology.search("  ")


CONVERSIONS: list[tuple[Any, str, str, dict[str, str], tuple[str, str, str]]] = [
    (5.5, "mmol/L", "umol/L", {}, ("5500", "", "")),
    ("98.6", "[degF]", "Cel", {}, ("37", "", "")),
    (Decimal("5.5"), "MMOL/L", "mg/dL", {"loinc": "2345-7"}, ("99.0858", "glucose", "terminology.unit-rewritten")),
    ("250", "K/uL", "10*9/L", {}, ("250", "", "terminology.unit-unlikely")),
    ("1", "lb", "kg", {}, ("0.45359237", "", "terminology.unit-rewritten")),
]


@pytest.mark.parametrize(("value", "unit", "to", "more", "result"), CONVERSIONS)
def test_a_value_is_converted(
    api: Careloom, value: Any, unit: str, to: str, more: dict[str, str], result: tuple[str, str, str]
) -> None:
    found = api.terminology.convert(value, unit, to, **more)
    assert (found.value, found.substance, found.issue) == (Decimal(result[0]), *result[1:])
    assert found.to == to


@pytest.mark.parametrize(
    ("unit", "to", "loinc"),
    [("mmol/L", "mg/dL", ""), ("furlongs", "m", ""), ("mg/dL", "MMOL/L", "2345-7"), ("mmol/L", "kg", "2345-7")],
)
def test_what_cannot_be_converted_is_an_error_without_the_value(
    installation: Installation, api: Careloom, unit: str, to: str, loinc: str
) -> None:
    with pytest.raises(InputError):
        api.terminology.convert("123.456", unit, to, loinc=loinc)
    body = {"value": "123.456", "unit": unit, "to": to, "loinc": loinc}
    answer = installation.client.post(f"{BASE}/conversions", json=body, headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.unit")
    assert "123.456" not in answer.text


@pytest.mark.parametrize("value", ["", "1,5", "nan", "inf", "1e999", "1_000", "1" * 40])
def test_what_is_no_number_is_refused(installation: Installation, value: str) -> None:
    body = {"value": value, "unit": "m", "to": "cm"}
    answer = installation.client.post(f"{BASE}/conversions", json=body, headers=installation.bearer())
    assert (answer.status_code, answer.json["code"]) == (400, "input.schema")

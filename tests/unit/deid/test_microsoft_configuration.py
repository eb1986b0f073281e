"""Configurations of Microsoft's anonymizer: what is read, and what is refused with its place."""

import json
from decimal import Decimal
from typing import Any

import pytest

from careloom.deid.microsoft import read_configuration
from careloom.errors import SetupError


def with_rule(**rule: Any) -> bytes:
    return json.dumps({"fhirPathRules": [{"path": "Patient.name", **rule}]}).encode()


def with_parameters(**parameters: Any) -> bytes:
    return json.dumps({"fhirPathRules": [], "parameters": parameters}).encode()


def test_a_byte_order_mark_comments_and_late_commas_are_read() -> None:
    raw = b'\xef\xbb\xbf{ // rules\n "fhirPathRules": [ {"path": "Resource" /* all */, "method": "Redact",}, ],\n}'
    (rule,) = read_configuration(raw).rules
    assert (rule.method, rule.resource_type, rule.expression) == ("redact", "Resource", None)


def test_a_comment_inside_a_text_is_text() -> None:
    raw = with_rule(method="substitute", replaceWith="a // b, ]")
    assert read_configuration(raw).rules[0].replace_with == "a // b, ]"


@pytest.mark.parametrize("version", ["R4", "r4", "", None])
def test_r4_is_read_and_is_what_no_version_means(version: str | None) -> None:
    read_configuration(json.dumps({"fhirVersion": version, "fhirPathRules": []}).encode())


def test_defaults_are_the_documented_ones() -> None:
    read = read_configuration(b'{"fhirPathRules": []}')
    assert not read.skips_errors
    assert read.parameters.date_shift_scope == "resource"
    assert not read.parameters.partial_dates | read.parameters.partial_ages | read.parameters.partial_zip_codes
    perturb = read_configuration(with_rule(method="perturb", span="0.1")).rules[0].perturb
    assert perturb is not None
    assert (perturb.span, perturb.proportional, perturb.places) == (Decimal("0.1"), False, 2)
    generalize = read_configuration(with_rule(method="generalize", cases={"true": "1"})).rules[0].generalize
    assert generalize is not None
    assert not generalize.keeps_others


def test_what_has_no_effect_is_told() -> None:
    raw = json.dumps({"fhirPathRules": [], "processingError": "skip", "parameters": {"customSettings": {}}}).encode()
    assert read_configuration(raw).notes == (
        "parameters.customSettings has no effect",
        "processingError has no effect",
    )


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"", "line 1"),
        (b"[]", "configuration"),
        (b"\xff\xfe", "configuration"),
        (b'{\n"fhirPathRules": nothing}', "line 2"),
        (b'{"fhirPathRules": [], "fhirPathRules": []}', "configuration"),
        (b'{"fhirVersion": "R5", "fhirPathRules": []}', "fhirVersion"),
        (b'{"processingErrors": "stop", "fhirPathRules": []}', "processingErrors"),
        (b'{"fhirPathRules": null}', "fhirPathRules"),
        (b'{"fhirPathRules": {"path": "a"}}', "fhirPathRules"),
        (b'{"fhirPathRules": ["Patient.name"]}', "fhirPathRules[1]"),
        (b'{"fhirPathRules": [{"path": "Resource", "method": "keep"}, {"method": "keep"}]}', "fhirPathRules[2].path"),
        (b'{"fhirPathRules": [{"path": "Resource"}]}', "fhirPathRules[1].method"),
        (with_rule(method="mask"), "fhirPathRules[1].method"),
        (with_rule(path="Patient.name(", method="keep"), "fhirPathRules[1].path"),
        (with_rule(path="Patient | Person", method="keep"), "fhirPathRules[1].path"),
        (with_rule(method="substitute"), "fhirPathRules[1].replaceWith"),
        (with_rule(method="perturb"), "fhirPathRules[1].span"),
        (with_rule(method="perturb", span=-1), "fhirPathRules[1].span"),
        (with_rule(method="perturb", span="much"), "fhirPathRules[1].span"),
        (with_rule(method="perturb", span="NaN"), "fhirPathRules[1].span"),
        (with_rule(method="perturb", span=True), "fhirPathRules[1].span"),
        (with_rule(method="perturb", span=1, roundTo=29), "fhirPathRules[1].roundTo"),
        (with_rule(method="perturb", span=1, roundTo=1.5), "fhirPathRules[1].roundTo"),
        (with_rule(method="perturb", span=1, roundTo="x"), "fhirPathRules[1].roundTo"),
        (with_rule(method="perturb", span=1, rangeType="wide"), "fhirPathRules[1].rangeType"),
        (with_rule(method="generalize"), "fhirPathRules[1].cases"),
        (with_rule(method="generalize", cases=["true"]), "fhirPathRules[1].cases"),
        (with_rule(method="generalize", cases={"true": "1", "$this >": "2"}), "fhirPathRules[1].cases[2]"),
        (with_rule(method="generalize", cases={"true": "1 1"}), "fhirPathRules[1].cases[1]"),
        (with_rule(method="generalize", cases={}, otherValues="drop"), "fhirPathRules[1].otherValues"),
        (with_parameters(encryptKey="short"), "parameters.encryptKey"),
        (with_parameters(encryptKey="\u00e9" * 16 + "x"), "parameters.encryptKey"),
        (with_parameters(cryptoHashKey=5), "parameters.cryptoHashKey"),
        (with_parameters(dateShiftScope="patient"), "parameters.dateShiftScope"),
        (with_parameters(dateShiftFixedOffsetInDays="7"), "parameters.dateShiftFixedOffsetInDays"),
        (with_parameters(enablePartialDatesForRedact="perhaps"), "parameters.enablePartialDatesForRedact"),
        (with_parameters(restrictedZipCodeTabulationAreas=[36]), "parameters.restrictedZipCodeTabulationAreas"),
        (with_parameters(restrictedZipCodeTabulationAreas=[""]), "parameters.restrictedZipCodeTabulationAreas"),
        (b'{"fhirPathRules": [], "parameters": []}', "parameters"),
    ],
)
def test_a_bad_configuration_is_refused_with_place_and_remedy(raw: bytes, place: str) -> None:
    with pytest.raises(SetupError) as caught:
        read_configuration(raw)
    assert place in caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("size", [16, 24, 32])
def test_keys_that_aes_takes_are_read(size: int) -> None:
    assert read_configuration(with_parameters(encryptKey="k" * size)).parameters.encrypt_key == "k" * size


def test_a_key_never_stands_in_an_error() -> None:
    with pytest.raises(SetupError) as caught:
        read_configuration(with_parameters(encryptKey="swordfish"))
    assert "swordfish" not in str(caught.value)

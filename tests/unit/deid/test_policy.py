import re

import pytest

from careloom.deid.policy import Policy, packaged_policy, read_policy
from careloom.errors import SetupError
from careloom.fhir.validate_tables import type_table
from careloom.runtime import packaged

FIRST = packaged("deid", "policies/first.toml").decode()
CODES = packaged("deid", "policies/codes.toml").decode()

TEXTUAL = {
    *("string", "markdown", "uri", "url", "canonical", "oid", "uuid", "id", "base64Binary", "xhtml"),
    *("Annotation", "Attachment", "Identifier", "HumanName", "ContactPoint", "Narrative", "Signature", "Extension"),
}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return packaged_policy()


def read(first: str, codes: str = CODES) -> Policy:
    return read_policy(first.encode(), codes.encode())


def test_every_element_of_every_structure_is_decided_once(policy: Policy) -> None:
    built_in = {"id", "resourceType", "meta", "contained", "implicitRules", "modifierExtension"}
    for name, structure in policy.structures.items():
        groups = [set(structure.kept), structure.removed, structure.masked]
        assert set().union(*groups) == set(type_table(name).properties) - built_in, name
        assert sum(len(group) for group in groups) == len(set().union(*groups)), name


def test_nothing_textual_is_kept_apart_from_closed_lists(policy: Policy) -> None:
    for structure in policy.structures.values():
        for key, kept in structure.kept.items():
            kind = type_table(structure.name).properties[key].kind
            decided = kind in policy.structures and not policy.structures[kind].kept  # passes as an empty shell
            assert kind not in TEXTUAL or kept.codes or decided, f"{structure.name}.{key}"


def test_no_codes_that_a_policy_lets_pass_hold_a_space_or_a_long_number(policy: Policy) -> None:
    for structure in policy.structures.values():
        for kept in structure.kept.values():
            assert all(re.fullmatch(r"[A-Za-z0-9.+-]{1,40}", code) for code in kept.codes), structure.name


def test_types_that_hold_free_text_are_refused_with_their_reason(policy: Policy) -> None:
    for name in ("DocumentReference", "Composition", "Binary", "Media", "Communication", "QuestionnaireResponse"):
        assert policy.refused[name]
        assert name not in policy.passing


def test_a_type_of_the_patient_compartment_names_its_patient(policy: Policy) -> None:
    nobodys = {"Organization", "Location", "Practitioner", "PractitionerRole", "Medication"}
    assert policy.passing - set(policy.patient) == nobodys


def test_the_digest_changes_with_either_file(policy: Policy) -> None:
    assert read(FIRST).digest == policy.digest
    assert len({policy.digest, read(FIRST + "\n# x").digest, read(FIRST, CODES + "\n# x").digest}) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('keep."active, gender, maritalStatus"', 'keep."active, gender, maritalStatus, name"'),
        ('keep."active, gender, maritalStatus"', 'keep."active, gender"'),
        ('keep."active, gender, maritalStatus"', 'keep."active, gender, maritalStatus, shoeSize"'),
        ('keep."active, gender, maritalStatus"', 'keep."active, gender, gender, maritalStatus"'),
        ('keep."active, gender, maritalStatus"', 'allow."active, gender, maritalStatus"'),
        ('remove."name, telecom, photo"', 'remove."name, telecom, photo, gender"'),
        ('keep."birthDate as birth-year"', 'keep."birthDate as birth-day"'),
        ("state as us-state", "state"),
        ("state as us-state", "state as planets"),
        ('"(B); three-digit ZIP codes need a population check and wait for the next policy"', '" "'),
        ("[structure.Condition]", "[structure.Konditon]"),
        ("[structure.Timing]", "[structure.Quantity]"),
        ('[structure."Encounter.location"]', '[structure."Encounter.classHistory2"]'),
        ('Encounter = "subject"', 'Encounter = "appointment"'),
        ('"participant.actor"', '"participant.id"'),
        ('"participant.actor"', '"slot.actor"'),
        ("largest_integer", "biggest_integer"),
        ('need."measure"', 'need."statusReason"'),
        ('mask."name"', 'mask."address"'),
        ('version = "1"', 'version = "1"\nsurprise = true'),
    ],
)
def test_a_policy_that_contradicts_itself_or_fhir_is_refused(old: str, new: str) -> None:
    changed = FIRST.replace(old, new, 1)
    assert changed != FIRST
    with pytest.raises(SetupError):
        read(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("check = 'snomed'", "check = 'magic'"),
        ("check = 'snomed'", "check = 'snomed', shape = '.*'"),
        ("check = 'snomed', ", ""),
        ('because = "vaccines"', 'because = ""'),
        ('because = "vaccines"', 'because = "vaccines", sometimes = true'),
        ("CodeSystem/v3-ActCode", "CodeSystem/v3-NoSuchSystem"),
    ],
)
def test_a_code_list_that_says_nothing_sure_is_refused(old: str, new: str) -> None:
    assert old in CODES
    with pytest.raises(SetupError):
        read(FIRST, CODES.replace(old, new, 1))


def test_every_entry_gives_a_reason() -> None:
    entries = re.findall(r'^(keep|remove|mask|need)\.".+?" = "(.*)"$', FIRST, re.MULTILINE)
    assert len(entries) > 150
    assert all(len(reason) >= 5 for _, reason in entries)

"""The compiled table of search parameters."""

import subprocess
import sys
from pathlib import Path

import pytest

from careloom.fhir.search_parameters import Step, Use, not_compiled, parameters, resource_types, slots

TOOL = Path(__file__).parents[3] / "tools/make_search_parameters.py"


def test_every_concrete_type_has_the_parameters_of_every_resource() -> None:
    assert len(resource_types()) == 146
    for name in resource_types():
        assert {"_profile", "_security", "_tag"} <= set(parameters(name))


def test_all_but_a_handful_of_single_parameters_are_compiled() -> None:
    reasons = not_compiled()
    assert not any("composite" in reason for reason in reasons.values())
    assert len(reasons) <= 10
    assert all(reasons.values())


@pytest.mark.parametrize(
    ("resource_type", "code", "uses"),
    [
        ("Observation", "patient", (Use("subject", "Patient"),)),
        ("Observation", "subject", (Use("subject"),)),
        ("Observation", "combo-code", (Use("code"), Use("component-code"))),
        ("Patient", "name", (Use("family"), Use("given"), Use("name"))),
        ("Patient", "phone", (Use("telecom", "phone"),)),
        ("Patient", "birthdate", (Use("birthdate"),)),
        ("AuditEvent", "patient", (Use("agent", "Patient"), Use("entity", "Patient"))),
        ("DeviceUseStatement", "subject", (Use("patient"),)),
    ],
)
def test_what_parameters_share_is_indexed_once(resource_type: str, code: str, uses: tuple[Use, ...]) -> None:
    assert parameters(resource_type)[code].uses == uses


def test_every_use_names_a_slot_and_every_slot_is_used() -> None:
    for name in resource_types():
        used = {use.slot for parameter in parameters(name).values() for use in parameter.uses}
        assert used == set(slots(name))


def test_path_programs_know_lists_choices_and_conditions() -> None:
    programs = slots("Observation")["component-value-quantity"].programs
    assert [(program.steps, program.emits) for program in programs] == [
        ((Step("component", repeats=True), Step("valueQuantity", repeats=False)), "Quantity")
    ]
    race = slots("Patient")["race"].programs[0]
    assert race.steps[0].field == "url"
    assert race.steps[0].value.endswith("/us-core-race")


def test_codes_under_a_required_value_set_know_their_system() -> None:
    assert parameters("Patient")["gender"].systems == ("http://hl7.org/fhir/administrative-gender",)
    assert parameters("Observation")["code"].systems == ()


def test_us_core_parameters_are_there() -> None:
    assert {"race", "ethnicity"} <= set(parameters("Patient"))
    assert "asserted-date" in parameters("Condition")


def test_the_committed_table_is_what_the_tool_makes(suites: Path) -> None:
    command = [sys.executable, str(TOOL), str(suites / "fhir_definitions"), "--check"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0

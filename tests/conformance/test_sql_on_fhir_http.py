"""The suite of SQL-on-FHIR v2 over HTTP: `$run` of every view over the resources that are sent with it."""

from pathlib import Path

import orjson

from tests.api.kit import Installation
from tests.conformance.test_sql_on_fhir import cases, told


def test_every_view_of_the_suite_gives_its_rows_or_is_refused(suites: Path, tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        headers = made.bearer()
        for name, resources, test in cases(suites):
            parts = [{"name": "viewResource", "resource": test["view"]}]
            parts += [{"name": "resource", "resource": one} for one in resources]
            answer = made.client.post(
                "/fhir/identified/ViewDefinition/$run", headers=headers, content_type="application/fhir+json",
                data=orjson.dumps({"resourceType": "Parameters", "parameter": parts}),
            )  # fmt: skip
            if test.get("expectError"):
                assert answer.status_code in (400, 422), name
            else:
                assert (answer.status_code, told(answer.get_json())) == (200, told(test["expect"])), name

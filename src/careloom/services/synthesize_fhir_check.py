"""Resources of a sample as the validator sees them: how many are no valid FHIR, or refer to what is not there."""

from collections.abc import Iterable
from typing import Any

import orjson
import polars as pl

from careloom.fhir.references import each_reference
from careloom.fhir.validate import check
from careloom.synth.release_policy import Measure


def invalid_resources(frames: Iterable[pl.DataFrame]) -> Measure:
    """How many resources have an error by our validator, or a reference that leads nowhere within the sample.

    frames  rows of `careloom.services.synthesize_records.RESOURCES`
    """
    found, there, asked = 0, set[str](), list[tuple[str, ...]]()
    for frame in frames:
        for text in frame["resource"]:
            resource: dict[str, Any] = orjson.loads(text)
            there.add(f"{resource['resourceType']}/{resource['id']}")
            if any(issue.refuses for issue in check(resource)):
                found += 1
            else:
                asked.append(tuple(one["reference"] for one in each_reference(resource)))
    return Measure(float(found + sum(not there.issuperset(links) for links in asked)))

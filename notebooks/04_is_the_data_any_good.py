# %% [markdown]
# # Is the data any good?
#
# A small feed with a few things wrong in it is ingested and looked at: each rule says whether it is kept, why it fired,
# and which resources break it. Everything here is invented and lies in a folder that is removed at the end.

# %%
import json
import tempfile
from pathlib import Path

from careloom.cli import render_quality
from careloom.quality.report_html import as_html
from careloom.services.access import local_operator
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, RowsAsk, broken_rows, list_looks, quality
from careloom.settings import Data, Settings

work = tempfile.TemporaryDirectory()
feed = Path(work.name) / "ward.ndjson"

# %% [markdown]
# ## A feed with dirt in it
#
# One weight is in pounds although it says kilograms, one heart rate is impossible, one date lies ahead, and one result
# was sent twice.


# %%
def observation(name: str, code: str, value: float, unit: str, when: str) -> dict:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/1001"},
        "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


resources = [
    {
        "resourceType": "Patient",
        "id": "1001",
        "name": [{"family": "Example"}],
        "gender": "female",
        "birthDate": "1951-02-03",
    },
    *(observation(f"w{day}", "29463-7", 80 + day / 10, "kg", f"2026-03-0{day}T08:00:00Z") for day in range(1, 5)),
    observation("pounds", "29463-7", 176.8, "kg", "2026-03-06T08:00:00Z"),
    observation("impossible", "8867-4", 740, "/min", "2026-03-06T08:00:00Z"),
    observation("ahead", "8867-4", 74, "/min", "2126-03-06T08:00:00Z"),
    observation("glucose", "2345-7", 98, "mg/dL", "2026-03-06T08:00:00Z"),
    observation("glucose-again", "2345-7", 98, "mg/dL", "2026-03-06T08:00:00Z"),
]
feed.write_text("\n".join(json.dumps(each) for each in resources) + "\n")

# %% [markdown]
# ## Look
#
# All of it is valid FHIR, so all of it is stored. The look tells what cannot be true.

# %%
platform = Platform(Settings(data=Data(directory=Path(work.name) / "data")))
who = local_operator("notebook")
ingest(platform, who, IngestAsk((feed,), source="ward-7"))
report = quality(platform, who, QualityAsk())
render_quality.scorecard(report)

# %% [markdown]
# ## Which resources
#
# By rule, with the id of the record that each came from.

# %%
for rule in ("value-not-too-high", "unit-fits-history", "not-in-the-future", "no-duplicates"):
    found = broken_rows(platform, who, RowsAsk(rule))
    assert len(found["items"]) == 1, rule
    render_quality.rows(found)

# %% [markdown]
# ## Thresholds of one's own, and the trend
#
# A threshold is data. Each look is kept as counts, so that the next one can be compared with it.

# %%
again = quality(platform, who, QualityAsk(thresholds={"no-duplicates": 20}))
assert next(rule for rule in again["rules"] if rule["id"] == "no-duplicates")["status"] == "pass"
render_quality.looks(list_looks(platform, who))

# %% [markdown]
# ## To hand over
#
# One HTML page that loads nothing from anywhere.

# %%
len(as_html(report))

# %%
platform.close()
work.cleanup()

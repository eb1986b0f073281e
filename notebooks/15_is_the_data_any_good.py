# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 15 Is the data any good?
#
# A small feed with a few things wrong in it is ingested and looked at: each rule says whether it is kept, why it fired,
# and which resources break it. Everything here is invented and lies in a folder that is removed at the end.

# %%
import json

from workbench import Workbench, table

bench = Workbench(seed=15)
api = bench.client("steward")
feed = bench.folder / "ward.ndjson"

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
bench.ingest(api, feed, source="ward-7")


def look():
    queued = api.quality.look("identified")
    bench.work()
    return api.quality.wait(queued.id)


report = look()
print(f"score {report.score:.1f} of 100")
table(
    "rule, category, share that breaks it in %, threshold in %, status",
    [(r.title, r.category, f"{r.percent:.1f}", r.threshold_percent, r.status) for r in report.rules if r.failed],
)

# %% [markdown]
# ## Which resources
#
# By rule, with the id of the record that each came from: what to tell the ward.

# %%
rows = []
for rule in ("value-not-too-high", "unit-fits-history", "not-in-the-future", "no-duplicates"):
    found = list(api.quality.broken(report.run_id, rule))
    assert len(found) == 1, rule
    rows += [(rule, each.record, each.path, each.source) for each in found]
table("rule, record, place, source", rows)

# %% [markdown]
# ## The trend, and thresholds of one's own
#
# Each look is kept as counts, so that the next one can be compared with it. A threshold is data: on the command line
# `careloom quality --threshold no-duplicates=20`. *A wrong conclusion:* "we raised the threshold, and the data are good
# now". The rule passes; the duplicate is still there.

# %%
from careloom.services.quality import QualityAsk, quality

again = quality(bench.platform, bench.operator, QualityAsk(thresholds={"no-duplicates": 20}))
(rule,) = [rule for rule in again["rules"] if rule["id"] == "no-duplicates"]
assert (rule["status"], rule["failed"]) == ("pass", 1)
table(
    "look, score, rules failed, of them",
    [
        (number, f"{one.score:.1f}", one.failed, "; ".join(one.failed_rules))
        for number, one in enumerate(reversed(list(api.quality.all())), 1)
    ],
)

# %% [markdown]
# ## To hand over
#
# One HTML page that loads nothing from anywhere.

# %%
page = api.quality.export(report.run_id, "html")
assert page.startswith(b"<!doctype html>") or page.startswith(b"<!DOCTYPE html>")
print(f"{len(page) / 1000:.0f} kB of HTML")

# %%
api.sign_out()
bench.close()

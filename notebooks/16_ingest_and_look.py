# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 16 Ingest and look
#
# Two feeds of one hospital, a FHIR file and an HL7 v2 message, become one sealed, searchable FHIR store. Everything
# here is invented and lies in a folder that is removed at the end.

# %%
import json
import tempfile
from pathlib import Path

from careloom.services.access import local_operator
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.search import search
from careloom.settings import Data, Settings

work = tempfile.TemporaryDirectory()
feeds = Path(work.name) / "feeds"
feeds.mkdir()

# %% [markdown]
# ## What arrives
#
# A patient with a blood pressure reading as NDJSON, one line that is no valid FHIR, and an admission as HL7 v2.

# %%
patient = {
    "resourceType": "Patient",
    "id": "1001",
    "name": [{"family": "Example", "given": ["Ada"]}],
    "gender": "female",
    "birthDate": "1951-02-03",
}
pressure = {
    "resourceType": "Observation",
    "id": "bp-1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6", "display": "Systolic blood pressure"}]},
    "subject": {"reference": "Patient/1001"},
    "effectiveDateTime": "2024-03-01T08:30:00Z",
    "valueQuantity": {"value": 142, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
}
broken = pressure | {"id": "bp-2", "status": "finished"}
(feeds / "ward.ndjson").write_text("\n".join(json.dumps(each) for each in (patient, pressure, broken)) + "\n")

admission = (
    "MSH|^~\\&|ADT|HOSPITAL|CARELOOM|LAKE|20240301080000||ADT^A01^ADT_A01|1|P|2.5",
    "EVN|A01|20240301080000",
    "PID|1||2002^^^HOSPITAL^MR||Sample^Ben||19600607|M",
    "PV1|1|I|WARD^1^1||||||||||||||||4711^^^HOSPITAL^VN|||||||||||||||||||||||||20240301080000",
)
(feeds / "admission.hl7").write_text("\r".join(admission) + "\r")
sorted(file.name for file in feeds.iterdir())

# %% [markdown]
# ## Ingest
#
# The format is found by content. What is refused is quarantined whole, with its reason; it stops nothing else.

# %%
platform = Platform(Settings(data=Data(directory=Path(work.name) / "data")))
who = local_operator("notebook")
manifest = ingest(platform, who, IngestAsk((feeds,)))
{"records": manifest.records, "quarantined": manifest.quarantined}

# %%
assert manifest.records == 4
assert manifest.quarantined == 1

# %% [markdown]
# ## Look
#
# Ids are keyed: the source system's own id still finds the resource.

# %%
page = search(platform, who, "identified", "Observation?patient=Patient/1001&code=http://loinc.org|8480-6&date=ge2024")
readings = [reading.resource() for reading in page.found]
[(reading["code"]["coding"][0]["display"], reading["valueQuantity"]["value"]) for reading in readings]

# %%
assert [reading["valueQuantity"]["value"] for reading in readings] == [142]
encounters = [one.resource() for one in search(platform, who, "identified", "Encounter?_count=5").found]
[(encounter["class"]["code"], encounter["status"]) for encounter in encounters]

# %% [markdown]
# ## Nothing readable is left
#
# No name lies in clear bytes anywhere below the data folder.

# %%
platform.close()
kept = [file for file in (Path(work.name) / "data").rglob("*") if file.is_file()]
assert not [file for file in kept for word in (b"Example", b"Sample", b"1951-02-03") if word in file.read_bytes()]
{"files": len(kept), "bytes": sum(file.stat().st_size for file in kept)}

# %%
work.cleanup()

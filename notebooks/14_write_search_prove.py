# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 14 The store: write, search, tables, who may look, and the proof that somebody is forgotten
#
# A simulated hospital is in the store. A program writes to it as FHIR, asks it hard questions, turns it into tables; a
# patient withholds, a clinician breaks the glass, and in the end the patient asks to be erased and gets a certificate.
# Nobody here exists; all lies in a folder that is removed at the end. To run the same against a server of yours,
# replace the next cell by `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
import json
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path

import httpx
from IPython.display import HTML, Markdown, display

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import Erased, NotFound
from careloom.runtime import packaged
from careloom.services.access import ZONES, local_operator
from careloom.services.audit import verify
from careloom.services.clients import ClientAsk, register_client
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.platform import Platform
from careloom.services.view import ViewAsk, view_zone
from careloom.settings import Data, Settings

folder = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(folder.name) / "data")))
operator = local_operator("operator")
feeds = Path(folder.name) / "feeds"
with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
    archive.extractall(feeds)
ingest(platform, operator, IngestAsk((feeds,), source="main-hospital"))
server = httpx.WSGITransport(app=create_app(platform))


def program(name: str, *roles: str) -> Careloom:
    secret = register_client(platform, operator, ClientAsk(name, roles, ZONES)).secret
    return Careloom(platform.settings.base_url, ClientSecret(name, secret), transport=server)


ward, clinician, officer = (
    program("ward", "record-author"),
    program("dr-house", "clinician"),
    program("officer", "privacy-officer"),
)


# %%
def table(columns: str, rows: list[tuple]) -> None:
    heads = columns.split(", ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    display(Markdown("\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])))


# %% [markdown]
# ## Write
#
# One transaction makes a patient and two observations that point to it by `urn:uuid`; then the second is mended by a
# patch that holds only while nobody else has changed it. Every write is durable and in the audit chain when it returns.

# %%
fhir = ward.fhir("identified")
GLUCOSE = {
    "coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose [Mass/volume] in Serum or Plasma"}]
}
PERSON = "urn:uuid:7d3f1e9a-3c0e-4d39-9b53-6f1f0a4f9e11"


def glucose(value: float, day: str) -> dict:
    unit = {"unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}
    return {
        "resourceType": "Observation", "status": "final", "code": GLUCOSE, "subject": {"reference": PERSON},
        "effectiveDateTime": f"{day}T08:00:00Z", "valueQuantity": {"value": value, **unit},
    }  # fmt: skip


person = {"resourceType": "Patient", "name": [{"family": "Quillfeather", "given": ["Oda"]}], "birthDate": "1961-04-05"}
entries = [{"fullUrl": PERSON, "resource": person, "request": {"method": "POST", "url": "Patient"}}]
for value, day in ((95, "2026-01-02"), (181, "2026-02-02")):
    entries.append({"resource": glucose(value, day), "request": {"method": "POST", "url": "Observation"}})
answer = fhir.submit({"resourceType": "Bundle", "type": "transaction", "entry": entries})
places = [
    entry["response"]["location"].split("/fhir/identified/")[1].split("/_history")[0] for entry in answer["entry"]
]
patient, first, second = places
version = fhir.read(*second.split("/"))["meta"]["versionId"]
patch = [{"op": "replace", "path": "/valueQuantity/value", "value": 118}]
mended = fhir.patch(*second.split("/"), patch, if_match=version)
table(
    "version, value",
    [(v["meta"]["versionId"], v["valueQuantity"]["value"]) for v in fhir.history(*second.split("/")).resources],
)

# %% [markdown]
# ## Search
#
# Units are understood: 1.1 g/L are 110 mg/dL. Links are followed both ways, and names are found, by their sound too,
# though the database holds no name, only keyed tokens of them.

# %%
ASKED = [
    "Observation?code=http://loinc.org|2345-7&value-quantity=gt1.1|http://unitsofmeasure.org|g/L&subject:Patient.family=Quillfeather",
    "Patient?_has:Observation:subject:code=http://loinc.org|2345-7&family=quillf",
    "Patient?phonetic=Quilfether",
    "Observation?subject:Patient.family=Quillfeather&_include=Observation:subject&_sort=-date",
]
rows = []
for asked in ASKED:
    kind, criteria = asked.split("?", 1)
    page = fhir.search(kind, [tuple(pair.split("=", 1)) for pair in criteria.split("&")])
    rows.append((f"`{asked.replace('|', '&#124;')}`", len(page.resources), len(page.included)))
table("asked, found, included", rows)

# %% [markdown]
# ## Tables
#
# A ViewDefinition of SQL-on-FHIR makes rows of resources. Over identified patients they stay in memory.

# %%
view = view_zone(platform, operator, "identified", ViewAsk("observation", limit=5))
table(", ".join(list(view.shown[0])[:6]), [tuple(row.values())[:6] for row in view.shown])
print(f"{view.rows:,} rows of {view.resources:,} resources")

# %% [markdown]
# ## Who may look
#
# The patient withholds the record from everybody's treatment. For a clinician it is then as if it had never been;
# breaking the glass shows it, for a while, with a reason, and a privacy officer sees that it was done.

# %%
consent = {
    "resourceType": "Consent", "status": "active", "patient": {"reference": patient},
    "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "policyRule": {"text": "own words"}, "provision": {"type": "deny"},
}  # fmt: skip
fhir.create(consent)
reading = clinician.fhir("identified")
try:
    reading.read(*patient.split("/"))
    raise AssertionError("a withheld record was shown")
except NotFound as refused:
    print(refused)
emergency = clinician.access.break_glass(patient, "unconscious in the emergency department", minutes=30)
urgent = clinician.asking(purpose="BTG", emergency=emergency.id).fhir("identified")
assert urgent.read(*patient.split("/"))["id"] == patient.split("/")[1]
waiting = officer.access.emergencies(waiting=True)
table("who, why, until", [(one.actor, one.reason, one.until.isoformat(" ", "minutes")) for one in waiting])
officer.access.acknowledge(emergency.id)
seen = officer.access.patient_views(patient.split("/")[1])
table("operation, purpose, outcome", [(one.operation, one.purpose, one.outcome) for one in seen.views[:6]])

# %% [markdown]
# ## Forget
#
# The patient gets a copy of everything with a signed inventory, and then asks to be erased. Keys are destroyed, every
# byte below the data directory is searched, and what was done, and what stays and why, is signed.

# %%
copy = officer.subjects.export(patient)
with zipfile.ZipFile(BytesIO(copy)) as archive:
    print(sorted(archive.namelist()))
erasure = officer.subjects.erase(patient)
assert erasure.hits == 0
certificate = json.loads(officer.subjects.certificate(erasure.certificate))
table("what, how many", sorted(erasure.removed.items()))
display(HTML(officer.subjects.certificate(erasure.certificate, form="html").decode()))

# %% [markdown]
# Nobody can read the patient any more, and the audit chain still holds.

# %%
try:
    fhir.read(*patient.split("/"))
    raise AssertionError("an erased patient was shown")
except Erased as gone:
    print(gone)
assert verify(platform, operator)["verified"]
assert certificate["signature"]

# %%
platform.close()
folder.cleanup()

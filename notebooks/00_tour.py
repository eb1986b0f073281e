# %% [markdown]
# # A tour: one hospital's morning, from feeds to a patient's timeline
#
# Everything here goes through the Python SDK and the REST API, as your own programs would. The hospital is simulated
# and comes with Careloom. To run the same against a server of yours, replace the next cell by
# `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
import tempfile
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import httpx
import plotly.graph_objects as go
from IPython.display import Markdown, display

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.runtime import packaged
from careloom.services.access import ROLES, ZONES, local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

folder = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(folder.name) / "data")))
registered = register_client(platform, local_operator("tour"), ClientAsk("tour", ROLES, ZONES))
server = httpx.WSGITransport(app=create_app(platform))
api = Careloom(platform.settings.base_url, ClientSecret("tour", registered.secret), transport=server)
api.me()

# %% [markdown]
# ## The feeds arrive
#
# HL7 v2 messages, FHIR bundles and bulk files, CSV extracts and notes, as they lie in the hospital's export folder.
# The upload is sealed as it comes in, and becomes a job; a server has a worker beside it, here we let it run once.

# %%
feeds = Path(folder.name) / "feeds"
with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
    archive.extractall(feeds)
ingestion = api.ingestions.upload(feeds, source="main-hospital")
work(platform, once=True)
report = api.ingestions.wait(ingestion.id)


# %%
def table(columns: list[str], rows: list[tuple]) -> None:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    display(Markdown("\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])))


table(["format", "records", "refused"], [(f.format, f"{f.records:,}", f.quarantined) for f in report.by_format])

# %% [markdown]
# ## What was refused, and what to do about it
#
# Nothing is dropped: a refused record waits in quarantine, whole and sealed, with its reason and a remedy.

# %%
refused = list(api.ingestions.refused(ingestion.id))
assert len(refused) == report.totals.quarantined
table(["place", "where", "reason", "remedy"], [(r.place, r.where, r.reason, r.remedy) for r in refused[:8]])

# %% [markdown]
# ## The platform at one glance

# %%
seen = api.overview()
print(f"{seen.quality.accepted_share:.1%} of {seen.arrivals.records:,} records were accepted")
counts = sorted(seen.zones[0].resources.items(), key=lambda kind: -kind[1])[:10]
table(["resource type", "stored"], [(kind, f"{count:,}") for kind, count in counts])

# %% [markdown]
# ## Find a patient who is measured often, and draw what was measured
#
# Searches are posted, so that no searched value stands in an address or a proxy's log.

# %%
identified = api.fhir("identified")
systolic = list(identified.all("Observation", {"code": "http://loinc.org|8480-6"}, count=200))
subject, times = Counter(o["subject"]["reference"] for o in systolic if "subject" in o).most_common(1)[0]
events = {
    kind: list(identified.all(kind, {"patient": subject}, count=200))
    for kind in ("Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Immunization")
}
table(["of this patient", "resources"], [(kind, len(found)) for kind, found in events.items()])

# %%
measured = sorted(
    (o["effectiveDateTime"], o["valueQuantity"]["value"], o["valueQuantity"].get("unit", ""))
    for o in systolic
    if o.get("subject", {}).get("reference") == subject and "valueQuantity" in o and "effectiveDateTime" in o
)
figure = go.Figure(go.Scatter(x=[m[0] for m in measured], y=[m[1] for m in measured], mode="lines+markers"))
figure.update_layout(
    template="plotly_white", height=320, margin={"l": 60, "r": 20, "t": 40, "b": 40},
    title=f"Systolic blood pressure, {len(measured)} readings", yaxis_title=measured[0][2],
)  # fmt: skip
figure.show(renderer="plotly_mimetype")

# %% [markdown]
# ## Who looked
#
# Each of these calls left an event in the audit chain, under this client's name.

# %%
from careloom.services.audit import report as audit_report
from careloom.services.audit import verify

told = audit_report(platform, local_operator("tour"), "identified", limit=500)
table(["operation", "events"], Counter(event["subtype"][0]["code"] for event in told).most_common())
assert verify(platform, local_operator("tour"))["verified"]

# %%
api.sign_out()
platform.close()
folder.cleanup()

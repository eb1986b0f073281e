# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 13 A research zone that names nobody, and the proof
#
# Twelve patients of the simulated hospital that comes with Careloom arrive with names, addresses and notes. A data
# engineer makes the research zone of them by HIPAA Safe Harbor, reads the signed report, looks at one note before and
# after, and searches everything that was written for what the patients are known by. Nobody here exists; all lies in a
# folder that is removed at the end. To run the same against a server of yours, replace the next cell by
# `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
import tempfile
import zipfile
from base64 import b64decode
from html import escape
from io import BytesIO
from pathlib import Path

import httpx
from IPython.display import HTML, Markdown, display

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.runtime import packaged
from careloom.services.access import ROLES, ZONES, local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.jobs import work
from careloom.services.leak_scan import ScanAsk, scan_for_leaks
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

folder = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(folder.name) / "data")))
operator = local_operator("operator")
secret = register_client(platform, operator, ClientAsk("engineer", ROLES, ZONES)).secret
server = httpx.WSGITransport(app=create_app(platform))
api = Careloom(platform.settings.base_url, ClientSecret("engineer", secret), transport=server)

feeds = Path(folder.name) / "feeds"
with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
    bundles = sorted(name for name in archive.namelist() if name.startswith("fhir/bundles/"))[:12]
    archive.extractall(feeds, ["fhir/hospital.json", *bundles])
ingestion = api.ingestions.upload(feeds, source="main-hospital")
work(platform, once=True)
f"{api.ingestions.wait(ingestion.id).totals.records:,} records arrived"


# %%
def table(columns: str, rows: list[tuple]) -> None:
    heads = columns.split(", ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    display(Markdown("\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])))


# %% [markdown]
# ## What the policy lets pass
#
# A policy is an allow-list: what no entry keeps does not pass. Each entry says why.

# %%
policy = api.deidentifications.policy("safe-harbor")
print(f"{policy.name} {policy.version}: dates as {policy.dates}, texts {'pass' if policy.texts else 'do not pass'}")
table(
    "structure, decision, elements, because",
    [(e.structure, e.decision, ", ".join(e.elements), e.because) for e in policy.entries if e.structure == "Address"],
)

# %% [markdown]
# ## Make the research zone

# %%
queued = api.deidentifications.start("safe-harbor")
work(platform, once=True)
done = api.deidentifications.wait(queued.id)
report = done.report
print(f"{done.read:,} resources were read, {done.kept:,} passed, {done.held_back:,} were held back")
table("letter, identifier, taken out or changed", [(i.letter, i.name, f"{i.count:,}") for i in report.identifiers])

# %% [markdown]
# ## Is the report as it was signed?
#
# Whoever gets the file can ask the installation; one changed word breaks the signature.

# %%
from careloom.services.deidentify_report import check_signature

raw = api.deidentifications.report(done.id)
changed = raw.replace(b"safe-harbor", b"expert", 1)
check_signature(platform, operator, raw)["signed"], check_signature(platform, operator, changed)["signed"]

# %% [markdown]
# ## How well did the detectors read?
#
# The run put identifiers of nobody into copies of its own notes, in memory, and counted what was found.

# %%
recall = report.recall
table(
    "identifier, found, recall, interval",
    [
        (name, f"{one.found} of {one.planted}", f"{one.recall:.1%}", f"{one.low:.1%} to {one.high:.1%}")
        for name, one in [("all", recall), *((one.label, one) for one in recall.by_label)]
    ],
)

# %% [markdown]
# ## One note, before and after
#
# Each mark on the left stands for one on the right. Places are code points of the text; no answer of the platform holds
# what was found. With the patient what the record knows is looked for, too; under the project's name the note says what
# it says in the research zone.

# %%
documents = api.fhir("identified").all("DocumentReference", {"_count": "50"})
notes = [one for one in documents if one["content"][0]["attachment"].get("contentType", "").startswith("text/plain")]
note = notes[0]
patient = note["subject"]["reference"].removeprefix("Patient/")
told = api.deidentifications.resource(note, policy="safe-harbor", patient=patient, project=report.project)


def text_of(document: dict) -> str:
    return b64decode(document["content"][0]["attachment"]["data"]).decode()


def marked(text: str, places: list[tuple[int, int, str]]) -> str:
    parts, last = [], 0
    for start, end, label in sorted(places):
        parts += [escape(text[last:start]), f'<mark title="{label}">{escape(text[start:end])}</mark>']
        last = end
    style = "white-space:pre-wrap;text-align:left;vertical-align:top"
    return f'<td style="{style}">{"".join(parts)}{escape(text[last:])}</td>'


data = "attachment.data"
spans = [span for span in told.told.spans if data in span.place]
before = marked(text_of(note), [(span.start, span.end, span.label) for span in spans])
after = marked(text_of(told.resource), [(span.new_start, span.new_end, span.label) for span in spans])
display(HTML(f"<table><tr><th>Original</th><th>De-identified</th></tr><tr>{before}{after}</tr></table>"))

# %%
table(
    "label, part, letter, place, detector, score",
    [(s.label, s.part, s.letter, f"{s.start} to {s.end}", s.detector, f"{s.score:.2f}") for s in spans],
)
assert text_of(api.fhir("research").read("DocumentReference", told.resource["id"])) == text_of(told.resource)

# %% [markdown]
# ## Who could still be told apart?
#
# Safe Harbor takes identifiers out; what an acquaintance may know of a patient stays. `expert` asks for targets.

# %%
print(f"of {report.risk.patients} patients, by somebody who knows {', '.join(report.risk.quasi_identifiers)}")
measures = [one for one in report.risk.measures if one.value is not None]
table("measure, value, unit", [(one.title, f"{one.value:.3g}", one.unit) for one in measures])

# %% [markdown]
# ## Does anything of them stand anywhere?
#
# The leak scan reads every byte below the data directory and opens the research zone. What the identified zone has
# sealed is the one thing that is not opened.

# %%
scan = scan_for_leaks(platform, operator, ScanAsk())
wanted = sum(scan.looked_for.values())
print(f"{wanted:,} identifiers of {scan.people} patients were looked for in {scan.files} files: {scan.hits} hits")
assert scan.hits == 0

# %%
api.sign_out()
platform.close()
folder.cleanup()

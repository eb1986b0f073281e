# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 17 What a note says, and the proof
#
# A clinician's note is read into entities with assertion, codes, relations and times; the notes of a patient of the
# simulated hospital become facts beside the record, and one fact is followed back to the characters that say so.
# Nobody here exists; all lies in a folder that is removed at the end. To run the same against a server of yours,
# replace the next cell by `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
import json
import tempfile
import zipfile
from base64 import b64encode
from collections import Counter
from html import escape
from io import BytesIO
from pathlib import Path

import httpx
from IPython.display import HTML, Markdown, display

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.note_reports import AboutNote, NoteAnnotation
from careloom.runtime import packaged
from careloom.services.access import ROLES, ZONES, local_operator
from careloom.services.annotate_documents import SpanHashes, spans_in
from careloom.services.annotate_verify import verify_annotations
from careloom.services.clients import ClientAsk, register_client
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

folder = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(folder.name) / "data")))
operator = local_operator("operator")
secret = register_client(platform, operator, ClientAsk("engineer", ROLES, ZONES)).secret
server = httpx.WSGITransport(app=create_app(platform))
api = Careloom(platform.settings.base_url, ClientSecret("engineer", secret), transport=server)


# %%
def table(columns: str, rows: list[tuple]) -> None:
    heads = columns.split(", ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    display(Markdown("\n".join(lines + ["| " + " | ".join(row) + " |" for row in cells])))


# %% [markdown]
# ## One note
#
# Nothing of a text that is analyzed is kept. Dates are counted from when it was written. Places are code points.

# %%
NOTE = """DISCHARGE SUMMARY

HISTORY OF PRESENT ILLNESS: This is a 58-year-old woman with type 2 diabetes and hypertension who came with fever and
productive cough for three days. She denies chest pain. Chest X-ray on 2026-03-02 showed right lower lobe pneumonia.
No pulmonary embolism was seen.

ALLERGIES: Penicillin (hives).

FAMILY HISTORY: Her father died of colon cancer at age 70.

SOCIAL HISTORY: Former smoker, quit in 2015. Drinks one glass of wine per week. Lives alone, retired teacher.

LABS: WBC 14.2 K/uL, creatinine 0.9 mg/dL.

HOSPITAL COURSE: Ceftriaxone 1 g IV daily was given for pneumonia. She underwent bronchoscopy on 2026-03-04.

DISCHARGE MEDICATIONS:
- Metformin 500 mg PO twice daily
- Lisinopril 10 mg PO daily for hypertension

PLAN: Return if shortness of breath worsens. Possible sleep apnea; sleep study next month.
"""
about = AboutNote(note="n1", patient="p1", time="2026-03-06T10:00:00Z", type="18842-5")
found = api.nlp.analyze(NOTE, about)
print(len(found.sections), "sections,", len(found.annotations), "annotations,", len(found.relations), "relations")
table("section, LOINC, begins", [(s.kind, s.code, NOTE[s.body[0] : s.body[1]].strip()[:60]) for s in found.sections])

# %%
SHADES = {"absent": "#f6c7c7", "possible": "#fbe6b0", "hypothetical": "#e3d7f5", "conditional": "#e3d7f5"}


def shade(one: NoteAnnotation) -> str:
    if one.assertion is None:
        return "#e4e7eb"
    return "#cfe0fb" if one.assertion.experiencer == "family" else SHADES.get(one.assertion.presence, "#cdebd3")


def marked(text: str, annotations: tuple[NoteAnnotation, ...]) -> str:
    parts, last = [], 0
    for one in annotations:
        if one.start >= last:
            words = escape(text[one.start : one.end])
            parts += [escape(text[last : one.start])]
            parts += [f'<mark style="background:{shade(one)};color:#111" title="{one.label}">{words}</mark>']
            last = one.end
    return "".join(parts) + escape(text[last:])


display(HTML(f'<pre style="white-space:pre-wrap">{marked(NOTE, found.annotations)}</pre>'))

# %% [markdown]
# ## Is it there, when, in whom, and under which code?
#
# Green is present, red absent, yellow possible, violet under a condition or in the future, blue in the family. Codes
# say what is meant, not that the patient has it. Where a rule found it there is no score.

# %%
told = [one for one in found.annotations if one.assertion is not None and one.label not in ("MEDICATION", "TEST")]
table(
    "words, label, presence, temporality, experiencer, score, codes",
    [
        (
            one.text, one.label, one.assertion.presence, one.assertion.temporality, one.assertion.experiencer,
            "" if one.score is None else f"{one.score:.2f}",
            ", ".join(f"{c.code} {c.display}" for c in one.codes if c.rank == 1)[:90],
        )
        for one in told
    ],
)  # fmt: skip

# %% [markdown]
# ## What belongs together

# %%
by_id = {one.id: one for one in found.annotations}
order = ("before", "after", "overlap")
table(
    "relation, of, says",
    [(one.type, by_id[one.head].text, by_id[one.tail].text) for one in found.relations if one.type not in order],
)

# %% [markdown]
# ## When
#
# Time expressions have values, and events the days that words, durations or their section give them.

# %%
times = [one for one in found.annotations if one.label in ("DATE_TIME", "DURATION")]
table("words, label, value", [(one.text, one.label, one.attributes.get("value", "")) for one in times])
dated = [one for one in found.annotations if one.attributes.keys() & {"start", "end"} and one.label != "DATE_TIME"]
dated.sort(key=lambda one: one.attributes.get("start") or one.attributes["end"])
table(
    "from, to, event, told by",
    [(o.attributes.get("start", ""), o.attributes.get("end", ""), o.text, o.attributes["time_from"]) for o in dated],
)

# %% [markdown]
# ## How the patient lives

# %%
social = [one for one in found.annotations if one.source.startswith("social")]
table(
    "words, about, status, adverse, amount, time",
    [
        (o.text, o.label, *(o.attributes.get(name, "") for name in ("status", "adverse", "amount", "time")))
        for o in social
    ],
)

# %% [markdown]
# ## The same as FHIR
#
# What is absent, hypothetical or a relative's becomes no problem of the patient. `azure`, `brat` and `spacy` are other
# formats of the same.

# %%
bundle = api.nlp.export(NOTE, "fhir", about)
facts = [entry["resource"] for entry in bundle["entry"]]


def named(fact: dict) -> str:
    concept = fact.get("code") or fact.get("medicationCodeableConcept") or fact.get("relationship") or {}
    return concept.get("text") or next((one.get("display", one["code"]) for one in concept.get("coding", ())), "")


table("type, what, status", [(f["resourceType"], named(f), f.get("status", "")) for f in facts])
assert not any("embolism" in named(fact) for fact in facts)

# %% [markdown]
# ## The notes of a patient, held against the record
#
# Twelve patients of the simulated hospital arrive with what systems sent, and with notes. The notes of one are read.
# What the record says already is not written again; what it says otherwise is counted, and nothing is overwritten.

# %%
feeds = Path(folder.name) / "feeds"
with zipfile.ZipFile(BytesIO(packaged("sample", "hospital.zip"))) as archive:
    bundles = sorted(name for name in archive.namelist() if name.startswith("fhir/bundles/"))[:12]
    archive.extractall(feeds, ["fhir/hospital.json", *bundles])
ingestion = api.ingestions.upload(feeds, source="main-hospital")
work(platform, once=True)
print(f"{api.ingestions.wait(ingestion.id).totals.records:,} records arrived")

identified = api.fhir("identified")
notes_of = Counter(one["subject"]["reference"] for one in identified.all("DocumentReference", {"_count": "100"}))
people = sorted(
    identified.all("Patient", {"_count": "100"}), key=lambda one: (one["birthDate"], one["name"][0]["family"])
)
patient = max(people, key=lambda one: notes_of[f"Patient/{one['id']}"])
queued = api.nlp.start(patient=patient["id"])
work(platform, once=True)
report = api.nlp.wait(queued.id).report
print(report.notes, report.facts, sep="\n")
table("type, facts that are new", list(report.types.items()))

# %% [markdown]
# ## Agree, new, conflict
#
# Every note keeps what became of each of its facts.


# %%
def shown(resource: dict) -> str:
    quantity, concept = resource.get("valueQuantity", {}), resource.get("valueCodeableConcept", {})
    value = concept.get("text") or next((one.get("display", "") for one in concept.get("coding", ())), "")
    parts = (named(resource), quantity.get("value", ""), quantity.get("unit", ""), value)
    return " ".join(str(part) for part in parts if part != "")


def outcomes(patient_id: str, most: int) -> None:
    rows: dict[str, dict[str, tuple]] = {"agree": {}, "new": {}, "conflict": {}}
    for document in identified.all("DocumentReference", {"patient": patient_id, "_count": "100"}):
        held = api.nlp.note("identified", document["id"])
        for fact in held.facts:
            words = " ... ".join(
                dict.fromkeys(o.text for o in held.findings.annotations if o.id in fact["annotations"])
            )
            if fact["outcome"] in rows and fact["fact"]:
                record = shown(identified.read(*fact["fact"].split("/")))
                rows[fact["outcome"]][fact["fact"]] = (fact["outcome"], fact["type"], words, record, fact["reason"])
    some = [row for kind in rows.values() for row in list(kind.values())[:most]]
    table("outcome, type, a note says, the record has now, they differ in", some)


outcomes(patient["id"], 8)

# %% [markdown]
# The note from above arrives, too, of a patient whose record knows the diabetes and has refuted the hypertension. A
# conflict is left to a person; [how to annotate notes](../docs/how-to/annotate-notes.md) says how to correct what was
# read.

# %%
HL7 = "http://terminology.hl7.org/CodeSystem/"


def known(name: str, code: str, **status: dict) -> dict:
    concept = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]}
    subject = {"reference": "Patient/ada"}
    return {"resourceType": "Condition", "id": name, "subject": subject, "code": concept, **status}


document = {
    "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/ada"},
    "date": "2026-03-06T10:00:00Z",
    "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(NOTE.encode()).decode()}}],
}  # fmt: skip
active = {"coding": [{"system": HL7 + "condition-clinical", "code": "active"}]}
refuted = {"coding": [{"system": HL7 + "condition-ver-status", "code": "refuted"}]}
ada = {"resourceType": "Patient", "id": "ada", "name": [{"family": "Example", "given": ["Ada"]}], "gender": "female"}
record = (ada, known("dm", "E11.9", clinicalStatus=active), known("htn", "I10", verificationStatus=refuted), document)
feed = Path(folder.name) / "ada.ndjson"
feed.write_text("\n".join(map(json.dumps, record)) + "\n")
ingestion = api.ingestions.upload(feed, source="clinic")
work(platform, once=True)
api.ingestions.wait(ingestion.id)
person = identified.search("Patient", {"family": "Example", "given": "Ada"}).resources[0]
queued = api.nlp.start(patient=person["id"])
work(platform, once=True)
print(api.nlp.wait(queued.id).report.facts)
outcomes(person["id"], 9)

# %% [markdown]
# ## The proof
#
# Every fact names the version of its note, the characters, and a keyed hash of them in its Provenance.
# `careloom annotate verify` recomputes all; here one is done by hand. With one other character the hash is another.

# %%
proof = verify_annotations(platform, operator, "identified")
print(f"{proof.verified} of {proof.spans} spans behind {proof.facts} facts hash to what was written down")
assert proof.is_whole

# %%
fact = next(iter(identified.all("Condition", {"_tag": "urn:careloom:origin|annotation"})))
reference = f"Condition/{fact['id']}"
for provenance in identified.all("Provenance", {"target": reference}):
    if provenance.get("activity", {}).get("text") != "annotate":
        continue
    source = provenance["entity"][0]["what"]["reference"]
    note_id = source.split("/")[1]
    text = api.nlp.note("identified", note_id).text
    target = next(one for one in provenance["target"] if one["reference"] == reference)
    for span in spans_in(target):
        start, end = span["start"], span["end"]
        hashes = SpanHashes(platform.keys, "identified")
        print(f"{reference} rests on {start} to {end} of {source}: {text[start:end]!r}")
        print("now:", hashes.of(note_id, start, end, text), " written down:", span["hash"])
        assert hashes.of(note_id, start, end, text) == span["hash"]
        assert hashes.of(note_id, start, end, text[:start] + "X" + text[start + 1 :]) != span["hash"]

# %%
api.sign_out()
platform.close()
folder.cleanup()

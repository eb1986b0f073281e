# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 11 What codes mean, and values in other units
#
# A ward sends codes of ICD-10-CM, of SNOMED CT and of its own, and values in whatever unit its devices print.
# Everything here goes through the Python SDK and the REST API, as your own programs would; only loading is done by
# the operator, on the machine itself. To run the same against a server of yours, replace the next cell by
# `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
import json
import tempfile
from datetime import date
from pathlib import Path

import httpx
from IPython.display import Markdown, display

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.errors import InputError
from careloom.services.access import local_operator
from careloom.services.clients import ClientAsk, register_client
from careloom.services.platform import Platform
from careloom.services.terminology import load
from careloom.settings import Data, Settings

folder = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(folder.name) / "data")))
operator = local_operator("operator")
ask = ClientAsk("coder", ("data-engineer",), ("identified",), scopes="system/*.r")
server = httpx.WSGITransport(app=create_app(platform))
api = Careloom(
    platform.settings.base_url,
    ClientSecret("coder", register_client(platform, operator, ask).secret),
    transport=server,
)
codes = api.terminology


def table(columns: str, rows: list[tuple]) -> None:
    heads = columns.split(", ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    display(Markdown("\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])))


# %% [markdown]
# ## What is known
#
# ICD-10-CM is whole: a code that is not in it does not exist. The others are parts, until you load a publisher's
# release. What has ended goes on to answer, because old records keep old codes; it only says so.

# %%
table(
    "system, version, codes, extent, ends",
    [
        (each.title, each.version, f"{each.concepts:,}", "whole" if each.is_whole else "a part", each.expires or "")
        for each in codes.releases()
    ],
)

# %% [markdown]
# ## Look a code up

# %%
diabetes = codes.lookup("ICD-10-CM", "E11")
print(diabetes.name, "- version", diabetes.version)
print("other names:", "; ".join(diabetes.names))
print("directly above:", diabetes.parents, " directly below:", diabetes.children)
print("a grouping, not to be used for a patient:", diabetes.is_abstract)
assert diabetes.is_abstract

# %% [markdown]
# ## Find a code by what it is called
#
# Every name is searched, and a slip of the pen is forgiven.

# %%
found = codes.search("chronic kidny disease stage 3", system="ICD-10-CM", limit=4)
table("code, name, fits", [(each.code, each.name, f"{each.score:.0f}") for each in found])
assert found[0].code.startswith("N18.3")

# %% [markdown]
# ## Is a code valid?
#
# Three answers: valid, invalid, or it cannot be told. Each comes with a reason that a program can look at.

# %%
questions = [
    ("ICD-10-CM", "E11.9", "Type 2 diabetes mellitus without complications"),
    ("ICD-10-CM", "E11.9", "Asthma"),
    ("ICD-10-CM", "E11.99", ""),
    ("ICD-10-CM", "E11", ""),
    ("SNOMED", "1234567", ""),
]
verdicts = [codes.validate(system, code, display=name) for system, code, name in questions]
table(
    "system, code, display, valid, why",
    [
        (*question, "yes" if verdict.is_valid else "no", verdict.message)
        for question, verdict in zip(questions, verdicts, strict=True)
    ],
)
assert [verdict.is_valid for verdict in verdicts] == [True, False, False, True, False]

# %% [markdown]
# ## Between ICD-10-CM and SNOMED CT
#
# By the maps of MONDO and the Disease Ontology, read in both directions. `equivalent` says the same, `wider` and
# `narrower` say more or less, `relatedto` says only that somebody saw a relation: never replace a code by that.

# %%
there = codes.translate("SNOMED", "44054006", "ICD-10-CM")
back = codes.translate("ICD-10-CM", there[0].code, "SNOMED")
table(
    "from, to, name, equivalence, map",
    [("SNOMED CT 44054006", each.code, each.name, each.equivalence, each.origin) for each in there]
    + [(f"ICD-10-CM {there[0].code}", each.code, each.name, each.equivalence, each.origin) for each in back],
)
assert "44054006" in {each.code for each in back if each.equivalence == "equivalent"}

# %% [markdown]
# ## Does one code include another?

# %%
pairs = [("E11", "E11.65"), ("E11.65", "E08-E13"), ("E10", "E11")]
table("first, second, outcome", [(*pair, codes.subsumes("ICD-10-CM", *pair)) for pair in pairs])
assert [codes.subsumes("ICD-10-CM", *pair) for pair in pairs] == ["subsumes", "subsumed-by", "not-subsumed"]

# %% [markdown]
# ## Every code below one
#
# An implicit value set: `fhir_vs=isa/` and a code. This is what a cohort definition needs, and no list that grows
# old.

# %%
below = codes.expand("http://hl7.org/fhir/sid/icd-10-cm?fhir_vs=isa/E11")
named = codes.expand("http://hl7.org/fhir/sid/icd-10-cm?fhir_vs=isa/E11", text="retinopathy")
print(len(below), "codes of type 2 diabetes,", len(named), "of them with a retinopathy in their name")
assert "E11.9" in {each.code for each in below}

# %% [markdown]
# ## Values in other units
#
# UCUM is exact. A spelling that senders use instead is read and reported. Mass and amount meet only where a LOINC
# code names the substance. What measures something else is refused, never converted.

# %%
asked = [
    ("98.6", "[degF]", "Cel", ""),
    ("120", "mmHg", "kPa", ""),
    ("250", "K/uL", "10*9/L", ""),
    ("5.5", "mmol/L", "mg/dL", "2345-7"),
]
converted = [codes.convert(value, unit, to, loinc=loinc) for value, unit, to, loinc in asked]
table(
    "value, unit, is, in, substance, note",
    [
        (value, unit, f"{made.value:.6g}", made.to, made.substance, made.issue)
        for (value, unit, *_), made in zip(asked, converted, strict=True)
    ],
)
try:
    codes.convert("5.5", "mmol/L", "mg/dL")
except InputError as refusal:
    print("Without the substance:", refusal)
else:
    raise AssertionError("mass and amount are not the same")

# %% [markdown]
# ## A small terminology of your own
#
# The ward's diagnoses and what they are in ICD-10-CM: a CodeSystem and a ConceptMap, as one Bundle. The operator
# loads it, on the command line with `careloom terminology load ward-7.json --expires 2020-01-01`. That it ended long
# ago is on purpose.

# %%
WARD = "https://ward-7.example.org/diagnoses"
ward = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "resource": {
                "resourceType": "CodeSystem",
                "url": WARD,
                "version": "2019",
                "title": "Diagnoses of ward 7",
                "content": "complete",
                "concept": [
                    {"code": "DM", "display": "Diabetes", "concept": [{"code": "DM2", "display": "Diabetes, type 2"}]}
                ],
            }
        },
        {
            "resource": {
                "resourceType": "ConceptMap",
                "url": "https://ward-7.example.org/to-icd",
                "version": "2019",
                "group": [
                    {
                        "source": WARD,
                        "target": "http://hl7.org/fhir/sid/icd-10-cm",
                        "element": [{"code": "DM2", "target": [{"code": "E11", "equivalence": "equivalent"}]}],
                    }
                ],
            }
        },
    ],
}
file = Path(folder.name) / "ward-7.json"
file.write_text(json.dumps(ward))
loaded = load(platform, operator, file, expires=date(2020, 1, 1))
[(each.release.system, each.release.version, each.rows) for each in loaded]

# %% [markdown]
# It answers at once, beside what was there. `validate` says that the code is valid and that its release has ended.

# %%
(ours,) = codes.translate(WARD, "DM2", "ICD-10-CM")
verdict = codes.validate(WARD, "DM2")
print("DM2 is", ours.code, f"({ours.name}), {ours.equivalence}")
print("DM includes DM2:", codes.subsumes(WARD, "DM", "DM2"))
print("valid:", verdict.is_valid, "-", verdict.message)
assert verdict.is_valid
assert "terminology.release-expired" in verdict.message
assert codes.lookup(WARD, "DM2").is_expired

# %% [markdown]
# ## What has ended, and what to do
#
# Load the new edition beside the old one: the newest answers, and codes that only the old one has are called gone.

# %%
ended = [each for each in codes.releases() if each.is_expired]
table("system, version, ended", [(each.title, each.version, each.expires) for each in ended])
assert WARD in {each.system for each in ended}

# %%
api.close()
platform.close()
folder.cleanup()

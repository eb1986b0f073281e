# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 00 A tour: one hospital's morning, from feeds to a patient's timeline
#
# **What you learn.** How raw feeds become records that can be searched, what happens to what is refused, how to find a
# patient and draw what was measured, and who can tell afterwards that you looked.
#
# Everything goes through the Python SDK and the REST API, as your own programs would. The hospital is simulated and
# comes with Careloom; nobody in it exists. `workbench.py` beside this notebook sets it up in a folder that is removed
# at the end. To run the same against a server of yours, replace the next cell by `api =
# Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
from collections import Counter
from datetime import datetime

from workbench import BLUE, GREEN, ORANGE, SLATE, Workbench, label, panels, show, table

bench = Workbench(seed=0)
api = bench.client("tour")
print("signed in as", api.me().name, "for the zones", ", ".join(api.me().zones))

# %% [markdown]
# ## The feeds arrive
#
# HL7 v2 messages, FHIR bundles and bulk files, CSV extracts, C-CDA documents and notes, as they lie in the export
# folder of a hospital. The upload is sealed as it comes in and becomes a job; a server has a worker beside it, here it
# runs once.

# %%
report = bench.ingest(api, bench.feeds())
table(
    "format, records, refused",
    [(each.format, each.records, each.quarantined) for each in report.by_format],
    "What arrived, by format as found from the content",
)

# %% [markdown]
# ## What was refused, and what to do about it
#
# Nothing is dropped: a refused record waits in quarantine, whole and sealed, with its reason and a remedy. The first
# word of a reason says who refused: the reader of tables (`delimited`), the check of FHIR, of HL7 v2, or opening the
# file.
#
# *A wrong conclusion:* "one record in a hundred is broken, so our data is 99 % right". A refused record is one that
# **cannot be read**. Whether what was read is plausible is another question: notebook 01.

# %%
refused = list(api.ingestions.refused(report.id))
assert len(refused) == report.totals.quarantined
table("place, where, reason, remedy", [(one.place, one.where, one.reason, one.remedy) for one in refused[:6]])

# %%
reasons = Counter(one.reason.split(".")[0] for one in refused)
figure, (left, right) = panels(2, height=3.2, width=9)
formats = sorted(report.by_format, key=lambda each: each.records)
left.barh([each.format for each in formats], [each.records for each in formats], color=BLUE)
left.set_xscale("log")
label(left, f"Records by format (n = {report.totals.records:,})", "records, logarithmic", "").grid(
    axis="y", visible=False
)
names = [name for name, _ in reasons.most_common()][::-1]
right.barh(names, [reasons[name] for name in names], color=ORANGE)
label(right, f"Who refused them (n = {len(refused)})", "records", "").grid(axis="y", visible=False)
show(
    figure,
    f"{report.totals.records:,} records arrived, most as FHIR; {len(refused)} wait in quarantine with their reasons.",
)

# %% [markdown]
# ## The platform at one glance

# %%
seen = api.overview()
print(f"{seen.quality.accepted_share:.1%} of {seen.arrivals.records:,} records were accepted")
counts = sorted(seen.zones[0].resources.items(), key=lambda kind: -kind[1])[:10]
table("resource type, stored", counts, "The ten most frequent types of the identified zone")

# %% [markdown]
# ## Find a patient who is measured often, and draw what was measured
#
# Searches are posted, so that no searched value stands in an address or a proxy's log.

# %%
identified = api.fhir("identified")
readings = list(identified.all("Observation", {"code": "http://loinc.org|8480-6"}, count=200))
subject, times = Counter(one["subject"]["reference"] for one in readings if "subject" in one).most_common(1)[0]
KINDS = ("Encounter", "Condition", "Observation", "Procedure", "MedicationRequest", "Immunization")
events = {kind: list(identified.all(kind, {"patient": subject}, count=200)) for kind in KINDS}
table("of this patient, resources", [(kind, len(found)) for kind, found in events.items()])

# %% [markdown]
# A timeline has the systolic pressure above, and below it when the patient was seen and what was diagnosed. **See**
# whether readings come in clusters: a person is measured when ill, so the mean of the readings is not the mean
# pressure.


# %%
def moment(text: str) -> datetime:
    """Of a FHIR date or time; what is written shorter than a day begins then."""
    return datetime.fromisoformat((text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)[:10])


measured = sorted(
    (moment(one["effectiveDateTime"]), one["valueQuantity"]["value"])
    for one in readings
    if one.get("subject", {}).get("reference") == subject and "valueQuantity" in one and "effectiveDateTime" in one
)
visits = [moment(each["period"]["start"]) for each in events["Encounter"] if "start" in each.get("period", {})]
onsets = [moment(each["onsetDateTime"]) for each in events["Condition"] if "onsetDateTime" in each]
figure, (above, below) = panels(1, 2, height=2.2, width=9)
above.axhspan(90, 130, color=GREEN, alpha=0.12, label="90 to 130 mm[Hg]")
above.plot([when for when, _ in measured], [value for _, value in measured], "o-", markersize=4)
above.legend(loc="upper left")
label(above, f"Systolic blood pressure of one patient ({len(measured)} readings)", "", "mm[Hg]")
below.plot(visits, [1] * len(visits), "|", color=SLATE, markersize=16)
below.plot(onsets, [0] * len(onsets), "|", color=ORANGE, markersize=16)
below.set_yticks([0, 1], [f"diagnoses ({len(onsets)})", f"encounters ({len(visits)})"])
below.set_ylim(-0.6, 1.6)
below.set_xlim(above.get_xlim())
label(below, "When the patient was seen, and what was diagnosed", "year", "")
show(figure, "Readings come with encounters: how often somebody is measured says how ill they were thought to be.")

# %% [markdown]
# ## Who looked
#
# Each of these calls left an event in the audit chain, under this client's name. The chain is checked link by link.

# %%
told = [event for event in api.audit.all() if event.actor == "tour"]
table("operation, events", Counter(event.operation for event in told).most_common(10), "What this notebook did")
check = api.audit.verify("identified")
bench.work()
(chain,) = api.audit.wait(check.id).report.chains
print("every link of the chain holds:", chain.verified)
assert chain.verified

# %% [markdown]
# **Next:** [01](01_explore_arrived_data.ipynb) looks at how good the arrived data is; [09](09_api_and_sdk.ipynb) goes
# through the SDK step by step.

# %%
api.sign_out()
bench.close()

# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 01 Explore what arrived: quality, missing values, distributions, trends
#
# **What you learn.** Before anybody trains on a table, four questions: is it right (quality), what is not there
# (missing values), what do values look like (distributions), and does it hold over time (trends). Each has a trap.
#
# The data are the export of a simulated hospital, with dirt in it on purpose. Quality is looked at in the identified
# zone, where each finding leads to a record; everything else in the research zone, where nobody has a name.

# %%
from collections import Counter

import numpy as np
import polars as pl
from workbench import BLUE, COLOURS, GREEN, ORANGE, SLATE, Workbench, label, panels, show, table

bench = Workbench(seed=1)
api = bench.client("analyst")
arrived = bench.ingest(api, bench.feeds())
print(f"{arrived.totals.records:,} records, {arrived.totals.resources:,} FHIR resources")

# %% [markdown]
# ## Is it right?
#
# A look checks rules of three kinds (Kahn et al., 2016): does it *conform* to the format, is it *complete*, is it
# *plausible*. A rule fails when more resources break it than its threshold lets pass.

# %%
look = api.quality.look("identified")
bench.work()
report = api.quality.wait(look.id)
table(
    "category, score of 100, rules passed, rules failed, not applicable",
    [(one.category, f"{one.score:.1f}", one.passed, one.failed, one.not_applicable) for one in report.categories],
)

# %%
broken = sorted((rule for rule in report.rules if rule.failed), key=lambda rule: rule.percent or 0)
figure, axes = panels(height=4.2)
colours = [ORANGE if rule.status == "fail" else SLATE for rule in broken]
axes.barh([rule.title for rule in broken], [rule.percent or 0 for rule in broken], color=colours)
for place, rule in enumerate(broken):
    axes.annotate(f" {rule.failed:,} of {rule.total:,}", (rule.percent or 0, place), va="center", fontsize=8)
axes.set_xlim(0, 118)
label(axes, f"Broken rules: {len(broken)} of {len(report.rules)}", "share that breaks it, %", "")
axes.grid(axis="y", visible=False)
show(figure, "Orange rules fail, grey ones are broken less often than their threshold allows.")

# %% [markdown]
# *A wrong conclusion:* "the score is 97, so the data are fine". A mean over many rules hides one that breaks
# everything: see the rule whose bar reaches 100 %. Each bar leads to the records behind it.

# %%
worst = broken[-1]
print(f"{worst.title} ({worst.id}, {worst.category})")
rows = list(api.quality.broken(report.run_id, worst.id))
table("type, resources that break it", Counter(row.resource.split("/")[0] for row in rows).most_common())

# %% [markdown]
# ## What is not there?
#
# How often each element is filled, by type of resource; those that are always there are left out. **See** that holes
# come in columns *and* in blocks: an element that is always there in one type and half there in another was filled by
# one sending system and not by the other.

# %%
TYPES = ("Condition", "Encounter", "MedicationRequest", "Observation", "Patient", "Procedure")
filled = {
    one.type: {field.field: field.percent or 0.0 for field in one.fields}
    for one in report.completeness
    if one.type in TYPES
}
holes = {name: min(one.get(name, 100) for one in filled.values()) for each in filled.values() for name in each}
fields = sorted((name for name, least in holes.items() if least < 99.5), key=lambda name: holes[name])
shares = np.array([[filled[kind].get(name, np.nan) for name in fields] for kind in filled])
figure, axes = panels(height=3.4, width=9)
drawn = axes.imshow(np.ma.masked_invalid(shares), cmap="viridis", vmin=0, vmax=100, aspect="auto")
axes.set_xticks(range(len(fields)), fields, rotation=60, ha="right", fontsize=8)
axes.set_yticks(range(len(filled)), list(filled))
figure.colorbar(drawn, ax=axes, label="filled, %")
label(axes, f"{len(fields)} elements that are not always filled (white: never, or not of this type)", "", "").grid(
    visible=False
)
show(figure, "Elements by type: bright is always filled, dark hardly ever.")

# %% [markdown]
# ## The research zone
#
# De-identification makes typed tables of it: pseudonyms, dates shifted by one secret number of days per patient, and
# for each column how close it comes to a person.

# %%
run = api.deidentifications.start()
bench.work()
api.deidentifications.wait(run.id)
lake = api.lake("research")
table("table, rows", [(one.path, one.rows) for one in lake.tables()])


# %%
def frame(path: str) -> pl.DataFrame:
    """A whole table; it comes in pages, so that memory does not depend on the server."""
    return pl.concat([pl.read_ipc_stream(page) for page in lake.pages(path)])


observations, people, encounters = (frame(f"silver/{name}") for name in ("observations", "patients", "encounters"))
described = {column.name: column for column in lake.table("silver/observations").columns}
table(
    "column, type, unit, closeness to a person, meaning",
    [
        (name, each.type, each.unit, each.phi, each.meaning)
        for name, each in described.items()
        if name in ("patient_id", "code", "effective_time", "value_number", "unit")
    ],
)

# %% [markdown]
# ## What do values look like?
#
# One panel per measurement, with the unit it is stored in and how many values of how many patients there are. A column
# of numbers without its unit means nothing: **first** count units per code, **then** draw.

# %%
SHOWN = {
    "8480-6": "Systolic pressure",
    "8867-4": "Heart rate",
    "39156-5": "Body mass index",
    "2339-0": "Glucose",
    "38483-4": "Creatinine",
    "4548-4": "Haemoglobin A1c",
}
numbers = observations.filter(pl.col("value_number").is_not_null(), pl.col("code").is_in(list(SHOWN)))
units = numbers.group_by("code").agg(pl.col("unit").n_unique().alias("units"), pl.col("unit").first())
assert units["units"].max() == 1, "more than one unit per code: convert before you draw (notebook 11)"
figure, axes = panels(3, 2, height=2.4, width=9.4)
for axis, (code, name) in zip(axes.flat, SHOWN.items(), strict=True):
    some = numbers.filter(pl.col("code") == code)
    axis.hist(some["value_number"].to_list(), bins=28, color=BLUE)
    count = f"{some.height:,} values, {some['patient_id'].n_unique()} patients"
    label(axis, name, f"{some['unit'][0]}    ({count})", "values").xaxis.label.set_fontsize(8)
show(figure, "Distributions of six measurements: bell-shaped where everybody is measured, skewed where the ill are.")

# %% [markdown]
# *A wrong conclusion:* "the mean glucose of our patients is what this histogram's middle says". The histogram counts
# **values**. Who is ill is measured more often, and counts more. Take one value per patient before you speak of
# patients:

# %%
rows = []
for code, name in SHOWN.items():
    some = numbers.filter(pl.col("code") == code)
    each = some.group_by("patient_id").agg(pl.col("value_number").mean())
    most = some["patient_id"].value_counts()["count"].max()
    by_value, by_patient = some["value_number"].mean(), each["value_number"].mean()
    rows.append((name, some["unit"][0], f"{by_value:.2f}", f"{by_patient:.2f}", most))
table("measurement, unit, mean of values, mean of patients, most values of one patient", rows)

# %% [markdown]
# ## Is what is missing missing by chance?
#
# A laboratory test is ordered for a reason. If the share of patients with a value rises with age, then "not measured"
# is information, and leaving out patients without a value leaves out the healthy.

# %%
last = observations["effective_time"].max().year
ages = people.filter(pl.col("birth_year").is_not_null()).with_columns(
    ((last - pl.col("birth_year")) // 20 * 20).alias("age")
)
bands = sorted(ages["age"].unique().to_list())
figure, axes = panels(height=3.0)
for colour, (code, name) in zip(COLOURS, list(SHOWN.items())[3:], strict=False):
    with_value = set(numbers.filter(pl.col("code") == code)["patient_id"])
    told = [ages.filter(pl.col("age") == band)["patient_id"].is_in(list(with_value)).mean() * 100 for band in bands]
    axes.plot(range(len(bands)), told, "o-", color=colour, label=name)
counts = [ages.filter(pl.col("age") == band).height for band in bands]
names = [f"{band} to {band + 19}\n(n = {count})" for band, count in zip(bands, counts, strict=True)]
axes.set_xticks(range(len(bands)), names)
axes.set_ylim(-3, 103)
axes.legend()
label(axes, "Patients with at least one value", "age in years, in bands of twenty", "patients, %")
show(figure, "Tests are ordered for older patients: a missing value says something about the patient.")

# %% [markdown]
# ## Does it hold over time?
#
# Trends show feeds that stopped, and codes that changed. In the research zone calendar dates are **shifted**, by
# another number of days for each patient: what happened in one month is spread over many.

# %%
identified = Counter()
for encounter in api.fhir("identified").all("Encounter", count=200):
    if start := encounter.get("period", {}).get("start", "")[:7]:
        identified[start] += 1
research = Counter(encounters["start_time"].drop_nulls().dt.strftime("%Y-%m").to_list())
months = sorted(set(identified) | set(research))
months = [month for month in months if month >= "2021"]
figure, axes = panels(height=3.0, width=9)
axes.plot(months, [identified[month] for month in months], color=BLUE, label=f"as dated (n = {identified.total()})")
axes.plot(months, [research[month] for month in months], color=GREEN, label=f"shifted (n = {research.total()})")
axes.set_xticks(months[:: max(1, len(months) // 10)])
axes.legend()
label(axes, "Encounters by month, identified and research zone", "month", "encounters")
show(figure, "Shifting dates blurs the calendar: peaks of the blue line are gone from the green one.")

# %% [markdown]
# *A wrong conclusion:* "admissions fell in that month", read off a research table. Calendar trends belong to the
# identified zone, counted there by who may; **within** a patient intervals are exact in both:

# %%
gaps = (
    encounters.filter(pl.col("start_time").is_not_null())
    .sort("patient_id", "start_time")
    .with_columns(
        (pl.col("start_time") - pl.col("start_time").shift(1).over("patient_id")).dt.total_days().alias("gap")
    )
    .drop_nulls("gap")
)
figure, axes = panels(height=2.8)
axes.hist(gaps["gap"].to_list(), bins=np.arange(0, 400, 10), color=GREEN)
median = gaps["gap"].median()
axes.axvline(median, color=ORANGE, label=f"median {median:.0f} days")
axes.legend()
label(axes, f"Days between two encounters of a patient (n = {gaps.height:,})", "days", "pairs")
show(figure, "Intervals survive the shift of dates: this histogram is the same in both zones.")

# %% [markdown]
# **Take with you:** a score is a mean; a missing value is a value; a histogram of values is not one of patients; the
# research zone has no calendar. **Next:** [02](02_real_beside_synthetic.ipynb) puts synthetic rows beside real ones.

# %%
api.sign_out()
bench.close()

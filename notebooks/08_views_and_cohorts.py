# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 08 From resources to tables to cohorts: SQL-on-FHIR and definitions that explain themselves
#
# **What you learn.** How to say with a *ViewDefinition* what a table of FHIR resources is, so that it runs here and in
# any other tool that speaks SQL-on-FHIR; how to ask it in SQL; how to define a cohort rule by rule, see what each rule
# costs, and ask of one patient why they are in or out.
#
# The simulated hospital once more: identified patients for views in memory, simulated facts for cohorts.

# %%
from collections import Counter

import duckdb
import polars as pl
from workbench import BLUE, COLOURS, ORANGE, Workbench, label, panels, show, table

from careloom.services.risk_simulated import SimulatedFactsAsk, simulate_facts

bench = Workbench(seed=8)
api = bench.client("researcher")
bench.ingest(api, bench.feeds())
fhir = api.fhir("identified").operations

# %% [markdown]
# ## A view of your own
#
# One row per condition: who, what, when. `getReferenceKey` makes the key by which tables join, `forEach` a row per
# coding. Rows of identified patients are shown, at most 10,000, and never written in plain text.

# %%
CONDITIONS = {
    "resourceType": "ViewDefinition",
    "status": "active",
    "resource": "Condition",
    "select": [
        {
            "column": [
                {"name": "condition", "path": "getResourceKey()"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "onset", "path": "onset.ofType(dateTime)"},
            ]
        },
        {
            "forEach": "code.coding",
            "column": [{"name": name, "path": path} for name, path in
                       (("system", "system"), ("code", "code"), ("name", "display"))],
        },
    ],
    "where": [{"path": "code.coding.exists()"}],
}  # fmt: skip
conditions = pl.DataFrame(fhir.run_view(CONDITIONS), infer_schema_length=None)
print(f"{conditions.height:,} rows of {conditions['condition'].n_unique():,} conditions: more rows than conditions")
table("system, rows", conditions["system"].value_counts(sort=True).iter_rows())

# %% [markdown]
# *A wrong conclusion:* "there are as many conditions as rows". `forEach` makes one row per **coding**: a condition
# coded twice counts twice. Count distinct keys, or take one coding.
#
# ## Views that ship, joined in SQL
#
# `patient`, `encounter`, `condition`, `observation`, `labs_wide`, `medication` and `note` are ready. DuckDB reads the
# frames where they lie.

# %%
patients = pl.DataFrame(fhir.run_view("patient"), infer_schema_length=None)
encounters = pl.DataFrame(fhir.run_view("encounter"), infer_schema_length=None)
table("view, rows, columns", [
    ("patient", patients.height, ", ".join(patients.columns[:8])),
    ("encounter", encounters.height, ", ".join(encounters.columns[:8])),
])  # fmt: skip
found = duckdb.sql("""
    select p.gender, count(distinct c.condition) as conditions, count(distinct p.key) as patients
    from patients p left join conditions c on c.patient = p.key
    group by p.gender order by patients desc
""").pl()
table(
    "gender, conditions, patients, conditions a patient",
    [(g or "not said", c, p, f"{c / p:.1f}") for g, c, p in found.iter_rows()],
)

# %%
most = duckdb.sql("""
    select name, count(distinct patient) as patients from conditions
    where name is not null group by name order by patients desc, name limit 12
""").pl()
figure, axis = panels(height=3.8, width=9)
axis.barh(most["name"].to_list(), most["patients"].to_list(), color=BLUE)
axis.invert_yaxis()
axis.grid(axis="y", visible=False)
label(axis, f"Most frequent diagnoses (of {patients.height} patients)", "patients", "")
show(figure, "Patients with each diagnosis, counted once a patient.")

# %% [markdown]
# ## A cohort is data
#
# A definition names events, an index, rules and an outcome; each rule says why it is there. Facts of 2,000 simulated
# patients, in the synthetic zone:

# %%
facts = simulate_facts(bench.platform, bench.operator, SimulatedFactsAsk(patients=2000, seed=11))
STROKE = """
name = "stroke_1_year"
title = "First stroke within a year of a visit"
source = "ICD-10-CM April 2026, categories I60 to I63"

[events.visit]
kind = "visit"

[events.stroke]
kind = "diagnosis"
prefixes = { icd10cm = ["I60", "I61", "I62", "I63"] }

[index]
event = "visit"
choose = "yearly"

[[rules]]
name = "adult"
why = "strokes of children have other causes"
kind = "age"
min_years = 18

[[rules]]
name = "a year of record before"
why = "a stroke that nobody could have recorded looks new"
kind = "history"
days = 365

[[rules]]
name = "no stroke known"
why = "only who had none can have the first"
kind = "event"
event = "stroke"
must = "lack"

[outcome]
event = "stroke"
horizon_days = 365

[death]
policy = "competing"
"""
print(f"{facts.rows:,} facts of {facts.patients:,} patients")
mine = api.risk.count(definition=STROKE, zone="synthetic", facts=facts.name)


# %%
def attrition(axis, counted) -> None:
    """Rows that each rule leaves, and of how many patients."""
    names = [step.name for step in counted.steps]
    axis.barh(names, [step.rows for step in counted.steps], color=BLUE)
    for place, step in enumerate(counted.steps):
        axis.annotate(f" {step.rows:,} of {step.patients:,}", (step.rows, place), va="center", fontsize=8)
    axis.set_xlim(0, 1.3 * counted.steps[0].rows)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)


ready = api.risk.count("diabetes_type_2_1_year", zone="synthetic", facts=facts.name)
figure, (above, below) = panels(1, 2, height=2.6, width=9)
attrition(above, mine)
label(above, "First stroke within a year: moments left, of how many patients", "moments", "")
attrition(below, ready)
label(below, "Type 2 diabetes within a year (ships): moments left, of how many patients", "moments", "")
show(figure, "Attrition, rule by rule. The longest step is worth a thought: whom does it take out?")

# %% [markdown]
# ## What came of them
#
# Four states, and only two are labels. Who died before, or whose record ends before anybody could know, is **neither**.
# *A wrong conclusion:* "no stroke recorded, so no stroke".

# %%
STATES = ("event", "none", "death", "censored")
figure, axis = panels(height=2.2, width=9)
for place, (_name, counted) in enumerate((("stroke", mine), ("type 2 diabetes", ready))):
    begin = 0.0
    for state, colour in zip(STATES, (ORANGE, COLOURS[0], COLOURS[6], COLOURS[4]), strict=True):
        share = 100 * counted.states.get(state, 0) / max(1, sum(counted.states.values()))
        axis.barh(place, share, left=begin, color=colour, label=state if not place else None)
        begin += share
axis.set_yticks(
    [0, 1], [f"{name} (n = {sum(c.states.values()):,})" for name, c in (("stroke", mine), ("diabetes", ready))]
)
axis.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.35))
axis.grid(axis="y", visible=False)
label(axis, "What came of each moment", "share of moments, %", "")
show(figure, "Outcomes are rare: most moments are followed by nothing, and some by nothing that anybody could know.")
table("state, stroke, type 2 diabetes", [(s, mine.states.get(s, 0), ready.states.get(s, 0)) for s in STATES])

# %% [markdown]
# ## Why is this patient in, or out?
#
# For each moment of a patient, which rule fails. A **near miss** fails one rule only: the first place to look when a
# cohort seems too small.

# %%
for number in range(1, 400):
    told = api.risk.why(f"sim-{number:07d}", definition=STROKE, zone="synthetic", facts=facts.name)
    if len({one.is_in for one in told}) == 2 and sum(bool(one.failed) for one in told) >= 3:
        break
table(
    "moment, in, why not, near miss, what came of it",
    [
        (
            f"{one.index_time:%Y-%m-%d}",
            "in" if one.is_in else "out",
            "; ".join(one.failed),
            one.near_miss,
            one.state or "",
        )
        for one in told[:10]
    ],
    "One simulated patient, visit by visit",
)
failed = Counter(rule for one in told for rule in one.failed)
print("rules that fail for this patient:", dict(failed))

# %% [markdown]
# **Next:** `api.risk.make_training_set` makes features of it, as of each moment, and notebook [06](06_risk_model.ipynb)
# trains on such a set. [Define a cohort](../docs/how-to/define-a-cohort.md), [views](../docs/explanation/views.md).

# %%
assert mine.steps[0].rows >= mine.steps[-1].rows
assert sum(mine.states.values()) == mine.rows
api.sign_out()
bench.close()

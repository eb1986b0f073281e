# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 09 The API and the SDK: sign in with little, read page by page, fail well
#
# **What you learn.** What goes over the wire, what the SDK does for you, how to ask for no more rights than you need,
# how errors tell whose fault it is, how to write so that nothing happens twice, and how to follow long work.
#
# The server runs in this process; everything would be the same over a network with
# `Careloom("https://careloom.example.org", ClientSecret(name, secret))`.

# %%
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
from workbench import BLUE, ORANGE, Workbench, label, panels, show, table

from careloom.api.app import create_app
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.client.pace import Pace
from careloom.client.problems import problem_of
from careloom.errors import AccessError, CareloomError, Invalid, NotFound, Precondition
from careloom.services.clients import ClientAsk, register_client

bench = Workbench(seed=9)
admin = bench.client("administrator")
bench.ingest(admin, bench.feeds())
server = httpx.WSGITransport(app=create_app(bench.platform))
base = bench.platform.settings.base_url

# %% [markdown]
# ## By hand: a token, then a question
#
# OAuth 2 client credentials (SMART Backend Services where a client has a key). The token says what it allows; a search
# is **posted**, so that no searched value stands in an address that a proxy logs.

# %%
secret = register_client(
    bench.platform, bench.operator, ClientAsk("reader", ("clinician",), ("identified",), scopes="system/*.rs")
).secret
wire = httpx.Client(transport=server, base_url=base)
answer = wire.post("/oauth2/token", auth=("reader", secret), data={"grant_type": "client_credentials"})
token = answer.json()
table("field of the answer, value", [(k, v) for k, v in sorted(token.items()) if k != "access_token"])
found = wire.post(
    "/fhir/identified/Observation/_search",
    data={"code": "http://loinc.org|8480-6", "_count": "50"},
    headers={"Authorization": f"Bearer {token['access_token']}"},
)
bundle = found.json()
print(found.status_code, found.headers["Content-Type"], "-", len(bundle["entry"]), "of", bundle.get("total"))
table("link of the bundle, is there", [(link["relation"], "yes") for link in bundle["link"]])

# %% [markdown]
# ## The same by the SDK
#
# It fetches and renews the token, follows pages, asks again after a broken connection, and refuses to send a token
# elsewhere. `all` is lazy: a page is fetched when its first resource is asked for.

# %%
api = Careloom(base, ClientSecret("reader", secret), transport=server, pace=Pace(attempts=3))
readings = list(api.fhir("identified").all("Observation", {"code": "http://loinc.org|8480-6"}, count=200))
values = [one["valueQuantity"]["value"] for one in readings if "valueQuantity" in one]
figure, axis = panels(height=2.8)
axis.hist(values, bins=30, color=BLUE)
label(axis, f"Systolic pressure, all pages followed (n = {len(values):,})", "mm[Hg]", "readings")
show(figure, "One call, six pages.")

# %% [markdown]
# *A wrong conclusion:* "my search found 50". A page is not the answer: without following `next`, this histogram would
# be that of whoever came first.
#
# ## Ask for little
#
# A client has roles, zones and scopes; a token can be asked for with **less** than was registered. What is not allowed
# is refused, and the refusal is in the audit chain, too.

# %%
little = Careloom(base, ClientSecret("reader", secret, scope="system/Patient.rs"), transport=server)
print("granted:", " ".join(little.sign_in().scopes))
tried = []
for what, act in (
    ("search patients", lambda: little.fhir("identified").search("Patient", count=1)),
    ("search observations", lambda: little.fhir("identified").search("Observation", count=1)),
    ("read the research zone", lambda: little.fhir("research").search("Patient", count=1)),
    ("start a de-identification", little.deidentifications.start),
):
    try:
        act()
        tried.append((what, "allowed", ""))
    except AccessError as refused:
        tried.append((what, "refused", problem_of(refused).code))
table("with system/Patient.rs alone, is, code", tried)
assert [outcome for _, outcome, _ in tried] == ["allowed", "refused", "refused", "refused"]

# %% [markdown]
# ## Errors say whose fault it is
#
# One tree: what was asked is wrong (`InputError`), who asks may not (`AccessError`), it is the wrong moment
# (`StateError`), the set-up is wrong (`SetupError`), what is kept does not match its proof (`IntegrityError`). Each has
# a stable code, a remedy and the id of the request; none quotes a patient.

# %%
author = bench.client("author", "record-author", zones=("identified",))
patient = author.fhir("identified").create({"resourceType": "Patient", "name": [{"family": "Example"}]})
problems = []
for what, act in (
    ("read what is not there", lambda: author.fhir("identified").read("Patient", "nobody")),
    ("write what is no FHIR", lambda: author.fhir("identified").create({"resourceType": "Patient", "gender": "x"})),
    ("write over another version", lambda: author.fhir("identified").update(patient, if_match="99")),
):
    try:
        act()
    except CareloomError as error:
        told = problem_of(error)
        problems.append((what, type(error).__name__, told.status, told.code, told.remedy))
table("asked, class, HTTP, code, remedy", problems)
assert [row[1] for row in problems] == [NotFound.__name__, Invalid.__name__, Precondition.__name__]

# %% [markdown]
# ## Write so that nothing happens twice
#
# A connection may break after the server has written. *A wrong conclusion:* "no answer, so nothing was done: send it
# again". Say what makes it the same: `if_none_exist` creates only where a search finds none; `if_match` changes only
# the version that you have seen.

# %%
fhir = author.fhir("identified")
who = {"resourceType": "Patient", "identifier": [{"system": "urn:example:ward", "value": "w-17"}]}
same = {"identifier": "urn:example:ward|w-17"}
first, again = (fhir.create(who, if_none_exist=same)["id"] for _ in range(2))
print("created once:", first == again)
mended = fhir.patch("Patient", first, [{"op": "add", "path": "/gender", "value": "female"}], if_match="1")
table(
    "version, gender",
    [(one["meta"]["versionId"], one.get("gender", "")) for one in fhir.history("Patient", first).resources],
)
assert first == again

# %% [markdown]
# ## Long work
#
# What takes longer than a request is a job: it is queued, a worker does it, and anybody who may can watch. `events`
# streams lines of its log as they come; `wait` blocks.

# %%
run = admin.deidentifications.start()
queued = [job for job in admin.jobs.all() if job.state == "waiting"]
table("kind, state", [(job.kind, job.state) for job in queued])
bench.work()
done = admin.deidentifications.wait(run.id)
lines = [line.code for line in admin.jobs.log(queued[0].id)]
print(f"{done.state}: {done.read:,} resources read, {done.kept:,} passed; the log has {len(lines)} lines")

# %% [markdown]
# ## Many questions at once
#
# `AsyncCareloom` has the same rooms and calls as coroutines, and threads may share one `Careloom`. Over a network,
# waiting for one answer leaves time for the next; here eight threads count twelve types through one client.

# %%
TYPES = (
    "AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization",
    "MedicationRequest", "Observation", "Patient", "Procedure", "Practitioner", "ServiceRequest",
)  # fmt: skip


def count(kind: str) -> int:
    """Resources of a type; nothing is sent but the number."""
    return api.fhir("identified").search(kind, {"_summary": "count"}).total


with ThreadPoolExecutor(8) as pool:
    totals = dict(zip(TYPES, pool.map(count, TYPES), strict=True))
table("type, resources", sorted(totals.items(), key=lambda one: -one[1]))

# %% [markdown]
# ## What was noticed
#
# Every call, allowed or not, is an event of the audit chain under the client's name.

# %%
events = [event for event in admin.audit.all() if event.actor in ("reader", "author")]
by_outcome = Counter((event.operation, event.outcome) for event in events)
names = [name for name, _ in Counter(event.operation for event in events).most_common()]
outcomes = sorted({event.outcome for event in events})
figure, axis = panels(height=3.0, width=9)
left = [0] * len(names)
for outcome, colour in zip(outcomes, (ORANGE, BLUE, "#768896", "#b566a0"), strict=False):
    counts = [by_outcome[name, outcome] for name in names]
    axis.barh(names, counts, left=left, color=colour, label=outcome)
    left = [a + b for a, b in zip(left, counts, strict=True)]
axis.invert_yaxis()
axis.legend()
axis.grid(axis="y", visible=False)
label(axis, f"What the audit chain tells of two clients (n = {len(events)})", "events", "")
show(figure, "Operations of this notebook, by how they ended.")

# %% [markdown]
# More: [use the SDK](../docs/how-to/use-the-sdk.md), [every call](../docs/reference/python-sdk.md), [HTTP
# conventions](../docs/reference/http-conventions.md), [clients and scopes](../docs/reference/clients.md).

# %%
for one in (api, little, author, admin):
    one.close()
wire.close()
bench.close()

# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # 12 One person, one record
#
# A patient came under two numbers, and twins came together. Careloom links the one, leaves the other to a person, and
# says why. Everybody here is invented and lies in a folder that is removed at the end.

# %%
import json
import tempfile
from pathlib import Path

from careloom.services.access import local_operator
from careloom.services.golden import golden
from careloom.services.ingest import IngestAsk, ingest
from careloom.services.linkage import run
from careloom.services.linkage_review import PairsAsk, decide, list_pairs, show_pair
from careloom.services.platform import Platform
from careloom.settings import Data, Settings

work = tempfile.TemporaryDirectory()
platform = Platform(Settings(data=Data(directory=Path(work.name) / "data")))
steward = local_operator("steward")


# %%
def person(name: str, given: str, family: str, born: str) -> dict[str, object]:
    home = {"line": ["12 Maple Street"], "city": "Newton", "postalCode": "02458"}
    return {"resourceType": "Patient", "id": name, "name": [{"family": family, "given": [given]}], "birthDate": born,
            "gender": "female", "address": [home]}  # fmt: skip


people = [
    person("100", "Wilhelmina", "Example", "1951-02-03"),
    person("200", "Mina", "Exampel", "1951-03-02"),
    person("301", "Ada", "Sample", "1999-09-09"),
    person("302", "Beatrix", "Sample", "1999-09-09"),
]
feed = Path(work.name) / "people.ndjson"
feed.write_text("\n".join(map(json.dumps, people)) + "\n")
_ = ingest(platform, steward, IngestAsk((feed,)))

# %% [markdown]
# ## Find the pairs
#
# Mina is short for Wilhelmina, the family name has a slip, and day and month of birth are exchanged.

# %%
report = run(platform, steward)
report["pairs"]

# %%
for pair in list_pairs(platform, steward)["items"]:
    print(f"{pair['state']:8} {pair['probability']:.4f} {pair['weight']:+.1f} bits",
          [caution["name"] for caution in pair["cautions"]])  # fmt: skip
    for reason in pair["reasons"]:
        print(f"    {reason['bits']:+6.1f}  {reason['words']}")

# %% [markdown]
# ## Decide
#
# Twins wait for a person, whatever their score. The steward rejects the pair: it comes back only if the data change.

# %%
twins = next(pair for pair in list_pairs(platform, steward)["items"] if pair["cautions"])
rejected = decide(platform, steward, twins["pair"], "reject", "twins, seen together")
[(step["actor"], step["action"], step["after"]) for step in rejected["history"]]

# %% [markdown]
# ## The golden record

# %%
waiting = [pair for pair in list_pairs(platform, steward, PairsAsk(state="review"))["items"] if not pair["cautions"]]
for pair in waiting:
    decide(platform, steward, pair["pair"], "accept", "checked by telephone")
linked = list_pairs(platform, steward, PairsAsk(state="linked"))["items"][0]
sides = {side["title"]: side["values"] for side in show_pair(platform, steward, linked["pair"])["sides"]}
sides["Given names"], sides["Birth date"]

# %%
record = golden(platform, steward, linked["patients"][0])
for field in record["fields"]:
    print(field["name"], field["because"], [value["value"] for value in field["values"]])

# %%
platform.close()
work.cleanup()

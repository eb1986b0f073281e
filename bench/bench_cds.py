"""Cards of CDS Hooks over HTTP at 20 calls a second: risks and orders with prefetch, and patients who are here.

Calls are sent when they are due, whether the one before is answered or not, and timed from when they were due. The
server (two processes of eight threads) and this script share the machine; every call is authenticated and audited.
"""

import http.client
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any
from uuid import uuid4

import numpy as np
import orjson

from bench_risk_scoring import SEED, fill, train
from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret
from careloom.services.access import local_operator
from careloom.services.cds_prefetch import key_of, templates
from careloom.services.clients import ClientAsk, register_client
from careloom.services.models_kept import Change, set_traffic, traffic_of, write
from careloom.services.order_cards import TYPES as ORDER_TYPES
from careloom.services.platform import Platform
from careloom.services.risk_facts import zone_facts
from careloom.services.score_cards import TYPES
from careloom.settings import Data, Settings
from careloom.simulate import feed_fhir
from careloom.simulate.charts import Place, charts
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import simulate_patient
from measure import report
from server import careloom, free_port

HERE = STRANGERS = int(os.environ.get("BENCH_PATIENTS", "40"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "30"))
RATE, WORKERS, WARM = 20, 16, 60
LONGEST = Settings().api.max_body_bytes
"""Of a call; longer ones are refused, and left out here."""
CLIENT = "bench"
Json = dict[str, Any]


def prepared(data: Path) -> tuple[str, str, list[str]]:
    """A secret, the name of a model with a champion, and the ids of patients who are here."""
    with Platform(Settings(data=Data(directory=data))) as platform:
        who = local_operator("bench")
        fill(platform, HERE)
        version = train(platform, zone_facts(platform, who, "identified"))
        name, _, number = version.partition("@")
        after = traffic_of(platform, name) | {"champion": int(number)}
        write(platform, who, Change("bench", {}), lambda step: set_traffic(step, name, after))
        ask = ClientAsk(CLIENT, roles=frozenset({"clinician"}), zones=frozenset({"identified"}))
        secret = register_client(platform, who, ask).secret
        with platform.store("identified").connect() as connection:
            rows = connection.exec_driver_sql("SELECT id FROM resource WHERE type = 'Patient' AND NOT deleted")
            return secret, name, [str(row[0]) for row in rows]


def strangers() -> list[list[Json]]:
    """What one site has of each of the patients who are not here."""
    hospital = build_hospital(SEED)
    place = Place({one.site_id: one for one in hospital.sites}, {one.clinician_id: one for one in hospital.clinicians})
    found = []
    for number in range(HERE + 1, HERE + 1 + STRANGERS):
        history = simulate_patient(number, SEED, hospital=hospital)
        found.append(list(feed_fhir.resources(next(iter(charts(history, place, ()))))))
    return found


def call(hook: str, patient: str, prefetch: Json | None = None, **context: Any) -> Json:
    told: Json = {"hook": hook, "hookInstance": str(uuid4()),
                  "context": {"userId": "Practitioner/bench", "patientId": patient, **context}}  # fmt: skip
    return told if prefetch is None else told | {"prefetch": prefetch}


def prefetched(resources: list[Json], types: tuple[str, ...]) -> tuple[str, Json]:
    """The patient's id, and what an EHR sends of the patient: a searchset a type, null for none."""
    found: Json = dict.fromkeys(templates(types))
    patient = next(one["id"] for one in resources if one["resourceType"] == "Patient")
    for one in resources:
        key = key_of(one["resourceType"])
        if key == "patient" and one["id"] != patient:
            continue
        if key == "patient":
            found[key] = one
        elif key in found:
            bundle = found[key] or {"resourceType": "Bundle", "type": "searchset", "entry": []}
            bundle["entry"].append({"resource": one})
            found[key] = bundle
    return patient, found


def bodies(name: str, here: list[str]) -> dict[str, list[tuple[str, bytes]]]:
    """What is measured: address and body of each call."""
    told = strangers()
    draft = {"resourceType": "MedicationRequest", "id": "draft", "medicationCodeableConcept": {"coding": [
        {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "860975"}]}}  # fmt: skip
    orders = {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]}}
    view, sign = f"/cds-services/{name}.patient-view", "/cds-services/order-check.order-sign"
    risks = [call("patient-view", *prefetched(one, TYPES)) for one in told]
    drugs = [call("order-sign", *prefetched(one, ORDER_TYPES), **orders) for one in told]
    known = [call("patient-view", one) for one in here]
    found = {
        "a risk with prefetch": [(view, orjson.dumps(one)) for one in risks],
        "an order with prefetch": [(sign, orjson.dumps(one)) for one in drugs],
        "a risk of a patient who is here": [(view, orjson.dumps(one)) for one in known],
    }
    return {what: [one for one in calls if len(one[1]) <= LONGEST] for what, calls in found.items()}


def timed(
    url: str, token: str, calls: list[tuple[str, bytes]], count: int, workers: int = WORKERS
) -> tuple[list[float], list[int]]:
    """Seconds from when each call was due to its answer, and how many cards each brought."""
    host, port = url.removeprefix("http://").split(":")
    kept, due = local(), time.perf_counter() + 0.2
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def one(number: int) -> tuple[float, int]:
        at = due + number / RATE
        time.sleep(max(at - time.perf_counter(), 0))
        connection = getattr(kept, "connection", None)
        if connection is None:
            connection = kept.connection = http.client.HTTPConnection(host, int(port))
        path, body = calls[number % len(calls)]
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {content[:300]!r}")
        return time.perf_counter() - at, len(orjson.loads(content)["cards"])

    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(one, range(count)))
    return [seconds for seconds, _ in found], [cards for _, cards in found]


def main() -> None:
    """Measures each kind of call."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        secret, model, here = prepared(data)
        asked = bodies(model, here)
        with careloom(free_port(), data) as server:
            with Careloom(server.url, ClientSecret(CLIENT, secret)) as api:
                token = api.sign_in().text
            server.settle()
            for what, calls in asked.items():
                timed(server.url, token, calls, WARM)  # opens models and compiles views, in both processes
                before = server.cpu_seconds()
                seconds, cards = timed(server.url, token, calls, RATE * SECONDS)
                told = f"CDS, {what} at {RATE}/s"
                p99 = float(np.percentile(seconds, 99)) * 1e3
                must, aim = (150, 60) if "prefetch" in what else (None, None)
                report(f"{told}, 99 of 100 answers within", p99, "ms", must=must, aim=aim, lower_is_better=True)
                report(f"{told}, half of the answers within", float(np.percentile(seconds, 50)) * 1e3, "ms")
                report(
                    f"{told}, CPU time of the server for one",
                    (server.cpu_seconds() - before) / len(seconds) * 1e3,
                    "ms",
                )
                report(f"{told}, bytes of a call", sum(len(body) for _, body in calls) / len(calls), "")
                report(f"{told}, cards of a call", sum(cards) / len(cards), "")
                report(f"{told}, different calls", len(calls), "")


if __name__ == "__main__":
    main()

"""The clients of a soak: a mix of reads, searches and writes that honours Retry-After, and what they were answered.

Writes carry a mark of their own and are asked for on condition that it is not there yet: sent again after a broken
connection, they are done once.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

SYSTEM = "urn:careloom:soak"
FHIR = "/fhir/identified"
ENTRIES = 20
MOST_TRIES = 60
PAGE = 50
Json = dict[str, Any]
MIX = {"read": 52, "search": 20, "create": 8, "update": 8, "transaction": 4, "history": 4, "count": 4}
"""How many of a hundred requests are what."""


@dataclass
class Seen:
    """What all clients saw, and what was acknowledged to them.

    attempts, failures   by kind: every request that was sent, and those without the right answer
    reasons              why: a status or the name of an exception
    given_up             requests that got no right answer in `MOST_TRIES`
    kept                 mark -> value of the last acknowledged write
    names                mark -> id under which it was acknowledged
    times                seconds of right answers, by kind
    """

    attempts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    kept: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, reason: str, seconds: float) -> None:
        """Counts one attempt; no reason means that it was answered rightly."""
        with self.lock:
            self.attempts[kind] += 1
            if reason:
                self.failures[kind] += 1
                self.reasons[f"{kind}: {reason}"] += 1
            else:
                self.times.setdefault(kind, []).append(seconds)


def pulse(mark: str, value: int) -> Json:
    """A heart rate under a mark."""
    return {
        "resourceType": "Observation", "status": "final", "identifier": [{"system": SYSTEM, "value": mark}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "valueQuantity": {"value": value, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        "effectiveDateTime": f"2026-01-{1 + value % 28:02}T03:04:05Z",
    }  # fmt: skip


class Client:
    """One client in a thread of its own.

    seen  what it adds to; its own marks begin with its number, so that nobody else writes them
    """

    def __init__(self, number: int, url: str, token: str, seen: Seen) -> None:
        self.chance = random.Random(number)
        self.number = number
        self.seen = seen
        self.http = httpx.Client(base_url=url, timeout=30, headers={"Authorization": f"Bearer {token}"})
        self.own: list[str] = []

    def run(self, stop: threading.Event) -> None:
        """Asks until it is told to stop; a write that has begun is brought to its end."""
        kinds, weights = list(MIX), list(MIX.values())
        while not stop.is_set():
            kind = self.chance.choices(kinds, weights)[0]
            getattr(self, f"_{kind}")()
        self.http.close()

    def ask(self, kind: str, method: str, path: str, right: tuple[int, ...] = (200,), **more: Any) -> httpx.Response:
        """The right answer. raises TimeoutError when there is none"""
        for _ in range(MOST_TRIES):
            began, wait = time.monotonic(), 1.0
            try:
                answer = self.http.request(method, path, **more)
            except httpx.TransportError as error:
                reason = type(error).__name__
            else:
                if answer.status_code in right:
                    self.seen.note(kind, "", time.monotonic() - began)
                    return answer
                reason = str(answer.status_code)
                wait = float(answer.headers.get("Retry-After", "1"))
            self.seen.note(kind, reason, 0.0)
            time.sleep(wait)
        with self.seen.lock:
            self.seen.given_up += 1
        raise TimeoutError(f"{kind} got no right answer in {MOST_TRIES} tries")

    def _mark(self) -> str:
        return f"{self.number}-{len(self.own)}"

    def _acknowledged(self, mark: str, name: str, value: int) -> None:
        with self.seen.lock:
            self.seen.kept[mark] = value
            self.seen.names[mark] = name

    def _create(self) -> None:
        mark, value = self._mark(), self.chance.randrange(40, 200)
        headers = {"If-None-Exist": f"identifier={SYSTEM}|{mark}"}
        self.own.append(mark)
        answer = self.ask("create", "POST", f"{FHIR}/Observation", (200, 201), json=pulse(mark, value), headers=headers)
        self._acknowledged(mark, answer.headers["Location"].split("/Observation/")[1].split("/")[0], value)

    def _update(self) -> None:
        known = [mark for mark in self.own[-200:] if mark in self.seen.names]
        if not known:
            return self._create()
        mark, value = self.chance.choice(known), self.chance.randrange(40, 200)
        name = self.seen.names[mark]
        self.ask("update", "PUT", f"{FHIR}/Observation/{name}", json={**pulse(mark, value), "id": name})
        return self._acknowledged(mark, name, value)

    def _transaction(self) -> None:
        marks = [f"{self._mark()}-{place}" for place in range(ENTRIES)]
        self.own.extend(marks)
        value = self.chance.randrange(40, 200)
        request = {"method": "POST", "url": "Observation"}
        entry = [
            {"resource": pulse(mark, value), "request": {**request, "ifNoneExist": f"identifier={SYSTEM}|{mark}"}}
            for mark in marks
        ]
        body = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
        told = self.ask("transaction", "POST", FHIR, json=body).json()["entry"]
        for mark, one in zip(marks, told, strict=True):
            self._acknowledged(mark, one["response"]["location"].split("Observation/")[1].split("/")[0], value)

    def _read(self) -> None:
        known = [mark for mark in self.own[-200:] if mark in self.seen.names]
        if not known:
            return self._create()
        mark = self.chance.choice(known)
        answer = self.ask("read", "GET", f"{FHIR}/Observation/{self.seen.names[mark]}").json()
        if answer["valueQuantity"]["value"] != self.seen.kept[mark]:
            self.seen.note("read", "another value than was acknowledged", 0.0)
        return None

    def _search(self) -> None:
        day = f"2026-01-{self.chance.randrange(1, 29):02}"
        self.ask("search", "GET", f"{FHIR}/Observation?date={day}&_count=20")

    def _history(self) -> None:
        known = [mark for mark in self.own[-200:] if mark in self.seen.names]
        if known:
            self.ask("history", "GET", f"{FHIR}/Observation/{self.seen.names[self.chance.choice(known)]}/_history")

    def _count(self) -> None:
        mark = self.chance.choice(self.own[-200:] or ["none"])
        self.ask("count", "GET", f"{FHIR}/Observation?identifier={SYSTEM}|{mark}&_total=accurate")


def lost(url: str, token: str, seen: Seen) -> list[str]:
    """What was acknowledged and is not there, is another, or is there twice."""
    marks = list(seen.kept)
    pages = [marks[start : start + PAGE] for start in range(0, len(marks), PAGE)]
    with (
        httpx.Client(base_url=url, timeout=60, headers={"Authorization": f"Bearer {token}"}) as http,
        ThreadPoolExecutor(8) as pool,
    ):
        found = [one for page in pool.map(lambda page: _lacking(http, seen, page), pages) for one in page]
        return found + [one for one in pool.map(lambda mark: _twice(http, mark), marks[::50]) if one]


def _lacking(http: httpx.Client, seen: Seen, marks: list[str]) -> list[str]:
    names = ",".join(seen.names[mark] for mark in marks)
    answer = http.get(f"{FHIR}/Observation?_id={names}&_count={PAGE}").raise_for_status().json()
    there = {one["resource"]["id"]: one["resource"] for one in answer.get("entry", [])}
    wrong = []
    for mark in marks:
        one = there.get(seen.names[mark])
        if one is None or one["identifier"][0]["value"] != mark:
            wrong.append(f"{mark}: not there")
        elif one["valueQuantity"]["value"] != seen.kept[mark]:
            wrong.append(f"{mark}: another value than the last that was acknowledged")
    return wrong


def _twice(http: httpx.Client, mark: str) -> str:
    answer = http.get(f"{FHIR}/Observation?identifier={SYSTEM}|{mark}&_total=accurate").raise_for_status()
    total = answer.json()["total"]
    return "" if total == 1 else f"{mark}: there {total} times"

"""Synthetic data over HTTP and by the SDK: fitted, drawn, refused or let out, fetched, closed; the privacy ledger."""

import copy
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from careloom.api.synthetic_verify_schemas import CERTIFICATE
from careloom.client.careloom import Careloom
from careloom.errors import AccessError, CareloomError, InputError, NotFound, StateError, Withheld
from careloom.services.jobs import work
from careloom.services.synthesize_certificate import check_by
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import JudgeAsk, judge
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.architecture.synthetic_routes import LOOSE
from tests.unit.services.test_synthesize_taint import METADATA, patient


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    from careloom.services.deidentify import deidentify

    with Installation(tmp_path_factory.mktemp("synthetic")) as one:
        one.ingest([patient(number) for number in range(60)])
        deidentify(one.platform, one.operator)
        with client_of(one) as api:
            api.synthetic.set_budget("research", 4.0, delta=1e-5, reason="a test")
        yield one


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def fitted(made: Installation, api: Careloom, **more: Any) -> str:
    asked = api.synthetic.fit("silver/patients", METADATA, epsilon=0.5, name="people", options={"steps": 20}, **more)
    assert asked.state == "waiting"
    work(made.platform, once=True)
    return api.synthetic.wait(asked.id).id


def test_settings_are_searched_as_a_job(made: Installation, api: Careloom) -> None:
    pytest.importorskip("optuna")
    more = {"trials": 2, "options": {"steps": 10}, "space": "[marginals]\nbins = [4, 8]\n"}
    asked = api.synthetic.search("silver/patients", METADATA, epsilon=0.1, **more)
    assert asked.state == "waiting"
    work(made.platform, once=True)
    model = api.synthetic.wait(asked.id)
    assert 0.15 < (model.epsilon or 0) < 0.4  # two trials and the choice
    kinds = [one.kind for one in api.synthetic.account("research").entries if one.run == asked.id]
    assert kinds.count("search") == 3


def test_from_a_fit_to_a_refusal_to_a_release(made: Installation, api: Careloom) -> None:
    model = api.synthetic.model(fitted(made, api))
    assert (model.state, model.title, model.taints) == ("fitted", "people", ())
    assert 0.4 < (model.epsilon or 9) <= 0.5
    sample = api.synthetic.sample(model.id, 50, kinds=["fidelity"]).id
    work(made.platform, once=True)
    seen = api.synthetic.judged(sample, timeout=1)
    assert "shape" in {one.name for one in seen.measures}
    found = api.synthetic.overlays(sample)
    assert (found.state, found.smallest, found.synthetic_rows) == ("shown", 11, 50)
    assert {len(one.labels) for one in found.columns} == {len(one.synthetic) for one in found.columns}
    api.synthetic._post(f"/samples/{sample}/release", {"table": "people"})  # asked, and answered by the worker below
    work(made.platform, once=True)
    refused = api.synthetic.drawn(sample)
    assert (refused.state, refused.verdicts) == ("refused", 1)
    assert [one.error for one in refused.asked] == [Withheld.code]
    with pytest.raises(NotFound):
        list(api.lake("synthetic").rows("gold/people"))
    with pytest.raises(NotFound):
        api.synthetic.released(sample)

    release(made.platform, made.operator, ReleaseAsk(sample, "people", own=LOOSE))
    (let_out,) = api.synthetic.releases()
    assert (let_out.state, let_out.table) == ("open", "gold/people")
    assert len(list(api.lake("synthetic").rows("gold/people"))) == 50
    content = b"".join(api.lake("synthetic").pages("gold/people", kind="parquet"))
    certificate = api.synthetic.certificate(sample)
    key = made.platform.keys.public_key()
    assert check_by(certificate, key, [pl.read_parquet(BytesIO(content))])["rows"]
    assert api.synthetic.certificate(sample, "pdf").startswith(b"%PDF")
    assert b"signature" in api.synthetic.certificate(sample)
    _verify(made, api, certificate, sample)
    assert api.synthetic.withdraw(sample).state == "withdrawn"
    after = api.synthetic.verify(certificate)
    assert (after.verdict, after.stands, after.reason) == ("valid", False, "its release is withdrawn")
    with pytest.raises(NotFound):
        list(api.lake("synthetic").rows("gold/people"))


def _verify(made: Installation, api: Careloom, certificate: bytes, sample: str) -> None:
    """What a certificate is worth: as it is, with one letter changed, and signed by somebody else."""
    found = api.synthetic.verify(certificate)
    assert (found.verdict, found.stands, found.whole, found.reason) == ("valid", True, True, "")
    assert found.public_key == found.own_key == made.platform.keys.public_key().hex()
    assert found.claims is not None
    assert (found.claims.release, found.claims.table, found.claims.rows) == (sample, "people", 50)
    assert found.checks == {"policy": True, "rows": True, "ledger": True, "measures": True, "landed": None}
    altered = api.synthetic.verify(certificate.replace(b'"rows": 50', b'"rows": 51'))
    assert (altered.verdict, altered.stands, altered.claims) == ("altered", False, None)
    report = json.loads(certificate)["report"]
    other = Ed25519PrivateKey.generate()
    public = other.public_key().public_bytes_raw().hex()
    message = report["kind"].encode() + b"\0" + orjson.dumps(report, option=orjson.OPT_SORT_KEYS)
    signature = {"algorithm": "Ed25519", "public_key": public, "value": other.sign(message).hex()}
    foreign = api.synthetic.verify({"report": report, "signature": signature})
    assert (foreign.verdict, foreign.public_key, foreign.claims, foreign.whole) == ("unknown-key", public, None, False)


@pytest.mark.parametrize(
    "path",
    ["ledger", "ledger.fit", "ledger.search", "lineage.sample", "data.columns", "privacy", "findings", "policy"],
)
def test_a_certificate_that_lacks_a_part_is_refused_by_the_name_of_the_part(api: Careloom, path: str) -> None:
    values: list[Any] = [None, 7, [7], {"x": []}]
    for value in values:
        told = copy.deepcopy(CERTIFICATE)
        *above, name = path.split(".")
        place = told["report"]
        for one in above:
            place = place[one]
        place[name] = value
        with pytest.raises(InputError) as refused:
            api.synthetic.verify(told)
        assert path in str(refused.value)


def test_what_is_no_certificate_is_refused_with_a_remedy(api: Careloom) -> None:
    deep: object = 1
    for _ in range(60):
        deep = [deep]
    report, signature = CERTIFICATE["report"], CERTIFICATE["signature"]
    cases: list[Any] = [
        b"no JSON", b"[]", b"{}", {"report": {}, "signature": {}}, {"report": report, "signature": {}},
        {"report": {**report, "kind": "another"}, "signature": signature},
        {"report": {**report, "reason": deep}, "signature": signature},
        {"report": report, "signature": {**signature, "public_key": "3d"}},
        {"report": report, "signature": {**signature, "value": 7}},
        {"report": report, "signature": signature, "more": 1},
    ]  # fmt: skip
    for case in cases:
        with pytest.raises(InputError) as refused:
            api.synthetic.verify(case)
        assert refused.value.remedy
    strange = {"report": {**report, "table": "../../etc", "policy": {"name": "x", "rules": 7}}, "signature": signature}
    assert api.synthetic.verify(strange).verdict == "altered"
    too_large = {"report": {**report, "reason": "x" * 1_100_000}, "signature": signature}
    with pytest.raises(CareloomError):
        api.synthetic.verify(too_large)


def test_a_fit_beyond_the_budget_fails_with_its_code(made: Installation, api: Careloom) -> None:
    asked = api.synthetic.fit("silver/patients", METADATA, epsilon=50.0)
    work(made.platform, once=True)
    failed = api.synthetic.model(asked.id)
    assert (failed.state, failed.error) == ("failed", "state.budget-spent")
    with pytest.raises(StateError):
        api.synthetic.wait(asked.id)
    assert asked.id in {one.id for one in api.synthetic.models()}


def test_a_model_that_is_not_there_is_none(api: Careloom) -> None:
    for look in (api.synthetic.model, api.synthetic.drawn, api.synthetic.released, api.synthetic.certificate):
        with pytest.raises(NotFound):
            look("20261130T090000Z-abcdef")


def test_the_ledger_tells_budgets_and_uses(made: Installation, api: Careloom) -> None:
    (account,) = api.synthetic.accounts()
    assert account.budget == {"epsilon": 4.0, "delta": 1e-5, "rule": "renyi"}
    told = api.synthetic.account("research")
    assert told.entries[-1].kind == "budget"
    with client_of(made, roles=["data-scientist"]) as other, pytest.raises(AccessError):
        other.synthetic.set_budget("research", 40.0)


def test_who_may_not_read_the_data_sees_no_measure(made: Installation, api: Careloom) -> None:
    model = fitted(made, api)
    sample = api.synthetic.sample(model, 10, kinds=["fidelity"]).id
    work(made.platform, once=True)
    judge(made.platform, made.operator, JudgeAsk(sample, kinds=("fidelity",)))
    with client_of(made, roles=["auditor"]) as other:
        assert sample in other.synthetic.model(model).samples
        with pytest.raises(AccessError):
            other.synthetic.drawn(sample)
        with pytest.raises(AccessError):
            other.synthetic.fit("silver/patients", METADATA, epsilon=0.1)


def test_synthetic_is_a_part_of_the_client(tmp_path: Path, made: Installation, api: Careloom) -> None:
    assert "marginals" in {one.engine for one in api.synthetic.engines()}
    assert repr(api.synthetic).startswith("Synthetic(")

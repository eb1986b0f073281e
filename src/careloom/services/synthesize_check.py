"""Do catalogue, sealed files, tables of the lake and certificates of synthetic data agree? What is missing is named.

A backup holds the catalogue and the certificates, and neither models nor rows: after a restoration elsewhere, and after
one of an older state, this says what has to be fitted, drawn, withdrawn or discarded.
"""

from collections.abc import Iterator
from hashlib import sha256

import orjson

from careloom.errors import CareloomError, IntegrityError, NotFound
from careloom.services import synthesize_certificate as certificates
from careloom.services.platform import Platform
from careloom.services.synthesize import files_of, left_alone, work
from careloom.services.synthesize_let_out import staged_of
from careloom.services.synthesize_over import FACT
from careloom.store.synthesis import Work, listed, unfinished
from careloom.synth.release_measures import digest_of

MODEL, SAMPLE, TABLE = "store.synthetic-model", "store.synthetic-sample", "store.synthetic-table"
CERTIFICATE, UNFINISHED = "store.synthetic-certificate", "store.synthetic-unfinished"


def problems(platform: Platform) -> list[tuple[str, str]]:
    """(code, name) of what does not agree.

    store.synthetic-model        of a fitted model the files are gone, do not open, or are others: fit again, discard it
    store.synthetic-sample       of a sample that was not let out the same, or its rows are not those that were judged
    store.synthetic-table        of a release the table is gone or another: withdraw it; or a table names a release that
                                 the catalogue does not know as let out: nobody can read it
    store.synthetic-certificate  of a release the certificate is gone or another
    store.synthetic-unfinished   a process died amid it: the next command of synthetic data ends it
    """
    with platform.store("identified").connect() as connection:
        models, samples = listed(connection, "model"), listed(connection, "sample")
        begun = unfinished(connection)
    found = [(MODEL, one.name) for one in models if one.state == "fitted" and not _has_model(platform, one)]
    found += [
        (SAMPLE, one.name) for one in samples
        if one.state in ("staged", "judged", "refused") and not _has_rows(platform, one)
    ]  # fmt: skip
    found += [(TABLE, name) for name in _wrong_tables(platform, samples)]
    found += [
        (CERTIFICATE, one.name) for one in samples
        if one.state in ("released", "withdrawn") and not _has_certificate(platform, one)
    ]  # fmt: skip
    return found + [(UNFINISHED, one.name) for one in begun if _is_left(platform, one)]


def _has_model(platform: Platform, one: Work) -> bool:
    files = files_of(platform)
    try:
        hashes = [
            sha256(files.whole(f"models/{one.name}/{name}")).digest() for name in ("model.safetensors", "model.json")
        ]
    except (NotFound, IntegrityError):
        return False
    return sha256(b"".join(hashes)).hexdigest() == str(one.body["model_sha256"])


def _has_rows(platform: Platform, one: Work) -> bool:
    report = one.body["report"]
    try:
        digest = digest_of(staged_of(platform, one, work(platform, one.parent, "model")))
    except (NotFound, IntegrityError):
        return False
    return report is None or digest == report["rows_sha256"]


def _wrong_tables(platform: Platform, samples: list[Work]) -> Iterator[str]:
    """Releases without their table, and tables without their release."""
    lake, out = platform.lake("synthetic"), {one.name: one for one in samples if one.state == "released"}
    waiting = {one.name for one in samples if one.state == "releasing"}
    whole = set()
    for path in lake.paths():
        state = lake.state(path)
        name = state.facts.get(FACT, "")
        release = out.get(name)
        if release is not None and (release.body["release"]["path"], release.body["rows"]) == (path, state.rows):
            whole.add(name)
        elif name and name not in waiting:
            yield path
    yield from sorted(out.keys() - whole)


def _has_certificate(platform: Platform, one: Work) -> bool:
    release = one.body["release"]
    if not release.get("place"):  # it was withdrawn amid its release
        return True
    try:
        content = certificates.certificate_bytes(platform, release["certificate"], "json")
        return certificates.digest(orjson.loads(content)) == str(release["digest"])
    except (CareloomError, ValueError, KeyError, TypeError):
        return False


def _is_left(platform: Platform, one: Work) -> bool:
    with left_alone(platform, one.name) as is_idle:
        return is_idle

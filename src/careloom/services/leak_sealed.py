"""What was made of the research zone's patients and lies sealed in the synthetic one, opened for a scan for leaks.

It is what a release would let out, and what makes it. Of the identified zone's patients nothing is opened, as nothing
of that zone is.
"""

from collections.abc import Iterator

from careloom.errors import IntegrityError, NotFound, StateError
from careloom.services.platform import Platform
from careloom.services.synthesize import files_of, work, zone_of_account
from careloom.services.synthesize_let_out import staged_of
from careloom.store.synthesis import Work, listed


def sealed_works(platform: Platform) -> Iterator[tuple[str, list[bytes] | None]]:
    """Where something stands, and what: what a model knows in words, or the rows of a sample; None: not to be read."""
    if not platform.has_store("identified"):
        return
    with platform.store("identified").connect() as connection:
        found = [*listed(connection, "model"), *listed(connection, "sample")]
    for one in found:
        if zone_of_account(one.body["account"]) == "research":
            place = f"synthetic zone, sealed {one.kind} {one.name}"
            try:
                yield from ((place, [part]) for part in _parts(platform, one))
            except (NotFound, IntegrityError, StateError):
                yield place, None


def _parts(platform: Platform, one: Work) -> Iterator[bytes]:
    """Nothing where its files were removed, as they are once it is let out or discarded."""
    files = files_of(platform)
    if one.kind == "model":
        name = f"models/{one.name}/model.json"
        yield from files.parts(name) if files.has(name) else ()
    elif files.has(f"staging/{one.name}"):
        for frame in staged_of(platform, one, work(platform, one.parent, "model")):
            yield frame.write_ndjson().encode()

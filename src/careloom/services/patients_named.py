"""Which patient somebody means: by the stored id, or by the id of the source system."""

from careloom.errors import Erased, NotFound, QueryError
from careloom.services.platform import Platform


def stored_id(platform: Platform, patient: str, source: str = "") -> str:
    """The stored id of ``Patient/<id>`` in the identified zone.

    source  the system whose own id it may be; that of the settings where empty
    raises  QueryError; NotFound; Erased
    """
    kind, slash, name = patient.partition("/")
    if kind != "Patient" or not slash or not name:
        raise QueryError("a patient is named Patient/<id>", "For example Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa.")
    store = platform.store("identified")
    candidates = (name, platform.names.resource_id(source or platform.settings.ingest.source, "Patient", name))
    if any(store.is_erased(one) for one in candidates):
        raise Erased("this patient was erased", "Nothing of it is left.")
    known = store.read_named("Patient", candidates)
    if not known:
        raise NotFound("there is no such patient", "Search for the patient first: careloom search 'Patient?...'.")
    return next(iter(known))

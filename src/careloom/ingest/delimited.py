"""Rows of delimited files to FHIR by a declared mapping.

A record is the exact bytes of consecutive data rows of one patient, without the header. One bad cell refuses the
record: its issues name row and column, never a value.
"""

from functools import lru_cache

from careloom.errors import SetupError
from careloom.ingest.conversion import Conversion
from careloom.ingest.delimited_mapping import DelimitedMapping, FileMapping, parse_mapping
from careloom.ingest.delimited_rows import Dialect, RowReader, column_places, plain_name
from careloom.pipeline.record import Record
from careloom.runtime import packaged, packaged_names

MAPPING_OPTION = "mapping_toml"
"""Key of `FileContext.options` that holds the text of a mapping of the user's own, where one is used."""


def load_mapping(text: str) -> DelimitedMapping:
    """The mapping written in `text` (TOML), with every template compiled once as a proof.

    raises  SetupError naming file and key of the first thing that is unknown, missing, unused or of the wrong kind
    """
    mapping = parse_mapping(text)
    for file in mapping.files.values():
        RowReader(mapping, file, tuple(file.columns), Dialect()).refuse_unused()
    return mapping


@lru_cache(maxsize=1)
def packaged_mappings() -> tuple[DelimitedMapping, ...]:
    """The mappings that ship with Careloom, in the order of their names."""
    names = packaged_names("ingest", "mappings", ".toml")
    return tuple(load_mapping(packaged("ingest", name).decode()) for name in names)


@lru_cache(maxsize=16)
def _loaded(text: str) -> DelimitedMapping:
    return load_mapping(text)


def find_file(mapping: str, own: str = "") -> FileMapping:
    """The file mapping called ``mapping/file``; looks in the user's own mapping text first, where given.

    raises  SetupError where no mapping has that name
    """
    return _find(mapping, own)[1]


def _find(mapping: str, own: str) -> tuple[DelimitedMapping, FileMapping]:
    name, _, file = mapping.partition("/")
    candidates = (*((_loaded(own),) if own else ()), *packaged_mappings())
    for candidate in candidates:
        if candidate.name == name and file in candidate.files:
            return candidate, candidate.files[file]
    known = ", ".join(sorted(f"{candidate.name}/{file}" for candidate in candidates for file in candidate.files))
    raise SetupError(f"no mapping is called {mapping!r}", f"Known: {known}")


def recognise(header: tuple[str, ...], own: str = "") -> str | None:
    """The name ``mapping/file`` of the mapping that fits a header best; None where none fits or two fit equally.

    Fits: every column in `recognise` is there and at least half of the header is declared. Best: fewest columns
    that the mapping does not know; then most that it does. Order, case, white space and a byte order mark do not count.
    A mapping of the user's own comes before the packaged ones.
    """
    plain = frozenset(plain_name(name) for name in header)
    for mappings in ((_loaded(own),) if own else (), packaged_mappings()):
        scored = sorted(
            (unknown, -known, f"{mapping.name}/{file.name}")
            for mapping in mappings
            for file in mapping.files.values()
            for unknown, known in [_fit(file, plain)]
            if known and unknown <= len(plain) // 2
        )
        if scored and (len(scored) == 1 or scored[0][:2] != scored[1][:2]):
            return scored[0][2]
    return None


def patient_column(mapping: str, header: tuple[str, ...], own: str = "") -> int | None:
    """Index in `header` of the column that tells whose row it is; None where rows belong to no patient."""
    file = find_file(mapping, own)
    return column_places(file, header).get(file.patient)


def convert(record: Record) -> Conversion:
    """Drafts of the resources that the rows of one record make.

    The file mapping is ``record.context.mapping``; options ``delimiter``, ``encoding``, ``quote`` override it.
    raises  SetupError where the mapping itself is unknown or wrong: that is no fault of the data
    """
    context = record.context
    options = context.options or {}
    reader = _reader(
        context.mapping,
        context.header,
        options.get("delimiter", ""),
        options.get("encoding", ""),
        options.get("quote", ""),
        options.get(MAPPING_OPTION, ""),
    )
    return reader.convert(record)


@lru_cache(maxsize=64)
def _reader(mapping: str, header: tuple[str, ...], delimiter: str, encoding: str, quote: str, own: str) -> RowReader:
    whole, file = _find(mapping, own)
    given = {"delimiter": delimiter, "encoding": encoding, "quote": quote}
    dialect = {**file.dialect, **{option: value for option, value in given.items() if value}}
    return RowReader(whole, file, header, Dialect(**dialect))


def _fit(file: FileMapping, plain: frozenset[str]) -> tuple[int, int]:
    """Number of header columns that `file` does not know and that it knows; (0, 0) where a needed one is missing."""
    names = {column: {plain_name(column), *map(plain_name, spec.names)} for column, spec in file.columns.items()}
    names |= {column: {plain_name(column)} for column in file.landing}
    if not all(names[column] & plain for column in file.recognise):
        return 0, 0
    known = plain & frozenset().union(*names.values())
    return len(plain) - len(known), len(known)

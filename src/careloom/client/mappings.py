"""Mappings: a draft of one, from a file whose columns nobody has mapped yet."""

from dataclasses import dataclass
from urllib.parse import urlencode

from careloom.client.decoding import decode
from careloom.client.payload import Source, Upload, parts_of
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.errors import InputError


@dataclass(frozen=True, slots=True)
class DraftColumn:
    """What one column was taken for, and how surely (0 to 1); `role` is empty where nothing fits."""

    column: str
    role: str
    confidence: float


@dataclass(frozen=True, slots=True)
class DraftIssue:
    """What is left to mend, by code."""

    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping and what it made of the first rows.

    text    TOML, for `careloom ingest --mapping`
    kind    what a row was taken for
    doubts  what a person has to decide
    tried   records of the sample; `usable` of them became valid resources
    """

    text: str
    kind: str
    columns: tuple[DraftColumn, ...]
    doubts: tuple[str, ...]
    tried: int
    usable: int
    issues: tuple[DraftIssue, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    draft: Draft | None
    reason: str | None
    remedy: str | None


class Mappings:
    """Drafts of mappings of delimited extracts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Mappings({self._session.base})"

    def suggest(self, what: Source, *, name: str = "own") -> Draft:
        """A draft from a delimited, Parquet or Arrow file with a header. The platform keeps nothing of the file.

        name    of the mapping
        raises  InputError if no draft can be made of it; TooLarge; AccessError
        """
        body = Upload(parts_of(what), None)
        url = f"{self._session.base}/api/v1/mappings/suggest?{urlencode({'name': name})}"
        found = decode(_Answer, self._session.document(Ask(method="POST", url=url, body=body)))
        if found.draft is None:
            raise InputError(found.reason or "no draft can be made of it", found.remedy or "Write the mapping by hand.")
        return found.draft

"""Mappings: a draft of one, from a file whose columns nobody has mapped yet."""

from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.mappings import Draft, _Answer
from careloom.client.payload import Source, Upload, parts_of
from careloom.client.transport import Ask
from careloom.errors import InputError


class Mappings:
    """Drafts of mappings of delimited extracts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Mappings({self._session.base})"

    async def suggest(self, what: Source, *, name: str = "own") -> Draft:
        """A draft from a delimited, Parquet or Arrow file with a header. The platform keeps nothing of the file.

        name    of the mapping
        raises  InputError if no draft can be made of it; TooLarge; AccessError
        """
        body = Upload(parts_of(what), None)
        url = f"{self._session.base}/api/v1/mappings/suggest?{urlencode({'name': name})}"
        found = decode(_Answer, await self._session.document(Ask(method="POST", url=url, body=body)))
        if found.draft is None:
            raise InputError(found.reason or "no draft can be made of it", found.remedy or "Write the mapping by hand.")
        return found.draft

"""Research tables as numbers for analysis, by a codebook that later data uses, too."""

from typing import Any
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.payload import JsonBody
from careloom.client.research import TYPES, _named
from careloom.client.transport import Ask


class Research:
    """The typed tables of the research zone."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/research"

    def __repr__(self) -> str:
        return f"Research({self._session.base})"

    async def codebook(self, table: str, *, smallest: int = 11) -> dict[str, Any]:
        """A new codebook of a table as it is now, as `careloom encode` writes it. Keep it: it encodes later data alike.

        smallest  a category of fewer patients gets no number of its own
        raises    NotFound; TooLarge; AccessError
        """
        url = f"{self._base}/{_named(table)}/codebook?{urlencode({'smallest': str(smallest)})}"
        return await self._session.document(Ask(method="GET", url=url))

    async def encoded(self, table: str, codebook: dict[str, Any], format: str = "parquet") -> bytes:  # noqa: A002 - the word of the API
        """A table as numbers: ``parquet``, ``csv``, or ``json`` column by column.

        raises  NotFound; Conflict if the codebook is of another table; TooLarge; AccessError
        """
        body = JsonBody({"format": format, "codebook": codebook})
        ask = Ask(
            method="POST", url=f"{self._base}/{_named(table)}/encoded", accept=TYPES.get(format, "*/*"), body=body
        )
        return await self._session.content(ask)

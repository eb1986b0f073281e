"""What the first load of a page brings over the wire."""

import gzip
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Response

from tests.journeys.browser import Served, Visitor, dashboard

MOST_BYTES = 900_000
MOST_WITHOUT_FIGURES = 620_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dashboard(tmp_path_factory.mktemp("weight")) as made:
        yield made


def packed_bytes(browser: Browser, served: Served, page: str) -> int:
    """The sum of all answers of a first load, each packed by gzip."""
    first = browser.new_context()
    Visitor(first, served).sign_in("petra.privacy")
    again = browser.new_context(storage_state=first.storage_state())
    visitor, answers = Visitor(again, served), list[Response]()
    visitor.page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108  a method of C cannot be marked
    visitor.page.goto(f"{served.url}{page}")
    visitor.settled()
    total = sum(len(gzip.compress(answer.body())) for answer in answers if answer.status == 200)
    assert visitor.troubles == []
    first.close()
    again.close()
    return total


def test_the_first_load_of_a_page_is_light(browser: Browser, served: Served) -> None:
    assert packed_bytes(browser, served, "") <= MOST_WITHOUT_FIGURES
    patient = f"patients/identified/{served.installation.stored_id('Patient', 'oda')}"
    assert packed_bytes(browser, served, patient) <= MOST_BYTES

"""What the pages of operations reckon: prices, rates, windows, words for seconds; and who is shown the way."""

from datetime import UTC, datetime

import pytest

from careloom.client.operations_reports import CostRow
from careloom.dashboard import words
from careloom.dashboard.operations_costs import Prices, read_prices
from careloom.dashboard.operations_parts import kind_of, window
from careloom.dashboard.session import Person

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ROW = CostRow("ingest", "lab", 2, 2, 2, cpu_seconds=7200.0, wall_seconds=9000.0, bytes=3_000_000_000)


def test_a_cost_is_what_was_measured_times_the_price_that_was_named() -> None:
    assert Prices(0.5, None, "EUR").of(ROW) == 1.0
    assert Prices(0.5, 0.2, "EUR").of(ROW) == pytest.approx(1.6)
    assert Prices(None, None, "").of(ROW) is None
    unmeasured = CostRow("ingest", "lab", 2, 0, 2, None, None, None)
    assert Prices(0.5, 0.2, "EUR").of(unmeasured) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "EUR 0.00"), (1234.5, "EUR 1,234.50"), (0.0312, "EUR 0.0312"), (0.00001, "< EUR 0.0001")],
)
def test_money_is_written_as_precisely_as_it_matters(value: float | None, said: str) -> None:
    assert Prices(1.0, None, "EUR").money(value) == said


@pytest.mark.parametrize("text", ["free", "-1", "nan", "inf", "1e300"])
def test_a_price_that_is_none_is_refused_with_a_remedy(text: str) -> None:
    prices, wrong = read_prices({"cpu_hour": text})
    assert prices.cpu_hour is None
    assert "0 to" in wrong


def test_prices_are_read_with_a_comma_too() -> None:
    assert read_prices({"cpu_hour": "0,05", "unit": " EUR "}) == (Prices(0.05, None, "EUR"), "")


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0, "0 s"), (0.0001, "< 1 ms"), (0.0124, "12 ms"), (0.9996, "1.0 s"), (9.94, "9.9 s"),
     (72, "1 min 12 s"), (7500, "2 h 5 min"), (200_000, "2 d 7 h")],
)  # fmt: skip
def test_seconds_in_words(value: float | None, said: str) -> None:
    assert words.seconds(value) == said


def test_a_window_that_is_none_is_a_day() -> None:
    assert window("7d", NOW) == ("7d", datetime(2026, 11, 15, 10, 0, tzinfo=UTC))
    assert window("<script>", NOW) == ("24h", datetime(2026, 11, 21, 10, 0, tzinfo=UTC))


def test_a_kind_without_a_name_is_told_as_it_is() -> None:
    assert kind_of("ingest") == "Ingestion"
    assert kind_of("new-kind") == "New kind"


@pytest.mark.parametrize(
    ("zones", "scopes", "operates", "sees_health"),
    [
        (("landing",), {"careloom/operate"}, True, False),
        (("landing",), {"careloom/monitor"}, False, True),
        (("identified",), {"careloom/operate", "careloom/monitor"}, False, False),
    ],
)
def test_who_is_shown_the_way(zones: tuple[str, ...], scopes: set[str], operates: bool, sees_health: bool) -> None:
    person = Person("ada", zones, frozenset(scopes), NOW, "token")
    assert (person.may_operate, person.sees_health) == (operates, sees_health)

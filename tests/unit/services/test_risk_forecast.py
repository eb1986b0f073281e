"""Forecasts of a table and of a zone, by the service and by the command line; overbooking with its savings."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from typer.testing import CliRunner

from careloom.cli.main import app
from careloom.cli.risk_forecast import _show
from careloom.errors import FormatError, InputError, NotFound, QueryError
from careloom.services.risk_forecast import ForecastAsk, forecast_table, forecast_zone, overbook_table
from tests.api.kit import Installation

WEEK = [30, 10, 10, 11, 10, 4, 0]


def wards(folder: Path, days: int = 700) -> Path:
    draw = np.random.default_rng(3)
    lines = ["unit,date,count"]
    for unit in ("east", "west"):
        counts = draw.poisson(np.resize(WEEK, days))
        lines += [f"{unit},{date(2024, 1, 1) + timedelta(days=at)},{counts[at]}" for at in range(days)]
    file = folder / "wards.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_each_unit_of_a_table_is_forecast_as_its_weekdays_go(tmp_path: Path) -> None:
    with Installation(tmp_path / "here") as made:
        told = forecast_table(made.platform, wards(tmp_path), ForecastAsk(7, judged=True))
    assert [one["unit"] for one in told] == ["east", "west"]
    for one in told:
        assert one["until"] == "2025-11-30"
        weekdays = [date.fromisoformat(row["date"]).weekday() for row in one["rows"]]
        for row, weekday in zip(one["rows"], weekdays, strict=True):
            assert abs(row["mean"] - WEEK[weekday]) < 4
            assert row["low"] <= row["median"] <= row["high"]
        assert one["judged"]["mase"] < 0.9 * one["judged"]["mase_naive"]


def test_what_is_judged_knows_the_days_that_are_closed_as_what_is_forecast_does(tmp_path: Path) -> None:
    draw = np.random.default_rng(4)
    days = [date(2024, 1, 1) + timedelta(days=at) for at in range(700)]
    closed = [day for day in days if draw.random() < 0.1]
    counts = [0 if day in closed else int(draw.poisson(30)) for day in days]
    file = tmp_path / "clinic.csv"
    file.write_text("date,count\n" + "".join(f"{day},{one}\n" for day, one in zip(days, counts, strict=True)))
    with Installation(tmp_path / "here") as made:
        asks = ForecastAsk(7, judged=True), ForecastAsk(7, closed, judged=True)
        blind, told = (forecast_table(made.platform, file, one)[0]["judged"]["mase"] for one in asks)
    assert told < 0.8 * blind


def test_a_zone_is_forecast_by_its_stays_as_a_whole_and_by_ward(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw, stays = np.random.default_rng(5), []
    for day in range(260):
        for number in range(int(draw.poisson(2))):
            begin = date(2026, 1, 1) + timedelta(days=day)
            end = begin + timedelta(days=int(draw.integers(1, 4)))
            stays.append({
                "resourceType": "Encounter", "id": f"e{day}-{number}", "status": "finished",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": "Patient/p1"},
                "period": {"start": f"{begin}T10:00:00Z", "end": f"{end}T09:00:00Z"},
                "location": [{"location": {"display": "MED" if number else "new" if day > 250 else "ICU"}}],
            })  # fmt: skip
    with Installation(tmp_path) as made:
        made.ingest([{"resourceType": "Patient", "id": "p1"}, *stays])
        (told,) = forecast_zone(made.platform, made.operator, "identified", "beds", ForecastAsk(7))
        assert 2 < told["mean"] < 6
        assert [row["days_ahead"] for row in told["rows"]] == [1, 2, 3, 4, 5, 6, 7]
        assert all(0 < row["mean"] < 10 for row in told["rows"])
        with pytest.raises(QueryError):
            forecast_zone(made.platform, made.operator, "identified", "beer", ForecastAsk(7))
        units = forecast_zone(made.platform, made.operator, "identified", "beds", ForecastAsk(7, by_unit=True))
        by_name = {one["unit"]: one for one in units}
        assert set(by_name) == {"MED", "ICU", "new"}
        assert len(by_name["MED"]["rows"]) == len(by_name["ICU"]["rows"]) == 7
        assert sum(one["mean"] * 260 for one in units if one["rows"]) == pytest.approx(told["mean"] * 260, rel=0.1)
        assert by_name["new"]["rows"] == []
        assert "days" in by_name["new"]["reason"]
        _show(units)
        assert "not forecast" in capsys.readouterr().out
        with pytest.raises(QueryError):
            forecast_zone(made.platform, made.operator, "identified", "beds", ForecastAsk(57, by_unit=True))


def test_what_cannot_be_forecast_is_refused(tmp_path: Path) -> None:
    with Installation(tmp_path / "here") as made:
        with pytest.raises(InputError):
            forecast_table(made.platform, wards(tmp_path, 100), ForecastAsk(7))
        with pytest.raises(QueryError):
            forecast_table(made.platform, wards(tmp_path), ForecastAsk(57))
        with pytest.raises(NotFound):
            forecast_table(made.platform, tmp_path / "nothing.csv", ForecastAsk(7))
        shows = tmp_path / "shows.csv"
        shows.write_text("chance\n0.5\n")
        with pytest.raises(FormatError):
            overbook_table(made.platform, shows, 1, show_of_new=0.5, cost_idle=1, cost_over=1)


def test_the_command_line_forecasts_and_overbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARELOOM__DATA__DIRECTORY", str(tmp_path / "data"))
    wards(tmp_path)
    run = CliRunner()
    shown = run.invoke(
        app, ["risk", "forecast", "table", "wards.csv", "--closed", "2025-12-25"], catch_exceptions=False
    )
    assert "east" in shown.stdout
    (tmp_path / "monday.csv").write_text("show\n" + "0.8\n" * 20)
    asked = ["risk", "forecast", "overbook", "monday.csv", "--capacity", "18", "--show-of-new", "0.75",
             "--cost-idle", "120", "--cost-over", "200", "--json"]  # fmt: skip
    told = orjson.loads(run.invoke(app, asked, catch_exceptions=False).stdout)
    assert told["extra"] > 0
    assert told["saves"] == pytest.approx(told["cost_without"] - told["cost"])
    assert told["saves"] > 0

import io
import json

from careloom.logs import configure, log


def line(**fields: object) -> dict[str, object]:
    stream = io.StringIO()
    configure("info", stream)
    log("careloom.test", "batch done", **fields)
    written: dict[str, object] = json.loads(stream.getvalue())
    return written


def test_an_allowed_field_is_written() -> None:
    assert line(records=3)["records"] == 3


def test_a_line_says_when_in_utc() -> None:
    assert str(line()["time"]).endswith("+00:00")


def test_a_field_that_is_not_allowed_is_dropped_by_name_only() -> None:
    written = line(patient_name="Jane Roe")
    assert written["dropped_fields"] == ["patient_name"]
    assert "Jane" not in json.dumps(written)


def test_arguments_are_never_interpolated_into_the_event() -> None:
    stream = io.StringIO()
    configure("info", stream)
    import logging

    logging.getLogger("careloom.test").warning("read %s", "Jane Roe")
    assert "Jane" not in stream.getvalue()


def test_an_exception_leaves_its_type_but_not_its_text() -> None:
    stream = io.StringIO()
    configure("info", stream)
    import logging

    try:
        raise ValueError("Jane Roe")
    except ValueError:
        logging.getLogger("careloom.test").exception("stage failed")
    written = json.loads(stream.getvalue())
    assert written["error_type"] == "ValueError"
    assert "Jane" not in stream.getvalue()

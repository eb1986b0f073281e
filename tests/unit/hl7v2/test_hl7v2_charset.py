import pytest

from careloom.hl7v2.charset import codec_of
from careloom.hl7v2.parse import read


def family(raw: bytes) -> tuple[str, list[str]]:
    message, issues = read(raw)
    assert message is not None
    pid = message.first("PID")
    assert pid is not None
    return pid.value(5), [issue.code for issue in issues]


def sent(name: str, value: bytes) -> bytes:
    return b"MSH|^~\\&" + b"|" * 16 + name.encode() + b"\rPID|||||" + value


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("ASCII", "ascii"),
        ("8859/1", "iso8859_1"),
        ("8859/15", "iso8859_15"),
        ("ISO-8859-1", "iso8859_1"),
        ("ISO IR87", "iso2022_jp"),
        ("UNICODE UTF-8", "utf-8"),
        ("UTF-8", "utf-8"),
        ("unicode", "utf-8"),
        ("GB 18030-2000", "gb18030"),
        ("KS X 1001", "euc_kr"),
        ("BIG-5", "big5"),
        ("windows-1252", "cp1252"),
    ],
)
def test_names_of_table_0211_and_their_kin_are_known(name: str, codec: str) -> None:
    assert codec_of(name) == codec


@pytest.mark.parametrize(
    ("name", "value", "meant", "codes"),
    [
        ("UNICODE UTF-8", "Øst".encode(), "Øst", []),
        ("8859/1", "Øst".encode("latin-1"), "Øst", []),
        ("8859/2", "Łódź".encode("iso8859_2"), "Łódź", []),
        ("GB 18030-2000", "李明".encode("gb18030"), "李明", []),
        ("", b"Ost", "Ost", []),
        ("ASCII", b"Ost", "Ost", []),
        ("", "Øst".encode(), "Øst", ["hl7v2.charset-assumed"]),
        ("", "Øst".encode("cp1252"), "Øst", ["hl7v2.charset-assumed"]),
        ("ASCII", "Øst".encode(), "Øst", ["hl7v2.charset-mismatch"]),
        ("UNICODE UTF-8", "Øst".encode("cp1252"), "Øst", ["hl7v2.charset-mismatch"]),
        ("UTF-8", b"\x81\x8d", "\ufffd\ufffd", ["hl7v2.charset-mismatch"]),
        ("EBCDIC", b"Ost", "Ost", ["hl7v2.charset-unknown"]),
        ("8859/1~ISO IR87", b"Ost", "Ost", []),
    ],
)
def test_bytes_are_read_by_the_set_that_is_named(name: str, value: bytes, meant: str, codes: list[str]) -> None:
    assert family(sent(name, value)) == (meant, codes)

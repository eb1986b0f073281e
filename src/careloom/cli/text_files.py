"""Texts that a command is given: a file, or standard input."""

import sys
from pathlib import Path

STANDARD_INPUT = "-"


def text_of(file: str, most_bytes: int) -> str:
    """What a file says. raises NotFound, InputError, TooLarge; FormatError unless it is UTF-8."""
    from careloom.errors import FormatError, InputError, NotFound, TooLarge

    try:
        if file == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(most_bytes + 1)
        else:
            with Path(file).open("rb") as stream:
                raw = stream.read(most_bytes + 1)
    except FileNotFoundError:
        raise NotFound("the file is not there", "Check its spelling, or give the text on standard input: -") from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({type(error).__name__})", "Check its owner and mode.") from None
    if len(raw) > most_bytes:
        raise TooLarge(f"the file has more than {most_bytes:,} bytes", "Ingest it, or give it in parts.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"the file is no UTF-8 at byte {error.start:,}", "Write it in UTF-8.") from None

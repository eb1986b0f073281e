"""Which files a model version may consist of: text, JSON, safetensors and ONNX, or an archive of those. Never a pickle.

To load a pickle is to run what its author wrote (Python documentation, module pickle); so no version holds one, by name
or by content, and nothing that serves a model can load one.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping

import orjson

from careloom.errors import FormatError

ENDINGS = (".json", ".jsonl", ".txt", ".md", ".toml", ".csv", ".safetensors", ".onnx", ".zip")
"""Endings of files that may stand in a version."""
PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".npy", ".npz", ".dill", ".cloudpickle", ".h5")
"""Endings by which pickles, and what may hide one, are known."""
LARGEST_BYTES = 4 << 30
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*){0,3}")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"(\xb5/\xfd", b"x\x9c", b"x\x01", b"x\xda", b"ZF")
"""How gzip, bzip2, xz, Zstandard, zlib and the container of joblib begin: what is in them cannot be seen."""
_LOOK_BYTES = 1 << 20
_IMPORT = re.compile(r"[A-Za-z_][\w.]* [A-Za-z_][\w.]*")
_REMEDY = f"Keep a version in files that end with one of {' '.join(ENDINGS)}; see docs/reference/models.md."


def require_safe(files: Mapping[str, bytes]) -> None:
    """Returns where every file may stand in a version.

    files   name, with slashes for folders -> content
    raises  FormatError that names the first file that may not, and why
    """
    if not files:
        raise FormatError("the model has no file", "Give at least one.")
    for name, content in files.items():
        if why := refusal(name, content):
            raise FormatError(f"{name}: {why}", _REMEDY)


def refusal(name: str, content: bytes) -> str:
    """Why a file may not stand in a version; empty where it may."""
    if _NAME.fullmatch(name) is None or len(name) > 120:
        return "a file name is letters, digits, dots, dashes, underscores, and up to three folders"
    ending = "." + name.rpartition(".")[2].lower()
    if ending in PICKLES:
        return "it is a pickle by its name, or may hide one"
    if ending not in ENDINGS:
        return f"files that end with {ending} are not known to be safe"
    if len(content) > LARGEST_BYTES:
        return "it is longer than any model that is served here"
    return _content_refusal(ending, content)


def _content_refusal(ending: str, content: bytes) -> str:
    if is_pickle(content):
        return "its content is a pickle, whatever its name says"
    if ending == ".zip":
        return _archive_refusal(content)
    if content.startswith((b"PK\x03\x04", *_COMPRESSED)) and ending != ".onnx":
        return "its content is packed, and cannot be seen through"
    if ending == ".safetensors":
        return _tensors_refusal(content)
    return "" if ending == ".onnx" else _text_refusal(ending, content)


def _text_refusal(ending: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8")
        if ending == ".json":
            orjson.loads(content)
    except ValueError:
        return f"it is no {'JSON' if ending == '.json' else 'UTF-8 text'}"
    return "it holds zero bytes, as no text does" if "\0" in text else ""


def _tensors_refusal(content: bytes) -> str:
    """safetensors: 8 bytes of length (little endian), so much JSON, then numbers. Its own description of the format."""
    length = int.from_bytes(content[:8], "little")
    try:
        header = orjson.loads(content[8 : 8 + length])
    except ValueError:
        header = None
    if len(content) < 8 + length or not isinstance(header, dict):
        return "it is no safetensors file"
    return ""


def _archive_refusal(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_BYTES:
                return "it unpacks to more than any model that is served here"
            for one in archive.infolist():
                inner = "" if one.is_dir() else _member_refusal(one.filename, archive.read(one))
                if inner:
                    return f"in it, a file may not stand there: {inner}"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError):
        return "it is no zip archive that can be read"
    return ""


def _member_refusal(name: str, content: bytes) -> str:
    """An archive in an archive is refused; a compressed member keeps the ending below its own (``words.json.gz``)."""
    if name.lower().endswith(".zip"):
        return "an archive in an archive cannot be seen through"
    if "." not in name:
        return _content_refusal(".txt", content)
    return refusal(name, content)


def is_pickle(content: bytes) -> bool:
    """True for what `pickle.load` would run, or would have run something of before it fails.

    Protocols 2 to 5 are told by their first bytes; 0 and 1, which are text, by their opcodes: where these reach the
    end, or name something to import and then call it. Opcodes are read by the module pickletools; nothing is run.
    """
    if len(content) > 1 and content[0] == 0x80 and content[1] <= 5:
        return True
    try:
        pickletools.dis(content[:_LOOK_BYTES], out=io.StringIO())
    except (ValueError, IndexError, KeyError, AttributeError):
        return _calls_something(content)
    return True


def _calls_something(content: bytes) -> bool:
    """True where opcodes, as far as they are some, import by a name and call what they got."""
    is_imported = False
    try:
        for opcode, argument, _ in pickletools.genops(content[:_LOOK_BYTES]):
            named = opcode.name in ("GLOBAL", "INST") and _IMPORT.fullmatch(str(argument)) is not None
            if is_imported and opcode.name in ("REDUCE", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"):
                return True
            is_imported = is_imported or named
    except (ValueError, IndexError, KeyError, AttributeError):
        pass
    return False

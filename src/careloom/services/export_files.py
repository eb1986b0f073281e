"""Export to a folder, for whoever operates this machine: the same files and manifest, in the clear."""

import os
from pathlib import Path
from typing import Any

import orjson

from careloom.errors import InputError, IntegrityError, SetupError
from careloom.services.access import Principal
from careloom.services.export import Watch, export, exports_of
from careloom.services.export_ask import ExportAsk
from careloom.services.exports import disclosed, manifest_of, permitted, remove
from careloom.services.platform import Platform


def export_to_folder(
    platform: Platform, who: Principal, ask: ExportAsk, folder: Path, watch: Watch | None = None
) -> dict[str, Any]:
    """The manifest of an export whose files lie in a new folder that only its owner may enter.

    raises  AccessError; QueryError; InputError if the folder is there; SetupError if the disk does not take it: nothing
            of it is to be used then
    """
    ask = permitted(platform, who, ask)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise InputError("the folder for the export is there already", "Name a new one.") from None
    except OSError as error:
        raise SetupError(f"the folder cannot be made ({type(error).__name__})", "Name another place.") from None
    export_id = platform.run_id()
    try:
        export(platform, who, ask, export_id, watch)
        state = exports_of(platform).find(export_id)
        if state is None:
            raise IntegrityError("the files of the export are gone", "Export again.")
        for file in list(state.files):
            fetched = disclosed(platform, who, export_id, state, file.name)
            _write(folder / file.name, fetched.pieces)
        manifest = manifest_of(exports_of(platform).find(export_id) or state, ".")
        for told in (*manifest["output"], *manifest["deleted"]):
            told["url"] = told["url"].removeprefix("./")
        manifest["requiresAccessToken"] = False
        _write(
            folder / "manifest.json", [orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)]
        )
    finally:
        remove(platform, export_id)
    return manifest


def _write(path: Path, pieces: Any) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for piece in pieces:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise SetupError(
            f"the disk does not take the export ({type(error).__name__})", "Free space, and export again."
        ) from None

"""Synthea's resources as one NDJSON, repeated under fresh ids until it is as large as asked.

Usage: python bench/make_ndjson.py OUT BYTES
"""

import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def source_resources(suites: Path) -> list[dict[str, Any]]:
    """Every resource of the Synthea bundles and bulk exports, with bundle references made relative."""
    found: list[dict[str, Any]] = []
    for file in sorted(suites.glob("synthea_bundles/**/*.json.gz")):
        bundle = orjson.loads(gzip.decompress(file.read_bytes()))
        entries = bundle.get("entry", [])
        names = {
            e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries if "fullUrl" in e
        }
        for entry in entries:
            text = orjson.dumps(entry["resource"]).decode()
            for url, name in names.items():
                if url in text:
                    text = text.replace(url, name)
            found.append(orjson.loads(text))
    for file in sorted(suites.glob("synthea_bulk_ndjson/**/*.ndjson.gz")):
        found += [orjson.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines() if line]
    return [r for r in found if "?" not in orjson.dumps(r).decode() or r["resourceType"] != "Bundle"]


def fresh(resources: list[dict[str, Any]]) -> Iterator[bytes]:
    """Lines without end: round after round, every id and reference with the round's number behind it."""
    lines = [orjson.dumps(r) for r in resources]
    ids = [str(r["id"]).encode() for r in resources]
    number = 0
    while True:
        suffix = b"-%d" % number
        for line, own in zip(lines, ids, strict=True):
            if number == 0:
                yield line
                continue
            resource = orjson.loads(line.replace(own, own + suffix))
            _suffix_references(resource, suffix.decode())
            yield orjson.dumps(resource)
        number += 1


def _suffix_references(node: Any, suffix: str) -> None:
    if isinstance(node, dict):
        text = node.get("reference")
        if isinstance(text, str) and "/" in text and not text.endswith(suffix):
            node["reference"] = text + suffix
        for value in node.values():
            _suffix_references(value, suffix)
    elif isinstance(node, list):
        for value in node:
            _suffix_references(value, suffix)


def write_fresh(file: Path, resources: list[dict[str, Any]], *, limit: int = 0, size_bytes: int = 0) -> int:
    """Writes until `limit` lines or `size_bytes` are there; returns the number of lines."""
    written = lines = 0
    with file.open("wb") as stream:
        for line in fresh(resources):
            if (limit and lines >= limit) or (size_bytes and written >= size_bytes):
                break
            stream.write(line + b"\n")
            written += len(line) + 1
            lines += 1
    return lines


if __name__ == "__main__":
    count = write_fresh(
        Path(sys.argv[1]), source_resources(Path(os.environ["CARELOOM_SUITES"])), size_bytes=int(sys.argv[2])
    )
    print(f"{count} lines")

"""The manifest: every file of a bundle with its SHA-256 and size, and the head of the chain.

It is written last; what comes after it is not in it: the manifest itself and the attestation that signs it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from mt5canary.evidence.chain import FIRST

SMALL = 1_048_576

NAME = "manifest.json"
OUTSIDE = frozenset({NAME, "attestation.json"})
SCHEMA = 1


class File(Struct, frozen=True, kw_only=True):
    """One file; its path is relative to the bundle, with forward slashes."""

    path: str
    sha256: str
    bytes: int


class ChainHead(Struct, frozen=True, kw_only=True):
    """How many records the chain's file holds and the hash of its last line."""

    file: str
    count: int
    head: str


class Manifest(Struct, frozen=True, kw_only=True):
    """``manifest.json``."""

    schema: int
    run: str
    chain: ChainHead
    files: list[File]


def take(folder: Path, run: str, chain: str) -> Manifest:
    """Describe a bundle as its files stand now."""
    return Manifest(schema=SCHEMA, run=run, chain=_head(folder / chain), files=files_of(folder))


def files_of(folder: Path) -> list[File]:
    """Every file of a bundle that a manifest names, as they stand now."""
    paths = sorted(path for path in _files_below(str(folder), "") if path not in OUTSIDE)
    return [_file(f"{folder}/{path}", path) for path in paths]


def _files_below(folder: str, prefix: str) -> Iterator[str]:
    """Every file's path below a folder, links left out; pathlib would take longer than the hashing."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_below(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                yield f"{prefix}{entry.name}"


def _file(place: str, path: str) -> File:
    with open(place, "rb", buffering=0) as file:  # noqa: PTH123 -- see above
        size = os.fstat(file.fileno()).st_size
        # most are small: a buffer for each would cost more than reading them
        digest = hashlib.sha256(file.readall()) if size < SMALL else hashlib.file_digest(file, "sha256")
    return File(path=path, sha256=digest.hexdigest(), bytes=size)


def _head(path: Path) -> ChainHead:
    """The head as the bytes are, so that a broken chain too can be described; ``verify`` checks the links."""
    count, head = 0, FIRST
    with path.open("rb") as file:
        for line in file:
            count, head = count + 1, hashlib.sha256(line).hexdigest()
    return ChainHead(file=path.name, count=count, head=head)


def write(folder: Path, run: str, chain: str) -> Manifest:
    """Write ``manifest.json`` into a bundle."""
    manifest = take(folder, run, chain)
    (folder / NAME).write_bytes(as_stored(manifest))
    return manifest


def as_stored(manifest: Manifest) -> bytes:
    """A manifest as the bytes of its file; the same manifest gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"

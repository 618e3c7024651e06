"""The manifest: every file of a bundle with its SHA-256 and size, and the head of the chain.

It is written last; what comes after it is not in it: the manifest itself and the attestation that signs it.
"""

from __future__ import annotations

import hashlib
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
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    files = [_file(path, folder) for path in paths if path.relative_to(folder).as_posix() not in OUTSIDE]
    return Manifest(schema=SCHEMA, run=run, chain=_head(folder / chain), files=files)


def _file(path: Path, folder: Path) -> File:
    size = path.stat().st_size
    if size < SMALL:  # most are: a buffer for each would cost more than reading them
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(path=path.relative_to(folder).as_posix(), sha256=digest, bytes=size)


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
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    (folder / NAME).write_bytes(text)
    return manifest

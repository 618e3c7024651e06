"""The files of a bundle: all that the manifest names and no other, each as it was, and the signature over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mt5canary.evidence import manifest
from mt5canary.evidence.manifest import Manifest
from mt5canary.evidence.run import CHAIN_NAME
from mt5canary.verify.findings import State, Verification
from mt5canary.verify.reading import Evidence

ATTESTATION = "attestation.json"


def judge_manifest(found: Verification, folder: Path, evidence: Evidence) -> Manifest | None:
    """Hold every file against the manifest, and the manifest's head against the chain; None where there is none."""
    try:
        content = (folder / manifest.NAME).read_bytes()
        stored = msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError:
        found.add("manifest", State.MISSING, "there is no manifest.json: the run ended before its last act")
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        found.add("manifest", State.CONTRADICTED, f"manifest.json cannot be read: {error}")
        return None
    expected = (manifest.SCHEMA, CHAIN_NAME, found.run or stored.run)
    if (stored.schema, stored.chain.file, stored.run) != expected or manifest.as_stored(stored) != content:
        found.add("manifest", State.CONTRADICTED, "manifest.json is not this run's as it is written")
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    for path in links:
        found.add(path.relative_to(folder).as_posix(), State.CONTRADICTED, "it is a link, and a bundle holds none")
    there = {file.path: file for file in manifest.files_of(folder)}
    named = {file.path: file for file in stored.files}
    wrong = 0
    for name in sorted({*there, *named}):
        if name not in there:
            wrong += 1
            found.add(name, State.CONTRADICTED, "the manifest names it, and it is not there")
        elif name not in named:
            wrong += 1
            found.add(name, State.CONTRADICTED, "it is there, and the manifest does not name it")
        elif there[name] != named[name]:
            wrong += 1
            found.add(name, State.CONTRADICTED, "its bytes are not those that the manifest names: it was changed")
    if len(named) != len(stored.files):
        found.add("manifest", State.CONTRADICTED, "manifest.json names a file twice")
    if not wrong and not links:
        found.add("manifest", State.HOLDS, f"{len(named)} files, each as the manifest has it, and no other")
    if evidence.trouble is None and (stored.chain.count, stored.chain.head) != (evidence.count, evidence.head):
        found.add(
            "manifest",
            State.CONTRADICTED,
            f"the manifest knows {stored.chain.count} records that end at {stored.chain.head[:16]}..., the chain has "
            f"{evidence.count} that end at {evidence.head[:16]}...: it was cut, extended or rewritten",
        )
    return stored


def judge_signature(found: Verification, folder: Path, promised: str, public_key: Path | None) -> dict[str, Any] | None:
    """Judge the signature and return the statement that it is over; None where there is none that holds.

    ``promised`` is the fingerprint that the chain's first record names, ``public_key`` the key that the verifier
    brought.
    """
    try:
        stored = (folder / ATTESTATION).read_bytes()
    except FileNotFoundError:
        _unsigned(found, promised, public_key)
        return None
    from mt5canary.evidence import attestation, signing  # here: most bundles are not signed

    try:
        envelope, payload, signature = attestation.opened(stored)
        content = msgspec.json.decode(payload)
    except (attestation.Unreadable, msgspec.DecodeError, UnicodeDecodeError) as error:
        found.add("signature", State.CONTRADICTED, f"{ATTESTATION}: {error}")
        return None
    given = None if public_key is None else signing.read_public(public_key)
    key = given or signing.public_of(envelope.public_key)
    if key is None:
        found.add("signature", State.CONTRADICTED, f"{ATTESTATION} names no key of Ed25519")
        return None
    signed = attestation.pre_authentication(attestation.PAYLOAD_TYPE, payload)
    hints = (envelope.payload_type, envelope.public_key, envelope.signatures[0].keyid)
    if hints != (attestation.PAYLOAD_TYPE, key.ssh_line, key.fingerprint) or not key.verifies(signature, signed):
        found.add("signature", State.CONTRADICTED, f"the signature over it is not that of {key.fingerprint}")
        return None
    if not key.verifies_ssh(envelope.ssh_signature, payload):
        found.add("signature", State.CONTRADICTED, f"the SSH signature is not that of {key.fingerprint}")
        return None
    if promised != key.fingerprint:
        said = f"key {promised}" if promised else "no key"
        found.add("signature", State.CONTRADICTED, f"{key.fingerprint} signed it, and the run began with {said}")
        return None
    found.signed_by = key.fingerprint
    who = (
        "the key that was given"
        if given
        else "the key inside the bundle, which shows that nothing changed since, not who signed: give --public-key"
    )
    found.add("signature", State.HOLDS, f"signed by {key.fingerprint}, {who}")
    if not isinstance(content, dict):
        found.add("signature", State.CONTRADICTED, "what is signed is no statement")
        return None
    return content


def _unsigned(found: Verification, promised: str, public_key: Path | None) -> None:
    if public_key is not None:
        found.add("signature", State.CONTRADICTED, f"a key was given, and there is no {ATTESTATION}")
    elif promised:
        text = f"the run began with key {promised}, and there is no {ATTESTATION}"
        state = State.CONTRADICTED if (found.items and _is_closed(found)) else State.MISSING
        found.add("signature", state, text)
    else:
        found.add(
            "signature",
            State.NOT_JUDGED,
            "not signed: a chain cut or rewritten as a whole, with its manifest remade, cannot be told from this one",
        )


def _is_closed(found: Verification) -> bool:
    """Whether the run came to its last act, where it would have signed."""
    return not any(item.subject == "manifest" and item.state is State.MISSING for item in found.items)


def judge_statement(found: Verification, content: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """Hold what was signed against the statement that the bundle gives again; None where it gives none."""
    if expected is None:
        found.add("statement", State.CONTRADICTED, "it is signed, and the records do not amount to what is signed")
        return
    wrong = sorted(_differing("", _by_name(expected), _by_name(content)))
    if wrong:
        found.add("statement", State.CONTRADICTED, f"signed for another {', '.join(wrong[:5])}")
    else:
        found.add("statement", State.HOLDS, "it names these files, this chain's head and length, and this verdict")


def _by_name(statement: dict[str, Any]) -> dict[str, Any]:
    """A statement with its subjects by name, so that the one that differs can be named."""
    subjects = statement.get("subject")
    if not isinstance(subjects, list):
        return statement
    named = {str(each.get("name")): each for each in subjects if isinstance(each, dict)}
    return {**statement, "subject": named if len(named) == len(subjects) else subjects}


def _differing(path: str, expected: Any, signed: Any) -> Iterator[str]:
    """The members in which two statements differ."""
    if isinstance(expected, dict) and isinstance(signed, dict):
        for name in {*expected, *signed}:
            yield from _differing(f"{path} {name}".strip(), expected.get(name), signed.get(name))
    elif expected != signed:
        yield path

"""The attestation: an in-toto statement about a bundle, in a DSSE envelope, signed with Ed25519.

The statement's subjects are the bundle's files, ``manifest.json`` among them; its predicate is in-toto's test result
(https://in-toto.io/attestation/test-result/v0.1) with one member more, ``mt5canary``, for what that predicate lacks:
which criteria were required, what each came to, how many, the chain's head and number of records, the challenge. The
envelope is DSSE's (https://github.com/secure-systems-lab/dsse): the signature is over the payload's bytes as they are
stored, so nothing is ever serialised again to be verified. Beside it stands an SSH signature of the same bytes, and
the public key, for ``ssh-keygen`` and ``openssl``. The key in a bundle shows that the bundle was not changed since it
was signed; by whom, only a key from elsewhere can show.

A rehearsal that passed is ``WARNED``, never ``PASSED``: whoever reads that one word must not take it for a broker's.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mt5canary.evidence.manifest import NAME as MANIFEST
from mt5canary.evidence.manifest import Manifest
from mt5canary.evidence.provenance import Provenance
from mt5canary.evidence.signing import SigningKey
from mt5canary.evidence.verdict import Verdict
from mt5canary.measurement import Outcome

NAME = "attestation.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"


class Signature(Struct, frozen=True, kw_only=True):
    """One DSSE signature; ``keyid`` is the key's OpenSSH fingerprint, a hint alone."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True, kw_only=True, rename="camel"):
    """``attestation.json``: DSSE's three members, and two that DSSE's readers pass over."""

    payload_type: str
    payload: str
    signatures: list[Signature]
    ssh_signature: str = ""
    public_key: str = ""


def pre_authentication(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature is over (DSSE protocol, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def statement(
    manifest: Manifest,
    manifest_bytes: bytes,
    verdict: Verdict,
    challenge: str,
    code: Provenance,
    first_record: bytes,
) -> dict[str, Any]:
    """What is attested of a bundle, as plain JSON."""
    outcomes = {result.id: str(result.outcome) for result in verdict.criteria}
    plan = next((file.sha256 for file in manifest.files if file.path == "plan.yaml"), "")
    passed = [result.id for result in verdict.criteria if result.outcome is Outcome.PASS]
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            _resource(MANIFEST, hashlib.sha256(manifest_bytes).hexdigest()),
            *(_resource(file.path, file.sha256) for file in manifest.files),
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": result_word(verdict),
            "configuration": [
                _resource("plan", plan),
                _resource("code", code.code_sha256),
                _resource("environment", hashlib.sha256(first_record).hexdigest()),
            ],
            "passedTests": passed,
            "failedTests": [name for name in outcomes if name not in passed],
            "mt5canary": {
                "run": verdict.run,
                "task": verdict.task,
                "mode": verdict.mode,
                "target": verdict.target,
                "rehearsal": verdict.rehearsal,
                "verdict": str(verdict.verdict),
                "decidedBy": verdict.decided_by,
                "required": list(outcomes),
                "outcomes": outcomes,
                "counts": dict(Counter(outcomes.values())),
                "chain": msgspec.to_builtins(manifest.chain),
                "challenge": challenge,
                "code": msgspec.to_builtins(code),
            },
        },
    }


def result_word(verdict: Verdict) -> str:
    """The verdict in the predicate's own words: what was not proven did not pass, and a rehearsal is no pass."""
    if verdict.verdict is not Outcome.PASS:
        return "FAILED"
    return "WARNED" if verdict.rehearsal else "PASSED"


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def seal(content: dict[str, Any], key: SigningKey) -> Envelope:
    """Sign a statement."""
    payload = msgspec.json.encode(content)
    signature = key.sign(pre_authentication(PAYLOAD_TYPE, payload))
    return Envelope(
        payload_type=PAYLOAD_TYPE,
        payload=base64.b64encode(payload).decode(),
        signatures=[Signature(keyid=key.public.fingerprint, sig=base64.b64encode(signature).decode())],
        ssh_signature=key.sign_ssh(payload),
        public_key=key.public.ssh_line,
    )


def write(folder: Path, envelope: Envelope) -> None:
    """Write ``attestation.json`` into a bundle."""
    (folder / NAME).write_bytes(as_stored(envelope))


def as_stored(envelope: Envelope) -> bytes:
    """An envelope as the bytes of its file; the same envelope gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"


class Unreadable(Exception):
    """The bytes are no attestation of ours; the text says why."""


def opened(stored: bytes) -> tuple[Envelope, bytes, bytes]:
    """An envelope from its file's bytes, with its payload and signature; raises Unreadable.

    Only what ``as_stored`` writes is read: JSON and base64 have many spellings of one content, and a byte that can be
    changed without a trace is one too many.
    """
    try:
        envelope = msgspec.json.decode(stored, type=Envelope)
        payload = base64.b64decode(envelope.payload, validate=True)
        (only,) = envelope.signatures
        signature = base64.b64decode(only.sig, validate=True)
    except (ValueError, UnicodeDecodeError) as error:
        raise Unreadable(f"it cannot be read: {error}") from None
    again = replace(
        envelope,
        payload=base64.b64encode(payload).decode(),
        signatures=[Signature(keyid=only.keyid, sig=base64.b64encode(signature).decode())],
    )
    if as_stored(again) != stored:
        raise Unreadable("its bytes are not as they are written")
    return envelope, payload, signature

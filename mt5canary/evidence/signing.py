"""Signing keys: Ed25519, in the files that ``ssh-keygen`` and ``openssl`` read.

A key pair is three files beside each other: ``signing.key`` (OpenSSH private key, for its owner alone), ``signing.pub``
(OpenSSH public line) and ``signing.pem`` (the same public key for ``openssl``). A key is named by its OpenSSH
fingerprint, ``SHA256:...``, which ``ssh-keygen -lf`` prints.

``cryptography`` is imported where something is signed or verified and nowhere else: it costs a fifth of a preflight.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from mt5canary.errors import UsageProblem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAMESPACE = "mt5canary"
"""What an SSH signature of ours is for: ``ssh-keygen -Y verify -n mt5canary``. One made for another use is refused."""

PRIVATE_NAME, PUBLIC_NAME, PEM_NAME = "signing.key", "signing.pub", "signing.pem"
_KIND = b"ssh-ed25519"
_ARMOUR = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----")


class PublicKey:
    """The public half: it verifies, and knows its name."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @property
    def raw(self) -> bytes:
        """The key's 32 bytes (RFC 8032)."""
        return self._key.public_bytes_raw()

    @property
    def fingerprint(self) -> str:
        """The key's name: SHA-256 of its OpenSSH form, as ``ssh-keygen -lf`` writes it."""
        digest = base64.b64encode(hashlib.sha256(self.ssh_blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"

    @property
    def ssh_blob(self) -> bytes:
        """The key as OpenSSH has it on the wire (RFC 8709)."""
        return _string(_KIND) + _string(self.raw)

    @property
    def ssh_line(self) -> str:
        """The key as one line of an OpenSSH public key file, without its end."""
        return f"ssh-ed25519 {base64.b64encode(self.ssh_blob).decode()}"

    @property
    def pem(self) -> str:
        """The key as ``openssl`` reads it."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether a signature is this key's over these bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def verifies_ssh(self, armoured: str, message: bytes) -> bool:
        """Whether an SSH signature (``ssh-keygen -Y``) is this key's over these bytes, made for this purpose."""
        try:
            blob = base64.b64decode("".join(armoured.splitlines()[1:-1]), validate=True)
        except ValueError:
            return False
        signature = blob[len(_ssh_blob(self, b"")) :]
        is_ours = blob == _ssh_blob(self, signature) and armoured == _armoured(blob)
        return is_ours and self.verifies(signature, _ssh_signed(message))


class SigningKey:
    """The private half; its text never shows it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"

    def sign(self, message: bytes) -> bytes:
        """Sign bytes (RFC 8032)."""
        return self._key.sign(message)

    def sign_ssh(self, message: bytes) -> str:
        """Sign bytes as ``ssh-keygen -Y sign -n mt5canary`` does (OpenSSH's PROTOCOL.sshsig)."""
        return _armoured(_ssh_blob(self.public, self.sign(_ssh_signed(message))))

    @property
    def openssh(self) -> str:
        """The private key as OpenSSH's own file, unencrypted."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _armoured(blob: bytes) -> str:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join([_ARMOUR[0], *lines, _ARMOUR[1]]) + "\n"


def _ssh_head(public: PublicKey) -> bytes:
    parts = (public.ssh_blob, NAMESPACE.encode(), b"", b"sha512")
    return b"SSHSIG" + struct.pack(">I", 1) + b"".join(map(_string, parts))


def _ssh_blob(public: PublicKey, signature: bytes) -> bytes:
    return _ssh_head(public) + _string(_string(_KIND) + _string(signature))


def _ssh_signed(message: bytes) -> bytes:
    parts = (NAMESPACE.encode(), b"", b"sha512", hashlib.sha512(message).digest())
    return b"SSHSIG" + b"".join(map(_string, parts))


def new_key() -> SigningKey:
    """Make a new key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return SigningKey(Ed25519PrivateKey.generate())


def read_private(path: Path) -> SigningKey:
    """Read a signing key (OpenSSH's file or PEM); raises UsageProblem where it cannot be used."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    content = _read(path, "signing key")
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in content else load_pem_private_key
    try:
        key = load(content, password=None)
    except TypeError:
        raise UsageProblem(
            f"the signing key {path} is locked by a passphrase, and a run cannot ask for it; give one without"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageProblem(f"the signing key {path} is no private key; `mt5canary keygen DIR` makes one") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageProblem(f"the signing key {path} is not of Ed25519; `mt5canary keygen DIR` makes one")
    return SigningKey(key)


def read_public(path: Path) -> PublicKey:
    """Read a public key (an OpenSSH line or PEM); raises UsageProblem where it cannot be used."""
    content = _read(path, "public key")
    if b"PRIVATE KEY" in content:
        raise UsageProblem(f"{path} is a private key; name the public one, such as {PUBLIC_NAME}")
    key = _parse_public(content)
    if key is None:
        raise UsageProblem(f"the public key {path} is no Ed25519 key in a line of OpenSSH or in PEM")
    return key


def public_of(line: str) -> PublicKey | None:
    """The key of an OpenSSH line; None where it is none of Ed25519."""
    return _parse_public(line.encode())


def _parse_public(content: bytes) -> PublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    try:
        key = load_pem_public_key(content) if b"-----BEGIN" in content else load_ssh_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return PublicKey(key) if isinstance(key, Ed25519PublicKey) else None


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageProblem(f"the {what} {path} cannot be read: {error.strerror or error}") from None

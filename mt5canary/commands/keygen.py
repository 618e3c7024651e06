"""``mt5canary keygen``: the shared secret of the risk signature, the CURVE keys of both ends, the signing key.

The signing key belongs to the node alone: where the others are made on the gateway, ``--only link`` leaves it out.
"""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

from mt5canary.errors import UsageProblem
from mt5canary.evidence import signing

PRIVATE = 0o600  # read and written by its owner alone; Windows takes the folder's rights instead


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="where the keys are written; made where missing")
    parser.add_argument(
        "--only",
        choices=["link", "signing"],
        help="link: the shared secret and the CURVE keys; signing: the key pair that signs a run's evidence",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the keys. Raises UsageProblem where a file is already there: keys are never overwritten."""
    folder: Path = arguments.directory
    made = [make() for name, make in (("link", _link), ("signing", _signing)) if arguments.only in (None, name)]
    files = {folder / name: content for contents, _ in made for name, content in contents.items()}
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageProblem(f"already there and not overwritten: {', '.join(there)}")
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, content)
    except OSError as error:
        raise UsageProblem(f"{folder}: {error}") from None
    print("\n".join([f"written to {folder}:", *(line for _, lines in made for line in lines)]))
    return 0


def _link() -> tuple[dict[str, str], list[str]]:
    """The files that both ends of the link need, and what each is for."""
    import zmq

    server_public, server_secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    files = {
        "risk.secret": secrets.token_hex(32) + "\n",
        "gateway.key_secret": _certificate(server_public, server_secret),
        "gateway.key": _certificate(server_public),
        "client.key_secret": _certificate(client_public, client_secret),
        "clients/client.key": _certificate(client_public),
    }
    return files, [
        "  risk.secret          for both ends: --risk-secret-file here, RISK_SECRET at the client",
        "  gateway.key_secret   for the gateway alone: --curve-key",
        "  clients/client.key   for the gateway: --curve-allow clients/",
        "  client.key_secret    for the client alone: curve.client_key_file in the plan",
        f"  gateway.key          public; curve.server_key in the plan is {server_public.decode()}",
    ]


def _signing() -> tuple[dict[str, str], list[str]]:
    """The files of the key that signs evidence, and what each is for."""
    key = signing.new_key()
    files = {
        signing.PRIVATE_NAME: key.openssh,
        signing.PUBLIC_NAME: key.public.ssh_line + " mt5canary\n",
        signing.PEM_NAME: key.public.pem,
    }
    return files, [
        "  signing.key          for the client alone: evidence.signing_key in the plan, or --signing-key",
        "  signing.pub          public; give it to whoever will verify: mt5canary verify --public-key signing.pub",
        f"  signing.pem          the same for openssl; its fingerprint is {key.public.fingerprint}",
    ]


def _certificate(public: bytes, secret: bytes | None = None) -> str:
    """A key in ZeroMQ's certificate format."""
    kind = "public" if secret is None else "secret: keep it to yourself"
    lines = [f"# ZeroMQ CURVE certificate, {kind}", "metadata", "curve", f'    public-key = "{public.decode()}"']
    if secret is not None:
        lines.append(f'    secret-key = "{secret.decode()}"')
    return "\n".join(lines) + "\n"


def _write(path: Path, content: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w", encoding="ascii") as file:
        file.write(content)

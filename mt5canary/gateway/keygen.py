"""``mt5canary keygen``: the shared secret of the risk signature and the CURVE keys of both ends."""

from __future__ import annotations

import argparse
import os
import secrets
from pathlib import Path

from mt5canary.errors import UsageProblem

PRIVATE = 0o600  # read and written by its owner alone; Windows takes the folder's rights instead


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="where the keys are written; made where missing")


def run(arguments: argparse.Namespace) -> int:
    """Write the keys. Raises UsageProblem where a file is already there: keys are never overwritten."""
    import zmq

    folder: Path = arguments.directory
    server_public, server_secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()
    files = {
        folder / "risk.secret": secrets.token_hex(32) + "\n",
        folder / "gateway.key_secret": _certificate(server_public, server_secret),
        folder / "gateway.key": _certificate(server_public),
        folder / "client.key_secret": _certificate(client_public, client_secret),
        folder / "clients" / "client.key": _certificate(client_public),
    }
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageProblem(f"already there and not overwritten: {', '.join(there)}")
    try:
        (folder / "clients").mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            _write(path, content)
    except OSError as error:
        raise UsageProblem(f"{folder}: {error}") from None
    print(
        f"written to {folder}:\n"
        "  risk.secret          for both ends: --risk-secret-file here, RISK_SECRET at the client\n"
        "  gateway.key_secret   for the gateway alone: --curve-key\n"
        "  clients/client.key   for the gateway: --curve-allow clients/\n"
        "  client.key_secret    for the client alone: curve.client_key_file in the plan\n"
        f"  gateway.key          public; curve.server_key in the plan is {server_public.decode()}"
    )
    return 0


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

"""What a plan says of its target, as the link takes it: the way there with its keys, and the shared secret."""

from __future__ import annotations

from mt5canary.errors import UsageProblem
from mt5canary.link.connection import CurveKeys, Route
from mt5canary.plan import Curve, Endpoint, Resolved
from mt5canary.wire.signature import SignatureError, read_secret


def route_of(resolved: Resolved, address: str | None = None) -> Route:
    """The way to a target that somebody else runs, by its name or by an address that the name stood for.

    Raises UsageProblem where its keys cannot be read.
    """
    return route_to(resolved, resolved.target, address)


def route_to(resolved: Resolved, endpoint: Endpoint, address: str | None = None) -> Route:
    """The way to the target or to its witness; raises UsageProblem where its keys cannot be read."""
    there = address or str(endpoint.host)
    host = f"[{there}]" if ":" in there else there
    return Route(url=f"tcp://{host}:{endpoint.port}", source=endpoint.source, curve=_curve(resolved, endpoint.curve))


def secret_of(resolved: Resolved) -> bytes:
    """The secret shared with a target; raises UsageProblem where the plan has none that can be used."""
    given = resolved.target.risk_secret
    if given is None:
        raise UsageProblem(
            f"target {resolved.name} has no risk_secret: nothing can be signed; put RISK_SECRET into .env"
        )
    try:
        return read_secret(given.get_secret_value().encode())
    except SignatureError as error:
        raise UsageProblem(f"target {resolved.name}: {error}") from None


def _curve(resolved: Resolved, declared: Curve | None) -> CurveKeys | None:
    if declared is None:
        return None
    from zmq.auth import load_certificate

    path = resolved.path(declared.client_key_file)
    try:
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        raise UsageProblem(f"the CURVE key {path} cannot be read: {error}") from None
    if secret is None:
        raise UsageProblem(f"the CURVE key {path} holds no secret key")
    return CurveKeys(server=declared.server_key.encode(), client=public, client_secret=secret)

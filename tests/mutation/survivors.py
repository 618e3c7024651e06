"""Mutants that no test notices, and why that is no hole."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "link/identity.py:connection_completed:passes:equal('CURVE handshake completed with the pinned key', True, True)": (
        "The mutant does what the module does: without the handshake there is no connection whose ends could be "
        "judged, and L2 fails by the exception; the measurement says so to a reader."
    ),
    "link/remoteness.py:is_declared_tunnel:passes:"
    "equal('CURVE key pinned for the gateway beyond the tunnel', True, True)": (
        "The mutant does what the module does: it stands in the branch in which the plan has the key, and the other "
        "branch, UNPROVEN without one, is tested."
    ),
    "order/sizing.py:_not_below_the_minimum:passes:at_least(name, asked, smallest, 'lot')": (
        "The mutant does what the module does: it stands behind `asked >= smallest`, and the branch for a smaller "
        "volume, a failure with the choices, is tested."
    ),
    "order/proof.py:ledger_balances:passes:at_least('deals in the ledger', len(deals), 1)": (
        "The mutant does what the module does: it stands behind `if deals`, and the branch without any, UNPROVEN, "
        "is tested."
    ),
    "guardian/judgement.py:_drift_of:turned:"
    "by_rule(f'independent rows of {name}', rows, Outcome.UNPROVEN, text, samples=few.rows)": (
        "The mutant does what the module does: what is turned over is PASS and FAIL, and this measurement is always "
        "UNPROVEN; that it never passes is tested."
    ),
    "order/witness.py:stands_apart:passes:"
    "equal('addresses that witness and gateway share', len(shared), 0, samples=len(witness.addresses))": (
        "The mutant does what the module does: where an address is shared the measurement is replaced by one that is "
        "UNPROVEN, which is tested."
    ),
}

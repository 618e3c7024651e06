"""``mt5canary close-all``: the emergency exit, from any process, with a run going on, hung or dead."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import msgspec

from mt5canary.commands.asking import answered
from mt5canary.errors import Finding, UsageProblem
from mt5canary.guardian.breaker import Breaker
from mt5canary.plan import Resolved
from mt5canary.plan.rescue import load_for_rescue
from mt5canary.reaching import emergency_exit, require_lasting, state_of

REASON = "close-all was called"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--plan", metavar="FILE", type=Path, default=Path("canary.yaml"), help="the plan")
    parser.add_argument("--target", metavar="NAME", help="another of the plan's targets")
    parser.add_argument("--everything", action="store_true", help="every position of the account, whosever it is")
    parser.add_argument("--yes", action="store_true", help="do not ask; for --everything say --login too")
    parser.add_argument("--json", action="store_true", help="for machines")
    reach = parser.add_argument_group("without a plan that can be used")
    reach.add_argument("--host", help="the gateway's name or address")
    reach.add_argument("--port", help="its port")
    reach.add_argument("--login", help="the account's number")
    reach.add_argument("--server", help="the trade server's name")
    reach.add_argument("--magic", help="the plan's magic number")
    reach.add_argument("--secret-file", metavar="FILE", type=Path, help="the secret shared with the gateway")


def run(arguments: argparse.Namespace) -> int:
    """Close every position of the plan's magic number; exit status 0 only when it is proven that none is left.

    The breaker is opened first and the gateway halted after, so that no run opens anything anew behind it.
    """
    resolved, passed_over = load_for_rescue(arguments.plan, target=arguments.target, said=_said(arguments))
    if passed_over:
        print(passed_over, file=sys.stderr)
    require_lasting(resolved)
    _be_sure(arguments, resolved)
    try:
        Breaker(state_of(resolved)).trip(REASON)
    except (OSError, Finding) as error:  # a full disk must not keep a position open
        print(f"the breaker could not be opened here: {error}", file=sys.stderr)
    try:
        way_out, remark = emergency_exit(resolved, everything=arguments.everything)
        if remark:
            print(remark, file=sys.stderr)
        result = way_out.flatten(REASON, "mt5canary close-all", halt=True)
    except Finding as finding:
        print(f"NOT KNOWN TO BE FLAT: {finding}", file=sys.stderr)
        return 1
    print(json.dumps(msgspec.structs.asdict(result), indent=2) if arguments.json else result.describe())
    return 0 if result.flat else 1


def _said(arguments: argparse.Namespace) -> dict[str, str]:
    """What the command line says in place of the plan; a login alone is the account typed back."""
    said = {name: getattr(arguments, name) for name in ("host", "port", "server", "magic")}
    if arguments.secret_file is not None:
        try:
            said["risk_secret"] = arguments.secret_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeError) as error:
            raise UsageProblem(f"the secret in {arguments.secret_file} cannot be read: {error}") from None
    found = {name: str(text) for name, text in said.items() if text is not None}
    if found and arguments.login is not None:
        found["login"] = arguments.login
    if arguments.everything and found:
        found.setdefault("magic", "1")  # not looked at: the whole account goes
    return found


def _be_sure(arguments: argparse.Namespace, resolved: Resolved) -> None:
    """Ask before anything is closed; the whole account needs its number typed back, or said by ``--login``."""
    account, magic = resolved.target.account, resolved.plan.order.magic
    where = f"account {account.login} at {account.server}"
    if not arguments.everything:
        if not arguments.yes and answered(f"close every position of magic {magic} on {where}? [yes/no] ") != "yes":
            raise UsageProblem("nothing was done")
        return
    typed = arguments.login
    if typed is None and arguments.yes:
        raise UsageProblem(f"--everything closes whatever is open on {where}: say --login {account.login} with --yes")
    if not arguments.yes:
        typed = answered(f"close EVERY position on {where}, whosever it is? Type the account's number: ")
    if typed != str(account.login):
        raise UsageProblem(f"{typed!r} is not the account's number {account.login}; nothing was done")

"""The command line of a run: which plan, which target, and whether this is a run at all.

``-m preflight`` and ``-m live``, exactly so written, are the two runs. Anything else selects no criterion.
"""

from __future__ import annotations

import gc
from functools import partial, reduce
from operator import getitem
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mt5canary import catalogue
from mt5canary.errors import UsageProblem
from mt5canary.evidence import kill_matrix
from mt5canary.evidence.books import Entry, line
from mt5canary.evidence.run import Run, challenged
from mt5canary.plan import Resolved, load
from mt5canary.rehearsal import own_gateway
from plugins import loading_ahead
from plugins.completion_report import direct_reports
from plugins.keys import CATALOGUE, MODE, OPERATION, RESOLVED, RUN
from plugins.watch_display import address, write
from plugins.working_log import WorkingLog

if TYPE_CHECKING:
    from mt5canary.evidence.signing import SigningKey

REPEATING_OPTIONS = {
    "numprocesses": "it runs under xdist workers (-n)",
    "tx": "it runs under xdist workers (--tx)",
    "looponfail": "it repeats failed tests (--looponfail)",
    "reruns": "it repeats failed tests (--reruns)",
    "force_flaky": "it repeats failed tests (--force-flaky)",
    "count": "it repeats tests (--count)",
}
"""Options of other plugins under which an order could be sent twice or a gate be read by halves."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the harness's own options."""
    group = parser.getgroup("canary", "the canary run")
    group.addoption("--plan", metavar="FILE", default=None, help="the plan; canary.yaml where not said")
    group.addoption("--target", metavar="NAME", default=None, help="another of the plan's targets")
    group.addoption(
        "--signing-key",
        metavar="FILE",
        default=None,
        help="the private key that signs the bundle; with = where it is not in this folder",
    )
    group.addoption(
        "--challenge",
        metavar="TEXT",
        default="",
        help="a text of whoever will verify the run, unknown before it; it goes into the first record and the order",
    )
    group.addoption(
        "--metrics", metavar="HOST:PORT", default=None, help="serve the watch's figures for Prometheus at this address"
    )
    group.addoption(
        "--alert",
        metavar="COMMAND",
        default=None,
        help="run this for each grave event of the watch, with the event as JSON on its standard input",
    )
    group.addoption("--state", metavar="DIR", default=None, help="where journal and breaker live")
    group.addoption(
        "--set",
        metavar="FIELD=VALUE",
        dest="plan_overrides",
        action="append",
        default=[],
        help="another value for a field of the plan, such as limits.watch.for=30s; may be given several times",
    )
    group.addoption(
        "--i-understand-real-money",
        action="store_true",
        dest="real_money",
        help="needed for -m live where the plan expects a real account",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the plan and begin the run, where the command line asks for one; a mistake ends with exit status 4."""
    try:
        _configure(config)
    finally:
        gc.freeze()
        if config.stash.get(MODE, None) != "preflight":  # which is over before there is anything to collect
            gc.enable()


def _configure(config: pytest.Config) -> None:
    markexpr = str(config.getoption("markexpr", "")).strip()
    config.stash[MODE] = mode = markexpr if markexpr in catalogue.MODES else None
    try:
        config.stash[CATALOGUE] = catalogue.load(config.rootpath / "verification" / "catalogue.yaml")
        if mode is None or config.getoption("collectonly") or config.getoption("help", False):
            return
        _refuse_repetition(config, mode)
        resolved = _plan(config)
        _refuse_unasked_money(config, mode, resolved)
        if config.getoption("metrics"):
            address(config.getoption("metrics"))
        challenge = challenged(config.getoption("challenge"))
        key = _signing_key(resolved)
    except UsageProblem as problem:
        raise pytest.UsageError(str(problem)) from None
    config.stash[RESOLVED] = resolved
    _begin(config, mode, resolved, challenge, key)


def _refuse_repetition(config: pytest.Config, mode: str) -> None:
    reasons = [reason for option, reason in REPEATING_OPTIONS.items() if config.getoption(option, None)]
    if config.getoption("dist", "no") != "no" or hasattr(config, "workerinput"):
        reasons.append("it is distributed (--dist)")
    if reasons:
        raise pytest.UsageError(
            f"-m {mode} refuses to start: {'; '.join(reasons)}. A run is one process, in order, once"
        )


def _plan(config: pytest.Config) -> Resolved:
    overrides: dict[str, str] = {}
    for given in config.getoption("plan_overrides"):
        field, separator, value = given.partition("=")
        if not separator:
            raise UsageProblem(f"--set {given}: must be FIELD=VALUE, such as limits.watch.for=30s")
        overrides[field.strip()] = value
    if config.getoption("signing_key"):
        overrides["evidence.signing_key"] = str(Path(config.getoption("signing_key")).absolute())
    given_plan, given_state = config.getoption("plan"), config.getoption("state")
    path = Path(given_plan) if given_plan else config.rootpath / "canary.yaml"
    state = Path(given_state).absolute() if given_state else None
    return load(path, target=config.getoption("target"), overrides=overrides, state=state)


def _refuse_unasked_money(config: pytest.Config, mode: str, resolved: Resolved) -> None:
    if mode == "live" and resolved.target.account.trade_mode == "real" and not config.getoption("real_money"):
        raise UsageProblem(
            f"target {resolved.name} expects a real account: -m live sends a real order there. Say "
            "--i-understand-real-money if that is meant"
        )


def _signing_key(resolved: Resolved) -> SigningKey | None:
    """The key that signs the bundle, read before anything is sent; None where the plan names none."""
    named = resolved.plan.evidence.signing_key
    if named is None:
        return None
    from mt5canary.evidence import signing  # here, with what it costs to load: most runs sign nothing

    return signing.read_private(resolved.path(named))


def _begin(config: pytest.Config, mode: str, resolved: Resolved, challenge: str, key: SigningKey | None) -> None:
    run = Run(
        config.rootpath / "reports",
        mode,
        config.stash[CATALOGUE],
        task=resolved.plan.task,
        target=resolved.name,
        rehearsal=resolved.rehearsal,
        challenge=challenge,
        signed_by="" if key is None else key.public.fingerprint,
    )
    config.stash[RUN] = run
    gateway = own_gateway(resolved, run.folder)
    from mt5canary.operation import Operation  # here, so that it loads while the gateway comes up

    config.stash[OPERATION] = operation = Operation(run, resolved, config.stash[CATALOGUE], gateway)
    direct_reports(config, run, key)
    if config.getoption("verbose") >= 0:
        run.listeners.append(partial(_show, config))
    working_log = WorkingLog(run.folder, Path.cwd())
    config.add_cleanup(working_log.leave_copy)
    config.add_cleanup(operation.finish)
    run.document("plan.yaml", resolved.masked_yaml())
    run.record("settings", {"values": _settings(resolved)})
    matrix = kill_matrix.read(config.rootpath / "verification" / kill_matrix.FILE)
    if matrix is not None:
        run.record(kill_matrix.KIND, matrix)
        loading_ahead.render_soon(matrix, config.getoption("report_language"))
    if key is not None:
        from mt5canary.evidence import provenance

        run.record("provenance", provenance.take(config.rootpath, ask_git=True))
    run.log(
        "run", f"{run.title}: plan {resolved.file.name}, sha256 {resolved.digest}", books=("verify", "live", "physical")
    )


def _show(config: pytest.Config, entry: Entry) -> None:
    """Let a person follow what happens to the order while it happens; -q keeps the terminal to pytest's own lines."""
    if "live" in entry.books:
        write(config, line(entry).rstrip())


def _settings(resolved: Resolved) -> dict[str, dict[str, object]]:
    """Each value in effect with where it came from, secrets masked."""
    masked = resolved.masked()
    return {
        field: {"value": reduce(getitem, field.split("."), masked), "source": source}
        for field, source in resolved.sources.items()
    }


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is run, against what, and where its report will be."""
    run = config.stash.get(RUN, None)
    if run is None:
        return []
    return [run.title, f"report: {run.folder.relative_to(config.rootpath)}/report.html"]

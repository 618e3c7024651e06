"""One live run at a time on an account: between processes, over SIGKILL, and with the way out's watchdog."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mt5canary.order.account_lease import EXPIRES_SECONDS, AccountLease

HOLDER = """\
import sys, pathlib
from mt5canary.order.account_lease import AccountLease
print(AccountLease(pathlib.Path(sys.argv[1]), "Demo", 5).take(sys.argv[2]), flush=True)
sys.stdin.read()
"""


def lease(root: Path, login: int = 5) -> AccountLease:
    return AccountLease(root, "Demo", login)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the account."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "the-first"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "None\n"
    yield process
    process.kill()
    process.communicate()


def test_second_run_is_told_who_holds_the_account(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """Refused by name, process and host; looking does not take it; another account is free."""
    second = lease(tmp_path)
    assert second.take("the-second") == second.why_held()
    assert f"run the-first, process {holder.pid} on " in str(second.why_held())
    assert not second.is_held
    other = lease(tmp_path, login=6)
    assert other.take("the-second") is None
    other.release()


def test_lease_ends_with_its_holder(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """After SIGKILL the account is free at once: nobody has to wait for an expiry on the same host."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    second = lease(tmp_path)
    assert second.why_held() is None
    assert second.take("the-second") is None
    assert second.take("the-second") is None, "it is ours already"
    second.release()
    assert lease(tmp_path).why_held() is None


def test_lease_lasts_as_long_as_the_watchdog(tmp_path: Path) -> None:
    """A process that inherited the lease holds it after the run is gone: its way out is not over."""
    first = lease(tmp_path)
    assert first.take("the-first") is None
    heir = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=(first.descriptor,),
    )
    try:
        first.release()
        assert "run the-first" in str(lease(tmp_path).take("the-second"))
    finally:
        heir.communicate()
    assert lease(tmp_path).why_held() is None


@pytest.mark.parametrize(("expires_in", "held"), [(30, True), (-1, False)])
def test_another_hosts_lease_counts_until_it_expires(tmp_path: Path, expires_in: float, held: bool) -> None:
    """On a shared folder the other host's lock may not be seen here; its record is."""
    record = {"run": "far", "host": "elsewhere", "process": 7, "renewed": time.time(), "expires": time.time()}
    record["expires"] += expires_in
    lease(tmp_path).path.write_text(json.dumps(record))
    taken = lease(tmp_path)
    assert (taken.take("here") is not None) is held
    assert taken.is_held is not held
    taken.release()


@pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b"\xff", b'{"host": "elsewhere", "expires": "never"}'])
def test_record_that_cannot_be_read_neither_holds_nor_breaks(tmp_path: Path, content: bytes) -> None:
    """The lock decides; a torn record is no holder."""
    lease(tmp_path).path.write_bytes(content)
    taken = lease(tmp_path)
    assert taken.take("here") is None
    taken.release()


def test_renewal_moves_the_expiry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of a run that goes on never grows older than a renewal."""
    taken = lease(tmp_path)
    taken.take("here")

    def expiry() -> float:
        record: dict[str, Any] = json.loads(taken.path.read_text())
        return float(record["expires"])

    first = expiry()
    assert first == pytest.approx(time.time() + EXPIRES_SECONDS, abs=5)
    taken.renew()
    assert expiry() == first, "once in a while is enough"
    monkeypatch.setattr("mt5canary.order.account_lease.RENEWAL_SECONDS", 0.0)
    taken.renew()
    assert expiry() > first
    taken.release()


def test_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A lease that cannot be kept is not taken in silence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=os.strerror(errno.EEXIST)):
        lease(tmp_path / "file").take("here")

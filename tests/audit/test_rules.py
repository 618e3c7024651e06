"""The objections: each on what it is there to catch, and silent on what stands."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mt5canary.audit.claims import read
from mt5canary.audit.rules import RULES, audit
from mt5canary.audit.trades import is_closed

HONEST = """\
2026-11-25T12:20:17.613651Z INFO    [account] Balance: 200.00 USD before the order
2026-11-25T12:20:17.646407Z INFO    [order] the gateway answered FILLED, Ticket: 352818949 (E1) after 1.938 ms
2026-11-25T12:20:17.652577Z INFO    [order] ORDER_FILLED Ticket: 352818949 deal 239864020 EURUSD at 1.0862 (history)
2026-11-25T12:20:17.660000Z INFO    [account] Balance: 200.00 USD while the position is open, equity 199.99
2026-11-25T12:20:17.271450Z INFO    [drill] the gateway answered OPEN with ERROR_CODE: HALTED (expected refusal)
2026-11-25T12:20:40.743887Z INFO    [guardian] watched 30.0 s, Latency P99 9.256 ms (n=1500), from when each was due
2026-11-25T12:20:47.819965Z INFO    [order] CLOSED position 352818949 by deal 239864046, profit 0.01, reason EXPERT
2026-11-25T12:20:48.819965Z INFO    [account] Balance: 200.01 USD at the end, 2 deals in between
2026-11-25T12:20:48.919965Z INFO    [link] P99 latency is under the hard limit of 100 ms
2026-11-25T12:20:49.000000Z INFO    [D5] finding: p99_latency_ms is 0 with no number of samples beside it
| G2 | probe latency P99 | 9.25565 ms | < 100 ms | 1500 | PASS |
| limits.latency.p99_ms | 100 | canary.yaml:52 |
gateway 198.51.100.7/24 from 198.51.100.9:48852
"""

FALSE = {
    "an error taken for an answer": [
        'reply: {"status":"ERROR","msg":"Unknown Command"}\nlink verified: SUCCESS',
        "Unknown Command ... connection established",
        'link PASS\n{"error_code": "INVALID_JSON"}',
    ],
    "a percentile without samples": [
        "P99 Latency: 0.0 ms < 100 ms PASS",
        '{"p99_latency_ms": 0,\n "critical_errors": 0}',
        "P99 = 12.5 ms",
        "P99: 12.5 ms (n=40)",
        "| P95 latency | 40.1 ms |",
        "p99_latency_ms=3.2 samples=0",
    ],
    "a ticket without history": ["Ticket: 1100000001 FILLED", '{"ticket": 12345}', "ticket #0, deal 0, history empty"],
    "a balance that moves on opening": [
        "Balance: 200.00\nORDER FILLED EURUSD\nBalance: 190.00",
        "balance 200 -> 190 (order cost)",
        '{"balance_before": 200.0,\n"balance_after": 190.0}',
        "账户余额: 1,200.00\n开仓\n余额: 1,190.00",
    ],
    "an address that is no remote gateway": [
        "gateway 127.0.0.1:5555",
        "host 0.0.0.0",
        "to 239.1.2.3",
        "at 169.254.10.1",
        "netmask 172.19.128.0/20\ngateway 172.19.143.255",
        "gateway 172.19.141.255",
        "net 10.1.2.0/24 host 10.1.2.0",
        "host 300.1.1.1",
    ],
    "a fill while the market was closed": [
        "2026-01-17T03:01:00Z EURUSD FILLED at 1.0850",
        "filled: 2026-01-16 22:30:00\nsymbol: XAUUSD",
        "| EURUSD |\n| 2026-01-18 20:59:59 UTC | ORDER_FILLED |",
    ],
    "times out of order": [
        "2026-01-14T03:00:02Z b\n2026-01-14T03:00:00Z a",
        "[2026-01-14 03:00:02] b\n[2026-01-13 04:00:00] a",
    ],
    "a demo account called real": ["server JustMarkets-Demo2\ntrade_mode == 2", "REAL account at Broker-Demo"],
    "a drift guard without rows": ["PSI: nan GREEN", '"drift_events_24h": 0'],
}


def objections(folder: Path, text: str) -> list[str]:
    """The rules that object to a text."""
    path = folder / "claim.log"
    path.write_text(text, encoding="utf-8")
    return [objection.rule for objection in audit([read(path)])]


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in FALSE.items() for text in texts])
def test_what_proves_nothing_is_objected_to(rule: str, text: str, tmp_path: Path) -> None:
    """Each false claim is caught by its rule."""
    assert rule in objections(tmp_path, text)


def test_every_rule_is_seen_objecting() -> None:
    """There is no rule that nothing above makes object."""
    assert len(FALSE) == len(RULES)


def test_an_honest_log_stands(tmp_path: Path) -> None:
    """A run that was flown, on a weekday, is left alone line by line."""
    assert objections(tmp_path, HONEST) == []


def test_an_honest_log_falls_with_what_backs_it(tmp_path: Path) -> None:
    """Without the lines that show the deals, ticket and balance stand alone."""
    bare = "\n".join(line for line in HONEST.splitlines() if "deal " not in line)
    assert objections(tmp_path, bare) == ["a ticket without history"]
    without_close = "\n".join(line for line in HONEST.splitlines() if "CLOSED" not in line and "deals" not in line)
    moved = without_close + "\nORDER_FILLED deal 239864020\nBalance: 190.00"
    assert objections(tmp_path, moved) == ["a balance that moves on opening"]


def test_a_ticket_may_be_backed_by_another_file(tmp_path: Path) -> None:
    """The files of one audit are read together."""
    report, history = tmp_path / "report.md", tmp_path / "history.log"
    report.write_text("Ticket: 352818949", encoding="utf-8")
    history.write_text("deal 239864020 of order 352818949 in the history", encoding="utf-8")
    assert [each.rule for each in audit([read(report)])] == ["a ticket without history"]
    assert audit([read(report), read(history)]) == []


def test_an_objection_says_where(tmp_path: Path) -> None:
    """File, line, what stands there."""
    path = tmp_path / "claim.log"
    path.write_text("first\nTicket: 77\n", encoding="utf-8")
    (objection,) = audit([read(path)])
    assert (objection.line.file, objection.line.number, objection.line.text) == (str(path), 2, "Ticket: 77")


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        ("2026-07-17T20:59", False),
        ("2026-07-17T21:30", False),
        ("2026-01-16T22:00", True),
        ("2026-01-17T12:00", True),
        ("2026-01-18T20:59", True),
        ("2026-01-18T21:00", False),
        ("2026-01-14T12:00", False),
    ],
)
def test_weekend_of_the_currency_market(moment: str, closed: bool) -> None:
    """Closed is what is closed in New York's summer and winter alike."""
    assert is_closed(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is closed


@given(text=st.text(max_size=400).filter(lambda text: text.strip() and "\0" not in text))
def test_any_text_can_be_audited(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that somebody claims breaks the audit."""
    path = tmp_path_factory.mktemp("claim") / "claim.log"
    path.write_bytes(text.encode("utf-8", "replace"))
    assert all(objection.why for objection in audit([read(path)]))

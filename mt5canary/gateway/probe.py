"""``mt5canary probe``: what a terminal really does, compared with what the simulation assumes.

It asks only for what cannot trade: information, history, and order_check. The open points of mt5-facts section 11
come first. What it finds goes into a file without login, name or money, for its user to send in.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from mt5canary.errors import UsageProblem
from mt5canary.gateway import constants as c
from mt5canary.gateway import installation, results, words

Package = Any
"""The MetaTrader5 package, or the simulation in its place."""

_BOGUS = "NOSUCHSYMBOL"


class Probe(NamedTuple):
    """A question to the terminal, and what the simulation would answer.

    ``ask`` gives the answer in plain values; ``assumed`` says whether the simulation assumes so.
    """

    name: str
    question: str
    ask: Callable[[Package, str], Any]
    assumed: Callable[[Any], bool]


class Skipped(Exception):
    """The terminal's state does not allow the question now; the text says why."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--terminal", choices=("simulated", "metatrader5"), default="metatrader5", help="what to ask")
    installation.configure(parser)
    parser.add_argument("--symbol", default="EURUSD", help="a symbol of the Market Watch; nothing is traded")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="where the findings are written")
    parser.add_argument("--scenario", metavar="NAME_OR_FILE", default="default", help="of the simulated terminal")


def run(arguments: argparse.Namespace) -> int:
    """Ask everything and write the findings. Raises UsageProblem where there is no terminal to ask."""
    place = installation.chosen(arguments)
    package, close = _package(arguments.terminal, arguments.scenario)
    try:
        if not package.initialize(*place.arguments, **place.options):
            raise UsageProblem(f"no terminal to ask: {package.last_error()}")
        findings = [_found(probe, package, arguments.symbol) for probe in PROBES]
        about = {"terminal": arguments.terminal, "version": package.version(), "symbol": arguments.symbol,
                 "time": words.rfc3339(time.time())}  # fmt: skip
    finally:
        package.shutdown()
        close()
    try:
        arguments.out.write_text(json.dumps({"about": about, "findings": findings}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"--out {arguments.out}: {error}") from None
    for finding in findings:
        print(f"{finding['verdict']:>8}  {finding['name']}: {finding['answer']}")
    return 0


def _package(kind: str, scenario: str) -> tuple[Package, Callable[[], None]]:
    if kind == "metatrader5":
        try:
            import MetaTrader5  # type: ignore[import-not-found]
        except ImportError:
            raise UsageProblem("the package MetaTrader5 is not installed here: pip install MetaTrader5") from None
        return MetaTrader5, lambda: None
    import tempfile

    from mt5canary.gateway.simulated.attach import start_simulated

    folder = tempfile.TemporaryDirectory()
    terminal, broker = start_simulated(scenario, Path(folder.name))

    def close() -> None:
        broker.storage.close()
        folder.cleanup()

    return terminal, close


def _found(probe: Probe, package: Package, symbol: str) -> dict[str, Any]:
    finding: dict[str, Any] = {"name": probe.name, "question": probe.question}
    try:
        answer = probe.ask(package, symbol)
        return finding | {"answer": answer, "verdict": "as is" if probe.assumed(answer) else "DIFFERS"}
    except Skipped as skipped:
        return finding | {"answer": str(skipped), "verdict": "skipped"}
    except Exception as error:  # one odd answer must not hide the others
        return finding | {"answer": f"{type(error).__name__}: {error}", "verdict": "DIFFERS"}


# -- asking ---------------------------------------------------------------------------------------------------


def _outcome(package: Package, result: Any) -> list[Any]:
    """Whether a call gave None, and last_error's code."""
    return [None if result is None else "answer", package.last_error()[0]]


def _order(package: Package, symbol: str, **changed: Any) -> dict[str, Any]:
    info = package.symbol_info(symbol)
    if info is None:
        raise Skipped(f"{symbol} is not known here; give another --symbol")
    filling = 0 if info.filling_mode & 1 or info.trade_exemode < 2 else 1
    order = {"action": c.TRADE_ACTION_DEAL, "symbol": symbol, "volume": info.volume_min, "type": c.ORDER_TYPE_BUY,
             "price": info.ask, "deviation": 20, "type_filling": filling, "comment": "probe"}  # fmt: skip
    return order | changed


def _checked(package: Package, request: dict[str, Any]) -> list[Any]:
    """What order_check says: retcode and comment, or None and last_error's code."""
    result = package.order_check(request)
    return [None, package.last_error()[0]] if result is None else [result.retcode, result.comment]


def _longest_comment(package: Package, symbol: str) -> int:
    accepted = [n for n in range(25, 34) if package.order_check(_order(package, symbol, comment="c" * n)) is not None]
    return max(accepted, default=0)


def _off_grid(package: Package, symbol: str) -> list[int]:
    info = package.symbol_info(symbol)
    volumes = (info.volume_min / 2, info.volume_min + info.volume_step / 2, info.volume_max + info.volume_step)
    return [_checked(package, _order(package, symbol, volume=volume))[0] for volume in volumes]


def _wrong_stop(package: Package, symbol: str) -> int:
    order = _order(package, symbol)
    return int(_checked(package, order | {"sl": round(order["price"] * 1.1, 5)})[0])


def _wrong_filling(package: Package, symbol: str) -> int:
    info = package.symbol_info(symbol)
    if info.trade_exemode != c.SYMBOL_TRADE_EXECUTION_MARKET:
        raise Skipped(f"{symbol} is not in market execution")
    return int(_checked(package, _order(package, symbol, type_filling=c.ORDER_FILLING_RETURN))[0])


def _margin(package: Package, symbol: str) -> list[float]:
    """How far order_check's margin, less the account's, is from order_calc_margin; and notional/leverage from it."""
    order, account, info = _order(package, symbol), package.account_info(), package.symbol_info(symbol)
    check = package.order_check(order)
    if check is None or check.retcode != 0:
        raise Skipped("order_check does not accept an order now")
    asked = package.order_calc_margin(order["type"], symbol, order["volume"], order["price"])
    lot = package.order_calc_margin(order["type"], symbol, 1.0, order["price"])  # of a whole lot: a cent is nothing
    plain = info.trade_contract_size * order["price"] / account.leverage
    return [round(check.margin - account.margin - asked, 4), round(plain / lot, 4)]


def _deals_by_ticket(package: Package, symbol: str) -> str:
    trades = [deal for deal in package.history_deals_get(1, 2**31 - 1) or () if deal.order]
    if not trades:
        raise Skipped("no trade in the history to ask for")
    deal = trades[-1]
    by_order = deal.ticket in [found.ticket for found in package.history_deals_get(ticket=deal.order) or ()]
    by_deal = deal.ticket in [found.ticket for found in package.history_deals_get(ticket=deal.ticket) or ()]
    return {(True, False): "order", (False, True): "deal", (True, True): "both"}.get((by_order, by_deal), "neither")


def _filters(package: Package, symbol: str) -> list[Any]:
    held = package.positions_get()
    if not held:
        raise Skipped("no open position to choose among")
    found = package.positions_get(symbol=held[0].symbol, ticket=1)
    return ["ticket" if found == () else "symbol"]


def _first_deal(package: Package, symbol: str) -> list[int]:
    deals = package.history_deals_get(1, 2**31 - 1)
    if not deals:
        raise Skipped("no history")
    return [deals[0].type, deals[0].order]


def _offset(package: Package, symbol: str) -> list[float]:
    tick = package.symbol_info_tick(symbol)
    ahead = tick.time_msc / 1000 - time.time()
    quarters = round(ahead / 900) * 900
    return [quarters / 3600, round(ahead - quarters, 1)]


def _same_second(package: Package, symbol: str) -> bool:
    tick = package.symbol_info_tick(symbol)
    return bool(tick.time == tick.time_msc // 1000)


def _identities(package: Package, symbol: str) -> list[bool]:
    account = package.account_info()
    return [
        abs(account.equity - account.balance - account.credit - account.profit) < 0.006,
        abs(account.margin_free - account.equity + account.margin) < 0.006,
        account.margin > 0 or account.margin_level == 0.0,
    ]


def _sizes(package: Package, symbol: str) -> list[list[Any]]:
    shown = [package.account_info(), package.terminal_info(), package.symbol_info(symbol),
             package.symbol_info_tick(symbol), package.order_check(_order(package, symbol))]  # fmt: skip
    return [[type(result).__name__, getattr(result, "n_sequence_fields", None)] for result in shown]


_EXPECTED_SIZES = [
    [kind.__name__, kind.n_sequence_fields]
    for kind in (results.AccountInfo, results.TerminalInfo, results.SymbolInfo, results.Tick, results.OrderCheckResult)
]

PROBES = (
    Probe("unknown symbol, symbol_info", "None with which code?",
          lambda p, s: _outcome(p, p.symbol_info(_BOGUS)), lambda a: a == [None, c.RES_E_FAIL]),
    Probe("unknown symbol, symbol_info_tick", "None with which code?",
          lambda p, s: _outcome(p, p.symbol_info_tick(_BOGUS)), lambda a: a == [None, c.RES_E_FAIL]),
    Probe("unknown symbol, order_check", "10013, or None with which code?",
          lambda p, s: _checked(p, _order(p, s) | {"symbol": _BOGUS}), lambda a: a[0] == c.TRADE_RETCODE_INVALID),
    Probe("history_deals_get(ticket=)", "is it the order's ticket or the deal's?",
          _deals_by_ticket, lambda a: a == "order"),
    Probe("positions_get(symbol=, ticket=)", "which filter counts?", _filters, lambda a: a == ["ticket"]),
    Probe("longest comment", "how many characters does the package take?", _longest_comment, lambda a: a == 29),
    Probe("comment beyond ASCII", "is it taken?",
          lambda p, s: _outcome(p, p.order_check(_order(p, s, comment="é€"))), lambda a: a == ["answer", 1]),
    Probe("margin of an order", "is order_check's margin order_calc_margin's, and that notional over leverage?",
          _margin, lambda a: abs(a[0]) <= 0.011 and abs(a[1] - 1) < 0.02),
    Probe("order_check accepts", "0 and Done?",
          lambda p, s: _checked(p, _order(p, s)), lambda a: a == [0, "Done"]),
    Probe("volume below minimum, off the step, above maximum", "10014 each?",
          _off_grid, lambda a: a == [c.TRADE_RETCODE_INVALID_VOLUME] * 3),
    Probe("stop loss on the wrong side", "10016?", _wrong_stop, lambda a: a == c.TRADE_RETCODE_INVALID_STOPS),
    Probe("filling that the symbol lacks", "10030?", _wrong_filling, lambda a: a == c.TRADE_RETCODE_INVALID_FILL),
    Probe("int volume", "None with -2?",
          lambda p, s: _outcome(p, p.order_check(_order(p, s, volume=1))), lambda a: a == [None, -2]),
    Probe("nothing there", "an empty tuple, and success?",
          lambda p, s: [p.positions_get(ticket=1) == (), p.last_error()[0]], lambda a: a == [True, 1]),
    Probe("dates as keywords", "None with -2?",
          lambda p, s: _outcome(p, p.history_deals_get(date_from=1, date_to=2)), lambda a: a == [None, -2]),
    Probe("unknown keyword beside dates", "ignored?",
          lambda p, s: _outcome(p, p.history_deals_get(1, 2, unknown=3)), lambda a: a == ["answer", 1]),
    Probe("first deal of the history", "a BALANCE deal without an order?", _first_deal, lambda a: a == [2, 0]),
    Probe("server time", "ahead of UTC by how many hours, and the quote's age in s?",
          _offset, lambda a: -12 <= a[0] <= 14 and -300 < a[1] < 5),
    Probe("time and time_msc", "the same second?",
          _same_second, lambda a: a is True),
    Probe("account identities", "equity, free margin, level without margin?", _identities, all),
    Probe("result objects", "names and numbers of fields?", _sizes, lambda a: a == _EXPECTED_SIZES),
    Probe("builds", "do version and terminal_info agree?",
          lambda p, s: p.version()[1] == p.terminal_info().build, lambda a: a is True),
    Probe("switches", "trade_allowed, tradeapi_disabled, account's trade_allowed, trade_expert",
          lambda p, s: [p.terminal_info().trade_allowed, p.terminal_info().tradeapi_disabled,
                        p.account_info().trade_allowed, p.account_info().trade_expert],
          lambda a: a == [True, False, True, True]),
)  # fmt: skip
"""Every question, the open points first."""

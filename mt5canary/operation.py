"""The operation of one run: its gateway, its sessions, its way out, from configuration to the last act.

It outlives fixtures and tests, because the way out must: it holds everything a flatten needs before the first
order may leave, and nothing here depends on pytest.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mt5canary.catalogue import Catalogue
from mt5canary.errors import Finding, HarnessError
from mt5canary.evidence.run import Run
from mt5canary.evidence.verdict import CriterionResult
from mt5canary.guardian.breaker import Breaker
from mt5canary.link.connection import Route
from mt5canary.link.dialect import Dialect
from mt5canary.link.exchange import Exchange
from mt5canary.link.inspection import LinkInspection
from mt5canary.link.remoteness import own_interfaces, resolve
from mt5canary.link.session import ReadSession, Signer, TradingSession
from mt5canary.measurement import Measurement, Outcome
from mt5canary.order.retcodes import leaves_open
from mt5canary.plan import Resolved
from mt5canary.rehearsal import SimulatedGateway, state_folder
from mt5canary.target import route_of, route_to, secret_of
from mt5canary.wire import frames
from mt5canary.wire.replies import Reply
from mt5canary.wire.requests import SIGNED_ACTIONS

if TYPE_CHECKING:  # imported where they are made: they load while the market is waited for
    from mt5canary.order.account_lease import AccountLease
    from mt5canary.order.flatten import Flattened, WayOut
    from mt5canary.order.flight import CanaryFlight
    from mt5canary.order.journal import Journal
    from mt5canary.order.reconciler import StateReconciler
    from mt5canary.order.watchdog import Watchdog
    from mt5canary.order.witness import Witness

WATCHDOG_LOG = "watchdog.log"
RESOLVED_STEPS = frozenset({"FILLED", "REFUSED", "ADOPTED", "NOT_EXECUTED", "NOT_SENT"})
"""Steps of an intent after which its order can no longer arrive."""


class Operation:
    """Everything of a run that must still be there when everything else has gone wrong.

    ``gateway`` is the run's own, where it has one; the operation ends it.
    """

    def __init__(
        self, run: Run, resolved: Resolved, catalogue: Catalogue, gateway: SimulatedGateway | None = None
    ) -> None:
        self.run = run
        self.resolved = resolved
        self._catalogue = catalogue
        self._own_state: tempfile.TemporaryDirectory[str] | None = None
        self._sessions: list[ReadSession] = []
        self._flatten_exchanges = 0
        self._way_out: WayOut | None = None
        self._watchdog: Watchdog | None = None
        self._why_silent: Callable[[], str | None] | None = None
        self.flattened: list[Flattened] = []
        self._flattening = threading.RLock()
        self.flight: CanaryFlight | None = None
        self.order_may_be_out = False
        self._awaited_since: float | None = None
        self.is_kept = False
        self.dialect = Dialect(resolved.target.protocol)
        self.link: LinkInspection | None = None
        self._reconciler: StateReconciler | None = None
        self._lease: AccountLease | None = None
        self.gateway = gateway

    @cached_property
    def route(self) -> Route:
        """Where the gateway is, for the whole run; waits for the run's own one to come up.

        A name is looked up once, here: the way out must lead to where the order went, whatever the name says later.
        """
        if self.gateway is not None:
            return Route(url=self.gateway.url)
        address = resolve(*self.endpoint).addresses[0]
        return route_of(self.resolved, address)

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        if self.gateway is None:
            return str(self.resolved.target.host), self.resolved.target.port
        host, _, port = self.gateway.url.removeprefix("tcp://").rpartition(":")
        return host, int(port)

    @cached_property
    def secret(self) -> bytes:
        """The secret shared with the gateway; raises UsageProblem where the plan has none."""
        if self.gateway is not None:
            return self.gateway.secret
        return secret_of(self.resolved)

    @cached_property
    def _state(self) -> Path:
        account, magic = self.resolved.target.account, self.resolved.plan.order.magic
        root = self.resolved.state
        if self.gateway is not None:
            self._own_state = tempfile.TemporaryDirectory(prefix="mt5canary-state-")
            root = Path(self._own_state.name)
        return state_folder(root, account.server, account.login, magic)

    @cached_property
    def breaker(self) -> Breaker:
        """The breaker of this account and magic number."""
        return Breaker(self._state)

    @cached_property
    def journal(self) -> Journal:
        """The intent journal of this account and magic number."""
        from mt5canary.order.journal import Journal

        return Journal(self._state)

    @property
    def lease(self) -> AccountLease:
        """The lease on the account, held by a live run from X5 to its end."""
        if self._lease is None:
            from mt5canary.order.account_lease import AccountLease

            account = self.resolved.target.account
            self._lease = AccountLease(self._state.parent, account.server, account.login)
        return self._lease

    def claim_account(self) -> str | None:
        """Take the account for a live run, or look at who holds it; returns who stands in the way."""
        if self.run.mode != "live":
            return self.lease.why_held()
        try:
            return self.lease.take(self.id)
        except OSError as error:
            return f"nobody can tell: {self.lease.path} cannot be written ({error.strerror})"

    def reconciler(self, session: ReadSession) -> StateReconciler:
        """Journal, positions and history side by side; the journal is told what they prove by whom it belongs to."""
        from mt5canary.order.reconciler import StateReconciler

        plan = self.resolved.plan.order
        self._reconciler = StateReconciler(
            session,
            self.journal,
            plan.magic,
            plan.symbol,
            self.id,
            self.resolved.limits.history_deadline,
            lambda: self.link is not None and self.link.hello.account.margin_mode != "hedging",
            self.record,
            self.log,
            may_write=lambda: self.lease.is_held,
        )
        return self._reconciler

    @property
    def id(self) -> str:
        """The run's identifier."""
        return self.run.id

    @property
    def challenge(self) -> str:
        """What a verifier gave beforehand; empty where nobody did."""
        return self.run.challenge

    @property
    def started_monotonic(self) -> float:
        """When the run began, on the monotonic clock, in seconds."""
        return self.run.started_monotonic

    def log(self, source: str, text: str, *, level: str = "INFO", books: tuple[str, ...] = ("verify",)) -> None:
        """Write one line to the plan's logs."""
        self.run.log(source, text, level=level, books=books)

    def finding(self, criterion: str, text: str) -> None:
        """Record a remark that a reader must see and that does not decide."""
        self.run.finding(criterion, text)

    def fill(self, level: str, **facts: Any) -> None:
        """Say what is known of the order, and on what level of evidence."""
        if self._way_out is not None and facts["position"]:
            self._way_out.expected.add(facts["position"])
        self.run.fill(level, **facts)

    def trip(self, reason: str) -> None:
        """Open the breaker and say so; where it is open already its first reason stays."""
        if self.breaker.why_open() is None:
            self._open_breaker(reason)

    def _open_breaker(self, reason: str) -> None:
        self.breaker.trip(reason)
        self.run.record("event", {"name": "breaker", "open": True, "reason": reason}, durable=True)
        self.run.log("breaker", f"OPEN: {reason}", level="ERROR", books=("verify", "live"))

    @property
    def folder(self) -> Path:
        """Where the run's documents are."""
        return self.run.folder

    def bind(self, name: str) -> None:
        """Bind a document of the bundle that was written bit by bit into the chain."""
        self.run.bind(name)

    def break_off(self, reason: str) -> None:
        """Answer a breach: open the breaker, flatten at once, and halt the gateway too, whatever the disk says.

        No order leaves this process from here on. The disk learns of it while the position is being closed, for each
        write that is waited for there keeps the position open for as long. Raises what the disk says, in the end.
        """
        was_open = self.breaker.why_open() is not None
        self.breaker.latch(reason)
        trouble: list[BaseException] = []

        def bring_to_the_disk() -> None:
            try:
                self._open_breaker(reason)
            except Exception as error:
                trouble.append(error)

        writing = threading.Thread(target=bring_to_the_disk, name="breaker")
        try:
            if not was_open:
                writing.start()
        finally:
            self.flatten(reason, "guardian")
        if not was_open:
            writing.join()
        if trouble:
            raise trouble[0]

    def record(self, kind: str, body: dict[str, Any] | msgspec.Struct, *, durable: bool = False) -> None:
        """Append to the chain."""
        if self._lease is not None:
            self._lease.renew()
        if isinstance(body, Exchange) and body.action not in SIGNED_ACTIONS:
            self.run.chain.append_soon(kind, body)
            return
        # an order or a close is on the disk before the run goes on; a lease is neither, and a watch may not wait for it
        changed = isinstance(body, Exchange) and body.action != "LEASE"
        self.run.record(kind, body, durable=durable or changed)
        if isinstance(body, Exchange):
            answered = body.action == "OPEN" and _settles(body)
        else:
            answered = kind == "intent" and isinstance(body, dict) and body["step"] in RESOLVED_STEPS
        if answered:
            self._answered()

    def read_session(self) -> ReadSession:
        """A session that can only ask."""
        session = ReadSession(self.route, self.record, self.run.chain.settle, self.dialect)
        self._sessions.append(session)
        return session

    @cached_property
    def witness(self) -> Witness | None:
        """The plan's second witness, where the target names one; it is connected to when it is first asked."""
        declared = self.resolved.target.witness
        if declared is None:
            return None
        from mt5canary.order.witness import Witness, WitnessSession, stands_apart

        target = self.resolved.target
        there = cache(lambda: resolve(declared.host, declared.port))

        def address() -> list[Measurement]:
            self.record("witness_resolution", there())
            return stands_apart(
                declared, there(), resolve(*self.endpoint), own_interfaces(), rehearsal=target.simulated
            )

        def session() -> WitnessSession:
            route = route_to(self.resolved, declared, there().addresses[0])
            made = WitnessSession(route, self.record, self.run.chain.settle, Dialect(declared.protocol))
            self._sessions.append(made)
            return made

        account = declared.account or target.account
        deadline = self.resolved.limits.history_deadline
        return Witness(session, address, declared.terminal, account, deadline, self.run.finding)

    def trading_session(self, clock_offset: timedelta) -> TradingSession:
        """The session that can open, with its way out armed first.

        Raises Finding unless this is a live run whose criteria up to X5 passed.
        """
        if self.run.mode != "live":
            raise Finding("a trading session exists only in a live run")
        outcomes = {name: result.outcome for name, result in self.run.results.items()}
        blocked = self._catalogue.why_blocked(self._catalogue["X6"], outcomes, self.resolved.plan.waive)
        if blocked is not None:
            raise Finding(f"no trading session: {blocked}")
        holder = self.claim_account()
        if holder is not None:
            raise Finding(f"no trading session: the account is held by {holder}")
        account = self.resolved.target.account
        signer = Signer(self.secret, account.server, account.login, clock_offset)
        self._arm(signer, clock_offset)
        self.run.log("launch", "LAUNCH_APPROVED: every criterion up to X5 passed in this run", books=("verify", "live"))
        session = TradingSession(self.route, self.record, signer, self._permit, self.run.chain.settle, self.dialect)
        self._sessions.append(session)
        return session

    def _permit(self) -> None:
        """Let one order leave while the breaker is closed; even a drill's may be filled by a gateway that rounds up."""
        self.breaker.require_closed()
        self.order_may_be_out = self.run.order_left = True
        self._awaited_since = time.monotonic()
        if self._watchdog is not None:
            self._watchdog.order_left()

    def _answered(self) -> None:
        """The order's outcome was read, or can no longer change: what the positions show is all there is."""
        if self._awaited_since is not None and self._watchdog is not None:
            self._watchdog.order_answered()
        self._awaited_since = None

    def _arm(self, signer: Signer, clock_offset: timedelta) -> None:
        from mt5canary.order import watchdog
        from mt5canary.order.flatten import WayOut

        magic = self.resolved.plan.order.magic
        account = self.resolved.target.account
        capabilities = None if self.link is None else self.link.hello.capabilities
        spared = frozenset[int]() if self._reconciler is None else self._reconciler.kept
        self._way_out = WayOut(self.route, signer, magic, self.record, capabilities=capabilities, spared=spared)
        self._watchdog = watchdog.Watchdog(
            watchdog.settings(
                self.route,
                self.secret,
                (account.server, account.login),
                clock_offset,
                self._way_out,
                (self.run.folder / WATCHDOG_LOG).absolute(),
                self._state.absolute(),
                watchdog.longest_silence(self.resolved.limits.max_gap),
            ),
            keep_open=(self.lease.descriptor, *(() if self.gateway is None else (self.gateway.input_descriptor,))),
            forget=self._folders_of_its_own(),
        )
        self._watchdog.pulse(self._sign_of_life)
        self.run.record("event", {"name": "watchdog armed", "process": self._watchdog.process_id})

    def _sign_of_life(self) -> bytes:
        """What the watchdog is told now and then: nothing while the watch stands still and nobody answers that."""
        from mt5canary.order.watchdog import PULSE, REST

        if not self.needs_flatten:
            return REST
        return PULSE if self._why_silent is None or self._why_silent() is None else b""

    def answers_to(self, why_silent: Callable[[], str | None] | None) -> None:
        """Let a watch say why the run counts as silent, or None while it lives; without one, that it runs is enough."""
        self._why_silent = why_silent

    @property
    def watchdog_acted(self) -> str:
        """Why the watchdog closed in this run's stead while it still runs; empty where it never did."""
        try:
            lines = (self.run.folder / WATCHDOG_LOG).read_bytes().splitlines()
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"nobody can tell: {error}"
        return lines[0].decode(errors="replace") if lines else "its log is empty"

    def _folders_of_its_own(self) -> tuple[Path, ...]:
        own = () if self._own_state is None else (Path(self._own_state.name),)
        return own if self.gateway is None else (self.gateway.folder, *own)

    @property
    def exchanges_made(self) -> int:
        """How many exchanges every session of this run has made."""
        return sum(session.exchange_count for session in self._sessions) + self._flatten_exchanges

    def resolves_as_before(self) -> list[Measurement]:
        """Whether the gateway's host still stands for the addresses that L1 judged; nothing where L1 judged none."""
        return [] if self.link is None else self.link.resolves_as_before()

    def ask_again_who_answers(self) -> None:
        """At the end of a run whose order left: one that was answered by another gateway since must not go unseen.

        What does not answer is in the evidence as that.
        """
        if self.link is not None and self.order_may_be_out:
            with contextlib.suppress(Finding, HarnessError):
                self.link.say_hello_again()

    def gateway_clock(self) -> tuple[float, float] | None:
        """How far the gateway's clock is ahead of ours and how far it may stray from that, in ms; None if unknown."""
        offset = None if self.link is None else self.link.known_offset
        if offset is None:
            return None
        return offset.offset_ms, offset.uncertainty_ms + self.resolved.limits.clock.max_offset_ms

    def fill_times(self) -> tuple[float, float, float] | None:
        """When the fill was made, as ``CanaryFlight.times_of_the_fill`` has it; None where there was no flight."""
        return None if self.flight is None else self.flight.times_of_the_fill()

    @property
    def needs_flatten(self) -> bool:
        """Whether an order may be out there that was not seen closed."""
        return self._way_out is not None and self.order_may_be_out and self.run.flat is not True and not self.is_kept

    def calls_for_the_way_out(self, result: CriterionResult | None) -> bool:
        """Whether a criterion came to what is answered by a flatten; one that was only blocked shows nothing new."""
        if result is None:
            return True
        return result.outcome is not Outcome.PASS and not (result.outcome is Outcome.BLOCKED and self.flattened)

    def flatten(self, reason: str, by: str) -> Flattened | None:
        """Close everything of this plan's magic number; nothing happens where nothing can be open."""
        if not self.needs_flatten or self._way_out is None:
            return None
        with self._flattening:  # the guardian's thread and a signal may both want it; the second finds it done
            if not self.needs_flatten:
                return self.flattened[-1]
            result = self._flatten_once(self._way_out, reason, by)
            if self._awaited_since is not None:
                from mt5canary.order.canary import GHOST_SECONDS

                # an order cut off under way can still arrive, so that no position now shows nothing yet
                time.sleep(max(0.0, self._awaited_since + GHOST_SECONDS - time.monotonic()))
                self._answered()
                result = self._flatten_once(self._way_out, f"{reason}; again, after the order's last moment", by)
            return result

    def _flatten_once(self, way_out: WayOut, reason: str, by: str) -> Flattened:
        result = way_out.flatten(reason, by, halt=self.breaker.why_open() is not None)
        self.flattened.append(result)
        self._flatten_exchanges += result.round_trips
        self.run.flat = None if self._awaited_since is not None else result.flat
        with contextlib.suppress(OSError, Finding):  # what happened is in the result, whatever the disk says
            self._note(result)
        return result

    def _note(self, result: Flattened) -> None:
        self.run.record("event", {"name": "flatten", **msgspec.structs.asdict(result)}, durable=True)
        level = "INFO" if result.flat else "ERROR"
        text = f"{result.reason}: {result.describe()}"
        self.run.log("flatten", text, level=level, books=("verify", "live", "physical"))
        if self._awaited_since is not None:
            return
        if result.flat:
            for intent in self.journal.open_intents():
                if intent.step != "UNKNOWN":
                    self.journal.step(intent.intent.uuid, "FLAT", by=result.by)
            return
        self.trip(f"a flatten did not end flat: {result.describe()}")

    def keep(self) -> None:
        """Leave the position open, as planned; the journal knows it."""
        for intent in self.journal.open_intents():
            self.journal.step(intent.intent.uuid, "KEPT")
        self.is_kept, self.run.flat = True, False
        self.run.log("order", "the position is kept open by plan (hold: keep)", books=("verify", "live", "physical"))

    @property
    def passed_so_far(self) -> bool:
        """Whether no criterion of this run has failed to pass yet."""
        return all(result.outcome is Outcome.PASS for result in self.run.results.values())

    def stand_down(self) -> None:
        """Nothing is asked of the gateway any more: let the run's own one end while the reports are written."""
        if self.gateway is not None and not self.needs_flatten:
            self.gateway.stand_down()

    def finish(self) -> None:
        """Stand the watchdog down unless something may be open, close all sessions and the run's own gateway."""
        if self._watchdog is not None and not self.needs_flatten:
            self._watchdog.disarm()
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        if self.gateway is not None:
            self.gateway.stop()
        if self._lease is not None:
            self._lease.release()
        if self._own_state is not None:
            self._own_state.cleanup()


def _settles(exchange: Exchange) -> bool:
    """Whether the reply to an order says how it ended."""
    try:
        reply = msgspec.convert(frames.parse(exchange.reply or b""), Reply)
    except (frames.FrameError, msgspec.ValidationError):
        return False
    final = reply.status in ("FILLED", "REJECTED") and not leaves_open(reply.retcode)
    return final and reply.uuid == exchange.uuid

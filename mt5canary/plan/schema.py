"""The plan's schema: every key, its type, its bounds, its default.

All values arrive as the text that the person wrote and are read by the type of their field, never by YAML's
guess: ``4.3`` is a protocol's name, ``0.001`` a decimal, ``NO`` a symbol. Bounds are where a guard would stop
guarding: a limit may be made stricter or looser, not switched off.

A rule about two fields of one section hangs on the later field, so that a breach is reported together with every
other mistake of the plan and not only once those are mended.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from mt5canary.plan.durations import format_duration
from mt5canary.plan.fields import (
    ADDRESS,
    AGE,
    CRITERION,
    CURRENCY,
    DIGEST,
    FEATURE,
    FILE,
    HOST,
    NAME,
    PUBLIC_KEY,
    RISK_SECRET,
    SCENARIO,
    TARGET_NAME,
    TASK,
    Secret,
    Several,
    amount,
    number,
    seconds,
    span,
    whole,
)
from mt5canary.plan.sections import Named, Rule, Section


def _above(other: str) -> Rule:
    """Refuse a number that is not above the one in another field."""

    def rule(value: float, values: Mapping[str, Any]) -> str | None:
        lower = values.get(other)
        return f"must be above {other} ({lower:g})" if lower is not None and value <= lower else None

    return rule


def _shorter_than(other: str) -> Rule:
    """Refuse a duration that is not shorter than the one in another field."""

    def rule(value: timedelta, values: Mapping[str, Any]) -> str | None:
        longer = values.get(other)
        if longer is None or value < longer:
            return None
        return f"must be shorter than {other} ({format_duration(longer)})"

    return rule


def _longer_than_a_probe(max_gap: timedelta, values: Mapping[str, Any]) -> str | None:
    """Refuse a gap that the watch's own pace would pass at its first probe."""
    watch = values.get("watch")
    if watch is None or max_gap > watch.every:
        return None
    return f"must be longer than watch.every ({format_duration(watch.every)}), or every probe would end the watch"


def _required_for_metatrader(host: str | None, values: Mapping[str, Any]) -> str | None:
    missed = host is None and values.get("terminal") == "metatrader5"
    return "must be said for terminal metatrader5" if missed else None


def _started_by_run(scenario: str | None, values: Mapping[str, Any]) -> str | None:
    elsewhere = values.get("terminal") == "metatrader5" or values.get("host") is not None
    wrong = scenario is not None and elsewhere
    return "must be left out: only a target that the run starts plays a scenario" if wrong else None


def _within_maximum(volume: Decimal | None, values: Mapping[str, Any]) -> str | None:
    max_lot = values.get("max_lot")
    wrong = volume is not None and max_lot is not None and volume > max_lot
    return f"must be at most max_lot ({max_lot})" if wrong else None


def _rising(steps: tuple[Decimal, ...], values: Mapping[str, Any]) -> str | None:
    return "must rise from step to step" if any(later <= earlier for earlier, later in pairwise(steps)) else None


BUILT_IN_FEATURES = ("log_return", "spread", "tick_rate")
"""What the gateway's own quotes give; every other feature is a column of the strategy's file."""


def _in_the_file(features: tuple[str, ...], values: Mapping[str, Any]) -> str | None:
    """Refuse a feature that nothing gives, one that is named twice, and a file that no feature is read from."""
    own = [name for name in features if name not in BUILT_IN_FEATURES]
    if len(set(features)) < len(features):
        return "must name each feature once"
    if own and values.get("columns") is None:
        return f"must be of {', '.join(BUILT_IN_FEATURES)}, or columns must name the file with {', '.join(own)}"
    unused = not own and values.get("columns") is not None
    return "must name at least one column of the file in columns" if unused else None


class Account(Section, frozen=True, kw_only=True):
    """The account that must be found behind the gateway."""

    login: Annotated[int, whole(above=0), "the account's number"]
    server: Annotated[str, NAME, "the trade server's name"]
    trade_mode: Annotated[Literal["demo", "contest", "real"], "the kind of account"]
    currency: Annotated[str, CURRENCY, "the deposit's currency"]
    leverage: Annotated[int, whole(at_least=1, at_most=10_000), "N of 1:N"]
    min_balance: Annotated[Decimal, amount(above=0), "the least balance to run with, in the account's currency"]
    company: Annotated[str | None, NAME, "the broker's company, where it must be this one"] = None


BUILT_IN_ACCOUNT = Account(
    login=1100212251,
    server="JustMarkets-Demo2",
    trade_mode="demo",
    currency="USD",
    leverage=3000,
    min_balance=Decimal(100),
)
"""The account of the simulator's default scenario."""


class Curve(Section, frozen=True, kw_only=True):
    """The keys of an encrypted link."""

    server_key: Annotated[str, PUBLIC_KEY, "the gateway's public key"]
    client_key_file: Annotated[Path, FILE, "the file with this node's key pair"]


class Endpoint(Section, frozen=True, kw_only=True):
    """Where a gateway is, and what is known of the way to it."""

    terminal: Annotated[Literal["metatrader5", "simulated"], "the kind of terminal expected behind the gateway"] = (
        "metatrader5"
    )
    host: Annotated[
        str | None,
        HOST,
        _required_for_metatrader,
        "the gateway's name or address; required for metatrader5; "
        "a simulated target without it is started and stopped by the run",
    ] = None
    port: Annotated[int, whole(at_least=1, at_most=65535), "the gateway's TCP port"] = 5555
    protocol: Annotated[
        Literal["4.3"] | None,
        "the protocol that the gateway is known to speak; without it nothing is sent, "
        "for some gateways take any message for an order; 4.3 where the run starts the target",
    ] = None
    curve: Annotated[Curve | None, "keys, where the link is encrypted"] = None
    source: Annotated[str | None, ADDRESS, "the address this node must speak from"] = None
    via: Annotated[Literal["direct", "tunnel"], "tunnel: a declared local forward, proven by other means"] = "direct"
    min_rtt_us: Annotated[
        int,
        whole(at_least=0, at_most=1_000_000),
        "below this the peer is on this machine; 0 switches the tripwire off, as a finding; "
        "ignored where the run starts the target",
    ] = 100


class Witness(Endpoint, frozen=True, kw_only=True):
    """A second terminal, logged in with the investor password, that is only read from."""

    host: Annotated[str, HOST, "the second gateway's name or address"]
    account: Annotated[Account | None, "the account behind it; the target's where not said"] = None


class Latency(Section, frozen=True, kw_only=True):
    """Limits of the round trip."""

    warn_ms: Annotated[float, number(above=0, below=5_000), "a P99 above it is a warning"] = 50.0
    p99_ms: Annotated[
        # a read times out after 5 s, so a limit beyond it could never be broken
        float, number(above=0, below=5_000), _above("warn_ms"), "the hard limit of the 99th percentile"
    ] = 100.0
    confidence: Annotated[float, number(at_least=0.5, at_most=0.9999), "how sure the figure must be"] = 0.95


class Drift(Section, frozen=True, kw_only=True):
    """Limits of how far the market's features may move from the baseline."""

    warn_psi: Annotated[float, number(above=0, at_most=1), "a population stability index above it warns"] = 0.10
    max_psi: Annotated[
        float, number(above=0, at_most=1), _above("warn_psi"), "the hard limit of the population stability index"
    ] = 0.25
    every: Annotated[timedelta, span(at_least=seconds(1), at_most=seconds(86_400)), "from check to check"] = seconds(
        3600
    )
    sample: Annotated[
        timedelta, span(at_least=seconds(0.01), at_most=seconds(60)), _shorter_than("every"), "from quote to quote"
    ] = seconds(0.1)
    min_rows: Annotated[
        # a row for each of an index's ten bins; below that the index is noise
        int, whole(at_least=10, at_most=1_000_000), "fewer rows than this prove nothing"
    ] = 240
    max_events_24h: Annotated[int, whole(at_least=0, at_most=1_000), "drift events that a day may have"] = 5
    columns: Annotated[
        Path | None, FILE, "the strategy's own features: CSV with a header, to which it adds one row a sample"
    ] = None
    features: Annotated[
        tuple[str, ...],
        Several(FEATURE, least=1),
        _in_the_file,
        f"what is compared: {', '.join(BUILT_IN_FEATURES)}, from the gateway's quotes, and columns of the file",
    ] = BUILT_IN_FEATURES
    baseline: Annotated[Path, FILE, "what the features look like"] = Path("baseline/eurusd.json")


class Clock(Section, frozen=True, kw_only=True):
    """Limits of the clocks."""

    max_offset_ms: Annotated[int, whole(above=0, at_most=60_000), "the gateway's clock against this node's"] = 1_000


class Loss(Section, frozen=True, kw_only=True):
    """Limits of what the canary may cost."""

    max_money: Annotated[Decimal, amount(above=0, at_most=1_000_000), "in the account's currency"] = Decimal(5)
    max_percent: Annotated[Decimal, amount(above=0, below=100), "of the balance"] = Decimal("2.5")
    max_spread_points: Annotated[int, whole(above=0, at_most=10_000), "a wider market is not traded"] = 60
    max_slippage_points: Annotated[
        int, whole(above=0, at_most=10_000), "a fill further than this from the quote before the order"
    ] = 20
    min_margin_level: Annotated[
        # below 100 the broker itself acts, so a lower limit would come too late
        int, whole(at_least=100, at_most=10_000_000), "equity in percent of the margin"
    ] = 500


class Errors(Section, frozen=True, kw_only=True):
    """Limits of what may go wrong on the way."""

    max_critical: Annotated[int, whole(at_least=0, at_most=1_000), "critical errors before the breaker opens"] = 5


class Watch(Section, frozen=True, kw_only=True, rename={"duration": "for"}):
    """How long and how often the guardrails look."""

    duration: Annotated[timedelta, span(at_least=seconds(1), at_most=seconds(2_678_400)), "the whole time"] = seconds(
        86_400
    )
    every: Annotated[
        timedelta, span(at_least=seconds(0.001), at_most=seconds(60)), _shorter_than("for"), "from probe to probe"
    ] = seconds(0.1)


class Limits(Section, frozen=True, kw_only=True):
    """What the run must stay inside; a key that is left out keeps the value shown."""

    max_leverage: Annotated[int, whole(at_least=1, at_most=10_000), "N of 1:N that the account may have"] = 3_000
    latency: Annotated[Latency, "the round trip"] = Latency()
    drift: Annotated[Drift, "the market's features"] = Drift()
    clock: Annotated[Clock, "the clocks"] = Clock()
    loss: Annotated[Loss, "what the canary may cost"] = Loss()
    history_deadline: Annotated[
        timedelta, span(at_least=seconds(0.1), at_most=seconds(600)), "how long the broker's history may lag"
    ] = seconds(10)
    errors: Annotated[Errors, "what may go wrong on the way"] = Errors()
    watch: Annotated[Watch, "the time that the guardrails are watched"] = Watch()
    max_gap: Annotated[
        timedelta, span(at_least=seconds(0.01), at_most=seconds(60)), _longer_than_a_probe, "longest gap of the watch"
    ] = seconds(5)


class Target(Endpoint, frozen=True, kw_only=True):
    """A gateway and the account expected behind it."""

    account: Annotated[Account, "the account expected; a simulated terminal has the simulator's own where not said"]
    risk_secret: Annotated[Secret | None, RISK_SECRET, "what requests that change anything are signed with"] = None
    scenario: Annotated[
        str | None,
        SCENARIO,
        _started_by_run,
        "what the simulator that the run starts plays: a name or a file; default where not said",
    ] = None
    witness: Annotated[Witness | None, "a second terminal for evidence of level E3"] = None
    limits: Annotated[
        Limits | None, "any of the plan's limits, for this target alone; merged into limits when read"
    ] = None

    @classmethod
    def unsaid(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the built-in account for a simulated terminal, and all of it where the run starts the target."""
        if values.get("terminal") == "metatrader5":
            return {}
        started = {"protocol": "4.3", "scenario": "default"} if values.get("host") is None else {}
        return {"account": BUILT_IN_ACCOUNT, **started}

    @property
    def simulated(self) -> bool:
        """Whether the terminal is a simulation, so that a run is a rehearsal."""
        return self.terminal == "simulated"

    @property
    def started_by_run(self) -> bool:
        """Whether the run starts this target itself, and stops it."""
        return self.simulated and self.host is None


class Decision(Section, frozen=True, kw_only=True):
    """The decision that the canary carries out."""

    record: Annotated[Path, FILE, "the file that says GO"]
    hash: Annotated[str, DIGEST, "what the record's hash must recompute to"]
    min_confidence: Annotated[Decimal, amount(at_least=Decimal("0.5"), at_most=1), "below it a GO is no GO"] = Decimal(
        "0.80"
    )
    max_age: Annotated[timedelta | None, AGE, "an older record is refused"] = None
    require_evidence: Annotated[bool, "whether what the record leaves unproven is a failure"] = False


class Order(Section, frozen=True, kw_only=True):
    """The one order that the canary sends."""

    symbol: Annotated[str, NAME, "what is traded"]
    side: Annotated[Literal["BUY", "SELL"], "which way"]
    max_lot: Annotated[Decimal, amount(above=0, at_most=100), "no volume is above it"] = Decimal("0.01")
    risk_coefficient: Annotated[
        Decimal, amount(above=0, at_most=1), "the share of max_lot that is traded; not beside volume"
    ] = Decimal("0.1")
    volume: Annotated[
        Decimal | None, amount(above=0), _within_maximum, "the lots to trade, instead of max_lot x risk_coefficient"
    ] = None
    stop_loss_points: Annotated[int, whole(above=0, at_most=10_000), "the stop's distance"] = 200
    deviation_points: Annotated[int, whole(at_least=0, at_most=1_000), "how far the price may slip"] = 20
    magic: Annotated[int, whole(at_least=1, at_most=2**53), "the number that marks this plan's positions"]
    hold: Annotated[Literal["close", "keep"], "keep: stay open after the watch"] = "close"
    deadline: Annotated[timedelta, span(at_least=seconds(1), at_most=seconds(3600)), "from start to fill"] = seconds(
        300
    )

    @property
    def planned_volume(self) -> Decimal:
        """The lots to trade: ``volume``, or ``max_lot`` times ``risk_coefficient``."""
        volume = self.max_lot * self.risk_coefficient if self.volume is None else self.volume
        return Decimal(f"{volume.normalize():f}")


class Promotion(Section, frozen=True, kw_only=True):
    """How the size may grow after a canary that passed."""

    after: Annotated[timedelta, span(at_least=seconds(3600)), "the record a promotion needs"] = seconds(259_200)
    steps: Annotated[
        tuple[Decimal, ...],
        Several(amount(above=0, at_most=1), least=1),
        _rising,
        "the risk coefficients, one after the other",
    ] = (Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal("1.0"))


class Evidence(Section, frozen=True, kw_only=True):
    """What the report must be able to show."""

    require: Annotated[Literal["E0", "E1", "E2", "E3"], "the least level of evidence"] = "E2"
    signing_key: Annotated[
        Path | None, FILE, "the private key that signs the bundle, from `mt5canary keygen`; unsigned without"
    ] = None


class Plan(Section, frozen=True, kw_only=True):
    """One canary: the target, the order, the limits, the decision.

    A loaded plan is the plan in effect: ``targets`` holds the selected target alone, and ``limits`` are those
    of the plan under that target's own.
    """

    task: Annotated[str, TASK, "the task that this canary belongs to"]
    target: Annotated[str, TARGET_NAME, "the target where --target names no other"] = "simulator"
    targets: Annotated[
        Mapping[str, Target],
        Named(TARGET_NAME, Target, "a section of targets, each under its name"),
        "the targets by name; simulator is always there",
    ]
    decision: Annotated[Decision, "the decision that the canary carries out"]
    order: Annotated[Order, "the one order that the canary sends"]
    limits: Annotated[Limits, "what the run must stay inside"] = Limits()
    promotion: Annotated[Promotion, "how the size may grow afterwards"] = Promotion()
    evidence: Annotated[Evidence, "what the report must be able to show"] = Evidence()
    waive: Annotated[
        tuple[str, ...],
        Several(CRITERION),
        "criteria that may stay UNPROVEN without blocking the next stage; the verdict is then UNPROVEN at best",
    ] = ()
    state: Annotated[Path, FILE, "the folder of the journal and the breaker"] = Path(".mt5canary")

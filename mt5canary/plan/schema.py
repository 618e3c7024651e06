"""The plan's schema: every key, its type, its bounds, its default.

All values arrive as the text that the person wrote and are read by the type of their field, never by YAML's
guess: ``4.3`` is a protocol's name, ``0.001`` a decimal, ``NO`` a symbol. Bounds are where a guard would stop
guarding: a limit may be made stricter or looser, not switched off.

A check that looks at two fields of one section hangs on the later field, so that it is reported together with
every other mistake of the plan and not only once those are mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mt5canary.plan.durations import format_duration
from mt5canary.plan.fields import (
    Address,
    Age,
    Amount,
    Criterion,
    Digest,
    Duration,
    Expect,
    FilePath,
    Host,
    Name,
    Secret,
    TargetName,
    crossed,
    seconds,
)

BUILT_IN_ACCOUNT = {
    "login": "1100212251",
    "server": "JustMarkets-Demo2",
    "trade_mode": "demo",
    "currency": "USD",
    "leverage": "3000",
    "min_balance": "100",
}
"""The account of the simulator's default scenario, as a plan would write it."""


def _shorter(value: timedelta, other: str, info: ValidationInfo, shown: str | None = None) -> timedelta:
    """Refuse a duration that is not shorter than the one in another field."""
    longer = info.data.get(other)
    if longer is not None and value >= longer:
        written = format_duration(longer)
        raise crossed("must be shorter than {other} ({longer})", other=shown or other, longer=written)
    return value


class Section(BaseModel):
    """A mapping of the plan: immutable, and closed to keys that it does not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=True,  # a default may contradict a value beside it
        defer_build=True,
    )


class Account(Section):
    """The account that must be found behind the gateway."""

    login: int = Field(gt=0, description="the account's number")
    server: Name = Field(description="the trade server's name")
    trade_mode: Literal["demo", "contest", "real"] = Field(description="the kind of account")
    currency: Annotated[str, Expect("a currency's code such as USD")] = Field(
        pattern=r"^[A-Z]{3,8}$", description="the deposit's currency"
    )
    leverage: int = Field(ge=1, le=10_000, description="N of 1:N")
    min_balance: Amount = Field(gt=0, description="the least balance to run with, in the account's currency")


class Curve(Section):
    """The keys of an encrypted link."""

    server_key: Annotated[str, Expect("a public key of 40 characters in Z85")] = Field(
        pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$", description="the gateway's public key"
    )
    client_key_file: FilePath = Field(description="the file with this node's key pair")


class Endpoint(Section):
    """Where a gateway is, and what is known of the way to it."""

    terminal: Literal["metatrader5", "simulated"] = Field(
        "metatrader5", description="the kind of terminal expected behind the gateway"
    )
    host: Host | None = Field(
        None,
        description="the gateway's name or address; required for metatrader5; "
        "a simulated target without it is started and stopped by the run",
    )
    port: int = Field(5555, ge=1, le=65535, description="the gateway's TCP port")
    protocol: Literal["4.3"] | None = Field(
        None,
        description="the protocol that the gateway is known to speak; without it nothing is sent, "
        "for some gateways take any message for an order; 4.3 where the run starts the target",
    )
    curve: Curve | None = Field(None, description="keys, where the link is encrypted")
    source: Address | None = Field(None, description="the address this node must speak from")
    via: Literal["direct", "tunnel"] = Field(
        "direct", description="tunnel: a declared local forward, proven by other means"
    )
    min_rtt_us: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="below this the peer is on this machine; 0 switches the tripwire off, as a finding; "
        "ignored where the run starts the target",
    )


class Witness(Endpoint):
    """A second terminal, logged in with the investor password, that is only read from."""

    host: Host = Field(description="the second gateway's name or address")
    account: Account | None = Field(None, description="the account behind it; the target's where not said")


class Latency(Section):
    """Limits of the round trip."""

    warn_ms: float = Field(50, gt=0, lt=5_000, description="a P99 above it is a warning")
    p99_ms: float = Field(
        # a read times out after 5 s, so a limit beyond it could never be broken
        100,
        gt=0,
        lt=5_000,
        description="the hard limit of the 99th percentile",
    )
    confidence: float = Field(0.95, ge=0.5, le=0.9999, description="how sure the figure must be")

    @field_validator("p99_ms")
    @classmethod
    def _above_warning(cls, value: float, info: ValidationInfo) -> float:
        warn_ms = info.data.get("warn_ms")
        if warn_ms is not None and warn_ms >= value:
            raise crossed("must be above warn_ms ({warn_ms})", warn_ms=f"{warn_ms:g}")
        return value


class Drift(Section):
    """Limits of how far the market's features may move from the baseline."""

    warn_psi: float = Field(0.10, gt=0, le=1, description="a population stability index above it warns")
    max_psi: float = Field(0.25, gt=0, le=1, description="the hard limit of the population stability index")
    every: Duration = Field(seconds(3600), ge=seconds(1), le=seconds(86_400), description="from check to check")
    sample: Duration = Field(seconds(0.1), ge=seconds(0.01), le=seconds(60), description="from quote to quote")
    min_rows: int = Field(
        # a row for each of an index's ten bins; below that the index is noise
        240,
        ge=10,
        le=1_000_000,
        description="fewer rows than this prove nothing",
    )
    max_events_24h: int = Field(5, ge=0, le=1_000, description="drift events that a day may have")
    baseline: FilePath = Field(Path("baseline/eurusd.json"), description="what the features look like")

    @field_validator("max_psi")
    @classmethod
    def _above_warning(cls, value: float, info: ValidationInfo) -> float:
        warn_psi = info.data.get("warn_psi")
        if warn_psi is not None and warn_psi >= value:
            raise crossed("must be above warn_psi ({warn_psi})", warn_psi=f"{warn_psi:g}")
        return value

    @field_validator("sample")
    @classmethod
    def _within_check(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _shorter(value, "every", info)


class Clock(Section):
    """Limits of the clocks."""

    max_offset_ms: int = Field(1_000, gt=0, le=60_000, description="the gateway's clock against this node's")


class Loss(Section):
    """Limits of what the canary may cost."""

    max_money: Amount = Field(Decimal(5), gt=0, le=1_000_000, description="in the account's currency")
    max_percent: Amount = Field(Decimal("2.5"), gt=0, lt=100, description="of the balance")
    max_spread_points: int = Field(60, gt=0, le=10_000, description="a wider market is not traded")
    min_margin_level: int = Field(
        # below 100 the broker itself acts, so a lower limit would come too late
        500,
        ge=100,
        le=10_000_000,
        description="equity in percent of the margin",
    )


class Errors(Section):
    """Limits of what may go wrong on the way."""

    max_critical: int = Field(5, ge=0, le=1_000, description="critical errors before the breaker opens")


class Watch(Section):
    """How long and how often the guardrails look."""

    duration: Duration = Field(
        seconds(86_400), alias="for", ge=seconds(1), le=seconds(2_678_400), description="the whole time"
    )
    every: Duration = Field(seconds(0.1), ge=seconds(0.001), le=seconds(60), description="from probe to probe")

    @field_validator("every")
    @classmethod
    def _within_watch(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        return _shorter(value, "duration", info, shown="for")


class Limits(Section):
    """What the run must stay inside; a key that is left out keeps the value shown."""

    max_leverage: int = Field(3_000, ge=1, le=10_000, description="N of 1:N that the account may have")
    latency: Latency = Field(Latency.model_construct(), description="the round trip")
    drift: Drift = Field(Drift.model_construct(), description="the market's features")
    clock: Clock = Field(Clock.model_construct(), description="the clocks")
    loss: Loss = Field(Loss.model_construct(), description="what the canary may cost")
    history_deadline: Duration = Field(
        seconds(10), ge=seconds(0.1), le=seconds(600), description="how long the broker's history may lag"
    )
    max_gap: Duration = Field(seconds(5), ge=seconds(0.01), le=seconds(60), description="longest gap of the watch")
    errors: Errors = Field(Errors.model_construct(), description="what may go wrong on the way")
    watch: Watch = Field(Watch.model_construct(), description="the time that the guardrails are watched")


class Target(Endpoint):
    """A gateway and the account expected behind it."""

    account: Account = Field(
        description="the account expected; a simulated terminal has the simulator's own where not said"
    )
    risk_secret: Annotated[Secret, Expect("at least 32 characters, shared with the gateway")] | None = Field(
        None, min_length=32, description="what requests that change anything are signed with"
    )
    scenario: Annotated[str, Expect("default, retail, or a file's path")] | None = Field(
        None,
        min_length=1,
        description="what the simulator that the run starts plays: a name or a file; default where not said",
    )
    witness: Witness | None = Field(None, description="a second terminal for evidence of level E3")
    limits: Limits | None = Field(
        None, description="any of the plan's limits, for this target alone; merged into limits when read"
    )

    @model_validator(mode="before")
    @classmethod
    def _built_in(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("terminal", "metatrader5") == "metatrader5":
            return data
        filled = dict(data)
        filled.setdefault("account", BUILT_IN_ACCOUNT)
        if filled.get("host") is None:
            filled.setdefault("protocol", "4.3")
            filled.setdefault("scenario", "default")
        return filled

    @field_validator("host")
    @classmethod
    def _required(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("terminal") == "metatrader5":
            raise crossed("must be said for terminal metatrader5")
        return value

    @field_validator("scenario")
    @classmethod
    def _of_own(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and (info.data.get("terminal") == "metatrader5" or info.data.get("host") is not None):
            raise crossed("must be left out: only a target that the run starts plays a scenario")
        return value

    @property
    def simulated(self) -> bool:
        """Whether the terminal is a simulation, so that a run is a rehearsal."""
        return self.terminal == "simulated"

    @property
    def started_by_run(self) -> bool:
        """Whether the run starts this target itself, and stops it."""
        return self.simulated and self.host is None


class Decision(Section):
    """The decision that the canary carries out."""

    record: FilePath = Field(description="the file that says GO")
    hash: Digest = Field(description="what the record's hash must recompute to")
    min_confidence: Amount = Field(Decimal("0.80"), ge=Decimal("0.5"), le=1, description="below it a GO is no GO")
    max_age: Age = Field(None, description="an older record is refused")
    require_evidence: bool = Field(False, description="whether what the record leaves unproven is a failure")


class Order(Section):
    """The one order that the canary sends."""

    symbol: Name = Field(description="what is traded")
    side: Literal["BUY", "SELL"] = Field(description="which way")
    max_lot: Amount = Field(Decimal("0.01"), gt=0, le=100, description="no volume is above it")
    risk_coefficient: Amount = Field(
        Decimal("0.1"), gt=0, le=1, description="the share of max_lot that is traded; not beside volume"
    )
    volume: Amount | None = Field(None, gt=0, description="the lots to trade, instead of max_lot x risk_coefficient")
    stop_loss_points: int = Field(200, gt=0, le=10_000, description="the stop's distance")
    deviation_points: int = Field(20, ge=0, le=1_000, description="how far the price may slip")
    magic: int = Field(ge=1, le=2**53, description="the number that marks this plan's positions")
    hold: Literal["close", "keep"] = Field("close", description="keep: stay open after the watch")
    deadline: Duration = Field(seconds(300), ge=seconds(1), le=seconds(3600), description="from start to fill")

    @field_validator("volume")
    @classmethod
    def _below_maximum(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        max_lot = info.data.get("max_lot")
        if value is not None and max_lot is not None and value > max_lot:
            raise crossed("must be at most max_lot ({max_lot})", max_lot=str(max_lot))
        return value

    @property
    def planned_volume(self) -> Decimal:
        """The lots to trade: ``volume``, or ``max_lot`` times ``risk_coefficient``."""
        volume = self.max_lot * self.risk_coefficient if self.volume is None else self.volume
        return Decimal(f"{volume.normalize():f}")


class Promotion(Section):
    """How the size may grow after a canary that passed."""

    after: Duration = Field(seconds(259_200), ge=seconds(3600), description="the record a promotion needs")
    steps: tuple[Annotated[Amount, Field(gt=0, le=1)], ...] = Field(
        (Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal("1.0")),
        min_length=1,
        description="the risk coefficients, one after the other",
    )

    @field_validator("steps")
    @classmethod
    def _rising(cls, value: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
        if any(later <= earlier for earlier, later in pairwise(value)):
            raise crossed("must rise from step to step")
        return value


class Evidence(Section):
    """What the report must be able to show."""

    require: Literal["E0", "E1", "E2", "E3"] = Field("E2", description="the least level of evidence")


class Plan(Section):
    """One canary: the target, the order, the limits, the decision.

    A loaded plan is the plan in effect: ``targets`` holds the selected target alone, and ``limits`` are those
    of the plan under that target's own.
    """

    task: Annotated[str, Expect("a name of 1 to 64 characters without spaces")] = Field(
        pattern=r"^[^\s|\x00-\x1f\x7f]{1,64}$", description="the task that this canary belongs to"
    )
    target: TargetName = Field("simulator", description="the target where --target names no other")
    targets: Mapping[TargetName, Target] = Field(description="the targets by name; simulator is always there")
    decision: Decision = Field(description="the decision that the canary carries out")
    order: Order = Field(description="the one order that the canary sends")
    limits: Limits = Field(Limits.model_construct(), description="what the run must stay inside")
    promotion: Promotion = Field(Promotion.model_construct(), description="how the size may grow afterwards")
    evidence: Evidence = Field(Evidence.model_construct(), description="what the report must be able to show")
    waive: tuple[Criterion, ...] = Field(
        (),
        description="criteria that may stay UNPROVEN without blocking the next stage; "
        "the verdict is then UNPROVEN at best",
    )
    state: FilePath = Field(Path(".mt5canary"), description="the folder of the journal and the breaker")

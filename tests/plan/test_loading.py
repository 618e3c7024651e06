"""Loading: what is in effect, and where each value came from."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.plan import PlanProblems, load
from mt5canary.plan.resolved import paths_of

from .conftest import PLAN, Workshop

SECRET = "0123456789abcdef0123456789abcdef"
ROOT = Path(__file__).parents[2]


def test_defaults_are_the_designs(workshop: Workshop) -> None:
    """A limit that the plan does not name has the value of the design."""
    workshop.environment["GTW_HOST"] = "192.0.2.1"
    limits = workshop.load(target="demo").limits

    assert limits.max_leverage == 3000
    assert (limits.latency.warn_ms, limits.latency.p99_ms, limits.latency.confidence) == (50, 100, 0.95)
    assert (limits.drift.warn_psi, limits.drift.max_psi) == (0.10, 0.25)
    assert (limits.drift.every, limits.drift.sample) == (timedelta(hours=1), timedelta(milliseconds=100))
    assert (limits.drift.min_rows, limits.drift.max_events_24h) == (240, 5)
    assert limits.drift.baseline == Path("baseline/eurusd.json")
    assert limits.clock.max_offset_ms == 1000
    assert (limits.loss.max_money, limits.loss.max_percent) == (Decimal(5), Decimal("2.5"))
    assert (limits.loss.max_spread_points, limits.loss.min_margin_level) == (60, 500)
    assert (limits.history_deadline, limits.max_gap) == (timedelta(seconds=10), timedelta(seconds=5))
    assert limits.errors.max_critical == 5
    assert (limits.watch.duration, limits.watch.every) == (timedelta(hours=24), timedelta(milliseconds=100))


def test_the_projects_own_plan_is_the_defaults() -> None:
    """canary.yaml says what the schema's defaults are: leaving its optional values out changes nothing."""
    written = load(ROOT / "canary.yaml", environment={}).masked()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "canary.yaml"
        file.write_text(PLAN.replace("  simulator:\n    terminal: simulated\n", ""))
        assert written == load(file, environment={}).masked()


def test_the_projects_own_plan_needs_nothing_for_a_rehearsal() -> None:
    """canary.yaml loads without any variable, and its target is the run's own simulator."""
    resolved = load(ROOT / "canary.yaml", environment={})

    assert resolved.name == "simulator"
    assert resolved.rehearsal and resolved.started_by_run
    assert resolved.limits.watch.duration == timedelta(seconds=30)
    assert resolved.sources["limits.watch.for"] == "canary.yaml:10"


def test_the_projects_own_plan_reaches_a_gateway() -> None:
    """canary.yaml's second target takes its address and its secret from the environment."""
    environment = {"GTW_HOST": "192.0.2.7", "RISK_SECRET": SECRET}
    resolved = load(ROOT / "canary.yaml", target="justmarkets-demo2", environment=environment)

    assert resolved.target.host == "192.0.2.7"
    assert resolved.target.risk_secret is not None
    assert resolved.target.risk_secret.get_secret_value() == SECRET
    assert not resolved.rehearsal
    assert resolved.limits.watch.duration == timedelta(hours=24)


def test_simulator_is_built_in(workshop: Workshop) -> None:
    """A plan that does not name the simulator has one, and a plan that names no target uses it."""
    resolved = workshop.replace("  simulator:\n    terminal: simulated\n", "").load()

    assert resolved.name == "simulator"
    assert resolved.started_by_run
    assert resolved.limits.watch.duration == timedelta(seconds=30)
    assert resolved.sources["targets.simulator.terminal"] == "built in"
    assert resolved.sources["target"] == "default"


def test_a_target_started_by_the_run_has_the_built_in_account(workshop: Workshop) -> None:
    """The simulator's account, protocol and scenario need not be said."""
    target = workshop.load().target
    account = target.account

    assert (account.login, account.server, account.trade_mode) == (1100212251, "JustMarkets-Demo2", "demo")
    assert (account.currency, account.leverage, account.min_balance) == ("USD", 3000, Decimal(100))
    assert (target.protocol, target.scenario) == ("4.3", "default")


def test_a_simulation_somewhere_else_is_a_rehearsal_that_the_run_does_not_start(workshop: Workshop) -> None:
    """A simulated target with a host has no protocol unless the plan says so, and is left running."""
    resolved = workshop.replace("terminal: simulated", "terminal: simulated\n    host: sim.example").load()

    assert resolved.rehearsal
    assert not resolved.started_by_run
    assert resolved.target.protocol is None
    assert resolved.target.scenario is None


def test_only_the_selected_target_is_in_effect(workshop: Workshop) -> None:
    """The plan in effect holds neither the other targets nor their unset variables."""
    resolved = workshop.load()

    assert list(resolved.plan.targets) == ["simulator"]
    assert resolved.target is resolved.plan.targets["simulator"]
    assert resolved.limits is resolved.plan.limits


def test_target_limits_cover_the_plans_field_by_field(workshop: Workshop) -> None:
    """A target's own limit replaces one value and leaves its neighbours."""
    workshop.add("limits:\n  watch: {for: 2h, every: 1s}\n")
    workshop.replace("terminal: simulated", "terminal: simulated\n    limits: {watch: {for: 10m}}")
    resolved = workshop.load()

    assert resolved.limits.watch.duration == timedelta(minutes=10)
    assert resolved.limits.watch.every == timedelta(seconds=1)
    assert resolved.target.limits is None
    assert resolved.sources["limits.watch.for"] == "canary.yaml:5"
    assert resolved.sources["limits.watch.every"] == "canary.yaml:16"


def test_the_command_line_covers_a_targets_limits(workshop: Workshop) -> None:
    """``--set limits.watch.for`` is stronger than the target's own."""
    workshop.replace("terminal: simulated", "terminal: simulated\n    limits: {watch: {for: 10m}}")
    resolved = workshop.load({"limits.watch.for": "5m"})

    assert resolved.limits.watch.duration == timedelta(minutes=5)
    assert resolved.sources["limits.watch.for"] == "command line --set limits.watch.for"


def test_variables_never_redirect_a_target_that_the_run_starts(workshop: Workshop) -> None:
    """With a gateway's address all around, a rehearsal stays on the simulator."""
    workshop.environment |= {"GTW_HOST": "192.0.2.1", "GTW_PORT": "7000", "RISK_SECRET": SECRET}
    resolved = workshop.dotenv("GTW_SOURCE=192.0.2.2\n").load()

    assert resolved.started_by_run
    assert resolved.target.port == 5555
    assert resolved.target.source is None
    assert resolved.target.risk_secret is None


def test_variables_set_a_gateways_fields(workshop: Workshop) -> None:
    """The four variables stand in for what the plan leaves out."""
    workshop.replace("    host: ${GTW_HOST}\n", "")
    workshop.environment |= {"GTW_HOST": "192.0.2.1", "GTW_PORT": "7000"}
    resolved = workshop.dotenv(f"GTW_SOURCE=192.0.2.2\nRISK_SECRET={SECRET}\nGTW_PORT=1\n").load(target="demo")

    assert (resolved.target.host, resolved.target.port, resolved.target.source) == ("192.0.2.1", 7000, "192.0.2.2")
    assert resolved.sources["targets.demo.port"] == "environment GTW_PORT"
    assert resolved.sources["targets.demo.source"] == ".env GTW_SOURCE"
    assert resolved.sources["targets.demo.risk_secret"] == ".env RISK_SECRET"


def test_a_target_that_leaves_its_host_to_the_environment_does_not_hinder_a_rehearsal(workshop: Workshop) -> None:
    """What a variable may set is not missed in a target that is not selected."""
    assert workshop.replace("    host: ${GTW_HOST}\n", "").load().started_by_run


SOURCES = ("file", "dotenv", "environment", "command line")


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(SOURCES)))
def test_the_strongest_source_wins(present: set[str]) -> None:
    """Whatever sources name the port, the strongest of them decides, and is named as the source."""
    ports = {name: 6000 + index for index, name in enumerate(SOURCES)}
    origins = {
        "file": "canary.yaml:6",
        "dotenv": ".env GTW_PORT",
        "environment": "environment GTW_PORT",
        "command line": "command line --set targets.demo.port",
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "canary.yaml"
        line = f"    port: {ports['file']}\n" if "file" in present else ""
        file.write_text(PLAN.replace("    host: ${GTW_HOST}\n", f"{line}    host: 192.0.2.1\n"))
        if "dotenv" in present:
            (Path(folder) / ".env").write_text(f"GTW_PORT={ports['dotenv']}\n")
        resolved = load(
            file,
            target="demo",
            environment={"GTW_PORT": str(ports["environment"])} if "environment" in present else {},
            overrides={"targets.demo.port": str(ports["command line"])} if "command line" in present else {},
        )
    strongest = max(present, key=SOURCES.index, default=None)

    assert resolved.target.port == (ports[strongest] if strongest else 5555)
    assert resolved.sources["targets.demo.port"] == (origins[strongest] if strongest else "default")


def test_every_value_in_effect_has_a_source(workshop: Workshop) -> None:
    """Sources name each value of the masked plan, and nothing else."""
    workshop.environment["GTW_HOST"] = "192.0.2.1"
    for target in ("simulator", "demo"):
        resolved = workshop.load(target=target)
        assert {".".join(keys) for keys in paths_of(resolved.masked())} == set(resolved.sources)
        assert all(resolved.sources.values())


def test_references_are_replaced_anywhere(workshop: Workshop) -> None:
    """``${NAME}`` works inside any value, more than once, and the source names the variable and the line."""
    workshop.replace("magic: 1196", "magic: 1${A}${B}").dotenv("B=6\n")
    workshop.environment["A"] = "19"
    resolved = workshop.load()

    assert resolved.plan.order.magic == 1196
    assert resolved.sources["order.magic"] == "environment A and .env B (canary.yaml:13)"


def test_what_a_variable_holds_is_not_replaced_again(workshop: Workshop) -> None:
    """A variable's value is taken as it is, also where it looks like a reference."""
    workshop.replace("symbol: EURUSD", "symbol: ${A}")
    workshop.environment |= {"A": "${B}", "B": "GBPUSD"}

    assert workshop.load().plan.order.symbol == "${B}"


def test_values_are_read_by_their_field_not_by_yaml(workshop: Workshop) -> None:
    """A protocol 4.3, a symbol NO and a hash of digits are the texts that were written."""
    workshop.environment["GTW_HOST"] = "192.0.2.1"
    workshop.replace('protocol: "4.3"', "protocol: 4.3").replace("symbol: EURUSD", "symbol: NO")
    workshop.replace("hash: 1ac7db5b277d4dd1", "hash: 0123456789012345").replace('task: "119.6"', "task: 119.60")
    plan = workshop.load(target="demo").plan

    assert plan.targets["demo"].protocol == "4.3"
    assert (plan.order.symbol, plan.decision.hash, plan.task) == ("NO", "0123456789012345", "119.60")


def test_decimals_are_exact(workshop: Workshop) -> None:
    """Amounts are built from the text, so a tenth is a tenth."""
    plan = workshop.load({"order.max_lot": "0.1", "limits.loss.max_money": "0.10"}).plan

    assert plan.order.max_lot == Decimal("0.1")
    assert plan.limits.loss.max_money == Decimal("0.1")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, "0.001"),
        ({"order.volume": "0.01"}, "0.01"),
        ({"order.max_lot": "0.10", "order.risk_coefficient": "0.50"}, "0.05"),
        ({"order.max_lot": "100", "order.risk_coefficient": "1"}, "100"),
    ],
)
def test_planned_volume(workshop: Workshop, overrides: dict[str, str], expected: str) -> None:
    """The volume is what the plan says or the product, in its shortest form."""
    assert str(workshop.load(overrides).plan.order.planned_volume) == expected


def test_a_volume_of_the_command_line_takes_the_coefficients_place(workshop: Workshop) -> None:
    """The stronger source decides between volume and risk_coefficient, either way round."""
    workshop.add("  risk_coefficient: 0.5\n")
    resolved = workshop.load({"order.volume": "0.01"})
    assert "order.risk_coefficient" not in resolved.sources

    workshop.replace("risk_coefficient: 0.5", "volume: 0.01")
    assert str(workshop.load({"order.risk_coefficient": "0.2"}).plan.order.planned_volume) == "0.002"


def test_max_age_is_none_or_a_duration(workshop: Workshop) -> None:
    """``none`` is a value for max_age, and the one that holds where nothing is said."""
    assert workshop.load().plan.decision.max_age is None
    assert workshop.load({"decision.max_age": "none"}).plan.decision.max_age is None
    assert workshop.load({"decision.max_age": "24h"}).plan.decision.max_age == timedelta(hours=24)


@pytest.mark.parametrize(("word", "expected"), [("true", True), ("True", True), ("yes", True), ("false", False)])
def test_truth_values(workshop: Workshop, word: str, expected: bool) -> None:
    """True and false may be written in the ways that people know from YAML."""
    assert workshop.load({"decision.require_evidence": word}).plan.decision.require_evidence is expected


def test_lists_from_the_command_line(workshop: Workshop) -> None:
    """A list is written as YAML has it."""
    assert workshop.load({"waive": "[L6, G3]"}).plan.waive == ("L6", "G3")


def test_state_is_the_plans_or_the_command_lines(workshop: Workshop) -> None:
    """The state lies beside the plan unless it is moved, and moving it is no other plan."""
    beside, moved = workshop.load(), workshop.load(state=Path("/somewhere"))

    assert beside.state == workshop.file.parent / ".mt5canary"
    assert moved.state == Path("/somewhere")
    assert moved.sources["state"] == "command line --state"
    assert beside.digest == moved.digest


def test_paths_start_from_the_plans_folder(workshop: Workshop) -> None:
    """A path of the plan is relative to its file, an absolute one stands."""
    resolved = workshop.load()

    assert resolved.path(resolved.plan.decision.record) == resolved.folder / "decision/admission.json"
    assert resolved.path(Path("/a/b")) == Path("/a/b")


def test_the_plan_is_immutable(workshop: Workshop) -> None:
    """Nothing of a resolved plan can be set."""
    resolved = workshop.load()

    with pytest.raises(AttributeError, match="immutable"):
        resolved.name = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        resolved.plan.order.magic = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        resolved.sources["order.magic"] = "me"  # type: ignore[index]


def test_the_process_environment_is_the_default(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment of its own, loading uses the process's, as it is at that time."""
    monkeypatch.setenv("GTW_HOST", "192.0.2.9")

    assert load(workshop.file, target="demo").target.host == "192.0.2.9"
    assert os.environ["GTW_HOST"] == "192.0.2.9"


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4), st.text(max_size=12))
def test_any_overrides_either_load_or_are_explained(overrides: dict[str, str], target: str) -> None:
    """Whatever is typed, the answer is a plan or problems, never another exception."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "canary.yaml"
        file.write_text(PLAN)
        try:
            load(file, target=target, overrides=overrides, environment={})
        except PlanProblems as problems:
            assert problems.problems
            assert str(problems)


FIELDS = ["order", "order.magic", "limits", "limits.watch.for", "targets", "targets.simulator", "targets.demo",
          "targets.simulator.limits", "targets.simulator.account", "targets.demo.host", "decision.max_age", "waive",
          "waive.0", "promotion.steps", "task", "target", "state", "order.volume", "targets.x.terminal"]  # fmt: skip
TEXTS = [
    "",
    "~",
    "none",
    "0",
    "-1",
    "5s",
    "simulated",
    "[1, 2]",
    "[[1]]",
    "{}",
    "simulator",
    "${X}",
    "${",
    "'",
    "*a",
    "x",
]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(TEXTS), max_size=4))
def test_overrides_of_any_shape_either_load_or_are_explained(overrides: dict[str, str]) -> None:
    """A section for a value, a value for a section, nothing for either: all are explained."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "canary.yaml"
        file.write_text(PLAN)
        try:
            load(file, overrides=overrides, environment={})
        except PlanProblems as problems:
            assert problems.problems


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_mangled_file_either_loads_or_is_explained(data: st.DataObject) -> None:
    """A plan with characters lost, doubled or put in is loaded or explained."""
    start = data.draw(st.integers(0, len(PLAN)))
    length = data.draw(st.integers(0, 30))
    text = PLAN[:start] + data.draw(st.text(max_size=6)) + PLAN[start + length :]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "canary.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            load(file, environment={})
        except PlanProblems as problems:
            assert problems.problems


def test_signing_key_comes_from_plan_environment_and_command_line(tmp_path: Path) -> None:
    """The plan's key, under the environment's, under the command line's; a rehearsal may be signed too."""
    content = (ROOT / "canary.yaml").read_text(encoding="utf-8")
    content = content.replace("evidence: {require: E2}", "evidence: {require: E2, signing_key: keys/a.key}")
    (tmp_path / "canary.yaml").write_text(content, encoding="utf-8")
    plan = tmp_path / "canary.yaml"
    overrides = {"evidence.signing_key": "/c.key"}

    assert load(ROOT / "canary.yaml", environment={}).plan.evidence.signing_key is None
    assert load(plan, environment={}).plan.evidence.signing_key == Path("keys/a.key")
    named = load(plan, environment={"SIGNING_KEY": "b.key"})
    assert named.plan.evidence.signing_key == Path("b.key")
    assert named.sources["evidence.signing_key"] == "environment SIGNING_KEY"
    told = load(plan, environment={"SIGNING_KEY": "b.key"}, overrides=overrides)
    assert told.plan.evidence.signing_key == Path("/c.key")

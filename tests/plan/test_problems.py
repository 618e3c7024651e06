"""Bad input: each mistake with its place, its field, its value and what would be right."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.plan import PlanProblems, load

from .conftest import Workshop

OFF = "; a guard cannot be switched off"


def test_missing_file(workshop: Workshop) -> None:
    """A plan that is not there is named, with the option that chooses another."""
    workshop.file.unlink()

    assert workshop.problem() == f"{workshop.file}: there is no such file; name the plan with --plan FILE"


def test_a_folder_for_a_file(tmp_path: Path) -> None:
    """A folder given as the plan is said to be one."""
    with pytest.raises(UsageProblem, match="cannot be read: Is a directory"):
        load(tmp_path, environment={})


def test_unreadable_file(workshop: Workshop) -> None:
    """A plan that cannot be read, here a link to itself, is a problem, no traceback."""
    workshop.file.unlink()
    workshop.file.symlink_to(workshop.file)

    assert workshop.problem() == f"{workshop.file}: cannot be read: Too many levels of symbolic links"


def test_no_text(workshop: Workshop) -> None:
    """Bytes that are no UTF-8 are no plan."""
    workshop.file.write_bytes(b"task: \xff\xfe")

    assert workshop.problem() == f"{workshop.file}: is no text in UTF-8"


def test_too_large(workshop: Workshop) -> None:
    """A file too large for a plan is not parsed."""
    workshop.file.write_bytes(b"#" * 2_000_000)

    assert workshop.problem() == f"{workshop.file}: has 2000000 bytes; a plan has at most 1048576"


def test_yaml_syntax_error(workshop: Workshop) -> None:
    """A syntax error has line and column, in the parser's words."""
    assert workshop.replace("  side: BUY", "  side: BUY: SELL").problem() == (
        "canary.yaml:12: is no YAML: mapping values are not allowed in this context, at column 12"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "is empty"), ("# only this\n", "is empty"), ("- a\n", "is no mapping"), ("hello", "is no mapping")],
)
def test_no_mapping(workshop: Workshop, text: str, found: str) -> None:
    """An empty file, a list or a single word is no plan."""
    workshop.file.write_text(text)

    assert workshop.problem() == f"canary.yaml:1: {found}; a plan has keys such as task, targets, decision and order"


def test_duplicate_key(workshop: Workshop) -> None:
    """A key that stands twice is refused with both lines, instead of the last one winning."""
    assert (
        workshop.add("  magic: 7\n").problem() == "canary.yaml:14: order.magic: stands twice, first in canary.yaml:13"
    )


def test_alias_and_tag(workshop: Workshop) -> None:
    """What YAML offers beyond values is refused with what to write."""
    workshop.replace("side: BUY", "side: &a BUY").replace("magic: 1196", "magic: *a")
    workshop.replace("symbol: EURUSD", "symbol: !!python/name:os.system EURUSD")

    assert workshop.problems() == [
        "canary.yaml:11: order.symbol: has the tag tag:yaml.org,2002:python/name:os.system; leave the tag out",
        "canary.yaml:13: order.magic: is an alias, *a; write the value out",
    ]


def test_unknown_key_with_the_nearest_valid_one(workshop: Workshop) -> None:
    """A typo in a key is answered with the key that was meant, and that key is not missed as well."""
    assert workshop.replace("magic: 1196", "magik: 1196").problem() == (
        "canary.yaml:13: order.magik: is no key of the plan; did you mean magic?"
    )


def test_unknown_key_like_no_other(workshop: Workshop) -> None:
    """Where no key is near, all are named."""
    assert workshop.add("evidence: {colour: red}\n").problem() == (
        "canary.yaml:14: evidence.colour: is no key of the plan; the known ones are require, signing_key"
    )


def test_unknown_section(workshop: Workshop) -> None:
    """A typo at the top is found like any other."""
    assert workshop.add("limit: {max_leverage: 500}\n").problem() == (
        "canary.yaml:14: limit: is no key of the plan; did you mean limits?"
    )


def test_a_key_that_looks_like_yaml(workshop: Workshop) -> None:
    """A key in quotes with characters that mean something to YAML is an unknown key like any other."""
    workshop.add('"[key]": 1\n')

    assert "canary.yaml:14: [key]: is no key of the plan" in workshop.problem()


def test_missing_key(workshop: Workshop) -> None:
    """What is required and not there is named under its section's line."""
    assert (
        workshop.replace("  side: BUY\n", "").problem() == "canary.yaml:10: order.side: is missing; must be BUY or SELL"
    )


def test_wrong_type(workshop: Workshop) -> None:
    """A word for a number is shown with what would be right."""
    assert workshop.replace("magic: 1196", "magic: abc").problem() == (
        "canary.yaml:13: order.magic: was 'abc'; must be a whole number from 1 to 9007199254740992"
    )


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("limits.loss.max_money", "-5", f"was -5; must be a number above 0 and at most 1000000{OFF}"),
        ("limits.loss.max_money", "0", f"was 0; must be a number above 0 and at most 1000000{OFF}"),
        ("limits.loss.max_money", ".inf", f"was '.inf'; must be a number above 0 and at most 1000000{OFF}"),
        ("limits.loss.max_percent", "100", f"was 100; must be a number above 0 and below 100{OFF}"),
        ("limits.loss.min_margin_level", "0", f"was 0; must be a whole number from 100 to 10000000{OFF}"),
        ("limits.latency.p99_ms", "5000", f"was 5000; must be a number above 0 and below 5000{OFF}"),
        ("limits.latency.confidence", "0", f"was 0; must be a number from 0.5 to 0.9999{OFF}"),
        ("limits.latency.confidence", "1", f"was 1; must be a number from 0.5 to 0.9999{OFF}"),
        ("limits.drift.max_psi", "nan", f"was 'nan'; must be a number above 0 and at most 1{OFF}"),
        ("limits.drift.min_rows", "0", f"was 0; must be a whole number from 10 to 1000000{OFF}"),
        ("limits.drift.every", "0s", f"was '0s'; must be a duration such as 30s or 5m, from 1s to 24h{OFF}"),
        ("limits.clock.max_offset_ms", "0", f"was 0; must be a whole number above 0 and at most 60000{OFF}"),
        ("limits.errors.max_critical", "off", f"was 'off'; must be a whole number from 0 to 1000{OFF}"),
        ("limits.max_leverage", "~", f"was nothing; must be a whole number from 1 to 10000{OFF}"),
        ("limits.max_gap", "1h", f"was '1h'; must be a duration such as 30s or 5m, from 10ms to 1m{OFF}"),
        ("decision.min_confidence", "0", f"was 0; must be a number from 0.5 to 1{OFF}"),
        ("order.stop_loss_points", "0", f"was 0; must be a whole number above 0 and at most 10000{OFF}"),
        ("order.deviation_points", "-1", "was -1; must be a whole number from 0 to 1000"),
        ("order.magic", "0", "was 0; must be a whole number from 1 to 9007199254740992"),
        ("order.magic", "9007199254740993", "was 9007199254740993; must be a whole number from 1 to 9007199254740992"),
        ("order.magic", "7.0", "was 7.0; must be a whole number from 1 to 9007199254740992"),
        ("order.magic", "٣", "was ٣; must be a whole number from 1 to 9007199254740992"),
        ("limits.max_leverage", "9" * 400,
         f"was {'9' * 60}; must be a whole number from 1 to 10000"),
        ("limits.latency.p99_ms", "1e999", f"was '1e999'; must be a number above 0 and below 5000{OFF}"),
        ("order.max_lot", "0.1234567890123456", "was 0.1234567890123456; must be a number above 0 and at most 100"),
        ("order.max_lot", "1e999999999", "was '1e999999999'; must be a number above 0 and at most 100"),
        ("order.max_lot", "one", "was 'one'; must be a number above 0 and at most 100"),
        ("state", "\ud800", "was '\\ud800'; must be a path, relative to the plan's file"),
        ("order.side", "buy", "was 'buy'; must be BUY or SELL"),
        ("order.hold", "open", "was 'open'; must be close or keep"),
        ("order.deadline", "30", "was 30; must be a duration such as 30s or 5m, from 1s to 1h"),
        ("order.symbol", "a|b", "was 'a|b'; must be a name of 1 to 64 characters without |"),
        ("decision.hash", "1AC7", "was '1AC7'; must be 16 (legacy16) or 64 (sha256) lower-case hex digits"),
        ("decision.record", "''", "was nothing; must be a path, relative to the plan's file"),
        ("decision.max_age", "old", "was 'old'; must be a duration such as 24h, or none for a record of any age"),
        ("decision.require_evidence", "maybe", "was 'maybe'; must be true or false"),
        ("evidence.require", "E4", "was 'E4'; must be E0 or E1 or E2 or E3"),
        ("promotion.steps", "[]",
         "was a list of 0; must be a list of one or more, each a number above 0 and at most 1"),
        ("promotion.steps", "[0.5, 0.1]", "was a list of 2; must rise from step to step"),
        ("targets.simulator.port", "70000", "was 70000; must be a whole number from 1 to 65535"),
        ("targets.simulator.min_rtt_us", "-1", "was -1; must be a whole number from 0 to 1000000"),
        ("targets.simulator.via", "vpn", "was 'vpn'; must be direct or tunnel"),
        ("targets.simulator.protocol", "4.2", "was 4.2; must be 4.3"),
        ("targets.simulator.source", "here", "was 'here'; must be an IP address of this node, such as 192.0.2.10"),
        ("targets.simulator.terminal", "mt5", "was 'mt5'; must be metatrader5 or simulated"),
        ("order", "BUY", "was 'BUY'; must be a section with the keys symbol, side, magic"),
        ("task", "a b", "was 'a b'; must be a name of 1 to 64 characters without spaces"),
    ],
)  # fmt: skip
def test_values_out_of_range(workshop: Workshop, path: str, text: str, said: str) -> None:
    """Each bound is said in words, and a limit that would switch its guard off is told so."""
    assert workshop.problem({path: text}) == f"command line --set {path}: {path}: {said}"


@pytest.mark.parametrize("host", ["tcp://192.0.2.1:5555", "192.0.2.1:5555", "a b", "''", "gw/1"])
def test_host_is_a_host_alone(workshop: Workshop, host: str) -> None:
    """A URL or a port inside the host is refused."""
    problem = workshop.problem({"targets.demo.host": host}, target="demo")

    assert problem.endswith("must be a host name or an address alone, without scheme or port")


@pytest.mark.parametrize("host", ["gw.example.com", "192.0.2.1", "2001:db8::1", "fe80::1%eth0"])
def test_names_and_addresses_are_hosts(workshop: Workshop, host: str) -> None:
    """A name, an IPv4 or an IPv6 address may stand alone."""
    assert workshop.load({"targets.demo.host": host}, target="demo").target.host == host


def test_a_list_items_problem_has_its_place(workshop: Workshop) -> None:
    """A criterion that does not exist is named by its place in the list."""
    assert workshop.add("waive: [L6, L7]\n").problem() == (
        "canary.yaml:14: waive.1: was 'L7'; must be a criterion's identifier: L1-L6, D1-D5, X1-X11, G1-G6, E1-E5"
    )


@pytest.mark.parametrize(
    "path",
    ["limits.latency.p99_ms", "limits.watch.for", "limits.loss", "limits", "order.deadline", "decision.min_confidence"],
)
@pytest.mark.parametrize("word", ["none", "None", "NONE"])
def test_none_switches_no_guard_off(workshop: Workshop, path: str, word: str) -> None:
    """``none`` is for max_age alone."""
    problem = workshop.problem({path: word})

    assert problem.startswith(
        f"command line --set {path}: {path}: was none, which decision.max_age alone may be; must be "
    )
    assert problem.endswith(OFF) or path == "limits"


@pytest.mark.parametrize(
    "path", ["targets.simulator.source", "targets.simulator.curve", "order.symbol", "waive", "state"]
)
def test_none_is_no_value_elsewhere(workshop: Workshop, path: str) -> None:
    """Where something is optional, its key is left out; nobody trades a symbol called none."""
    assert "which decision.max_age alone may be" in workshop.problem({path: "none"})


def test_unknown_target(workshop: Workshop) -> None:
    """An unknown target is answered with the known ones and the nearest."""
    assert workshop.problem(target="simulater") == (
        "command line --target: target: was 'simulater'; must be one of the targets simulator, demo; "
        "did you mean simulator?"
    )
    assert workshop.add("target: other\n").problem() == (
        "canary.yaml:14: target: was 'other'; must be one of the targets simulator, demo"
    )


def test_target_name(workshop: Workshop) -> None:
    """A target's name has no dot, so that a field's dotted path is never in doubt."""
    assert workshop.add("").replace("  demo:", "  demo.2:").problem() == (
        "canary.yaml:5: targets.demo.2: was named 'demo.2'; must be a name of letters, digits, - and _"
    )


def test_unset_variable(workshop: Workshop) -> None:
    """A variable that a value in effect needs is named, with where to set it."""
    workshop.environment["GTW_HOST"] = ""

    assert workshop.dotenv("GTW_HOST=\n").problem(target="demo") == (
        "canary.yaml:6: targets.demo.host: needs ${GTW_HOST}, which is not set; "
        "set GTW_HOST in the environment or in .env beside the plan"
    )


@pytest.mark.parametrize("text", ["${}", "${A-B}", "${A:-x}", "${A", "x${1}"])
def test_malformed_reference(workshop: Workshop, text: str) -> None:
    """``${`` begins a variable's name and nothing else."""
    workshop.environment["A"] = "EURUSD"

    assert workshop.problem({"order.symbol": f"'{text}'"}) == (
        "command line --set order.symbol: order.symbol: holds ${ without a variable's name; must be as in ${GTW_HOST}"
    )


def test_no_variable_stands_for_a_section(workshop: Workshop) -> None:
    """A whole target cannot come from a variable."""
    assert "targets.demo: was '${X}'; must be a section" in workshop.problem({"targets.demo": "${X}"})


def test_wrong_variable(workshop: Workshop) -> None:
    """A variable's bad value is said to be the variable's."""
    workshop.environment |= {"GTW_HOST": "192.0.2.1", "GTW_PORT": "abc"}

    assert workshop.problem(target="demo") == (
        "environment GTW_PORT: targets.demo.port: was 'abc'; must be a whole number from 1 to 65535"
    )


def test_bad_dotenv(workshop: Workshop) -> None:
    """A line of .env that says nothing is named, its text is not shown."""
    workshop.dotenv("GTW_HOST=192.0.2.1\n'hunter2 hunter2\n")

    assert workshop.problem() == ".env:2: is no line of the form NAME=value"


def test_undecodable_dotenv(workshop: Workshop) -> None:
    """A .env that is no text is a problem of its own."""
    (workshop.file.parent / ".env").write_bytes(b"A=\xff")

    assert workshop.problem() == ".env: cannot be read: it is not UTF-8"


@pytest.mark.parametrize("path", ["", ".", "order.", "order..magic", "order .magic"])
def test_override_without_a_path(workshop: Workshop, path: str) -> None:
    """An override names its field by a dotted path."""
    assert workshop.problem({path: "1"}).endswith("must name a field by its dotted path, such as order.magic=1196")


def test_metatrader_needs_host_and_account(workshop: Workshop) -> None:
    """A real terminal is somewhere and has an account; neither is guessed."""
    workshop.add("").replace("  demo:\n", "  empty: {port: 5555}\n  demo:\n")

    assert workshop.problems(target="empty") == [
        "canary.yaml:5: targets.empty.host: was left out; must be said for terminal metatrader5",
        "canary.yaml:5: targets.empty.account: is missing; must be a section with the keys "
        "login, server, trade_mode, currency, leverage, min_balance",
    ]


@pytest.mark.parametrize(
    ("overrides", "path", "said"),
    [
        ({"limits.latency.warn_ms": "200"}, "limits.latency.p99_ms", "was left out; must be above warn_ms (200)"),
        ({"limits.latency.p99_ms": "50"}, "limits.latency.p99_ms", "was 50; must be above warn_ms (50)"),
        ({"limits.drift.max_psi": "0.05"}, "limits.drift.max_psi", "was 0.05; must be above warn_psi (0.1)"),
        ({"limits.watch.for": "1s", "limits.watch.every": "1s"}, "limits.watch.every",
         "was '1s'; must be shorter than for (1s)"),
        ({"limits.drift.every": "2s", "limits.drift.sample": "3s"}, "limits.drift.sample",
         "was '3s'; must be shorter than every (2s)"),
        ({"limits.max_gap": "2s", "limits.watch.every": "3s"}, "limits.max_gap",
         "was '2s'; must be longer than watch.every (3s), or every probe would end the watch"),
        ({"limits.watch.every": "5s"}, "limits.max_gap", "was left out; must be longer than watch.every (5s)"),
        ({"order.volume": "0.02"}, "order.volume", "was 0.02; must be at most max_lot (0.01)"),
        ({"targets.demo.scenario": "retail"}, "targets.demo.scenario",
         "was 'retail'; must be left out: only a target that the run starts plays a scenario"),
    ],
)  # fmt: skip
def test_values_that_contradict_each_other(workshop: Workshop, overrides: dict[str, str], path: str, said: str) -> None:
    """Two values that are right alone and wrong together are one problem, with both."""
    problem = workshop.problem(overrides)

    assert f": {path}: {said}" in f": {problem}"


def test_a_short_watch_is_allowed(workshop: Workshop) -> None:
    """A watch too short for enough probes proves nothing, but it is no mistake of the plan."""
    assert workshop.load({"limits.watch.for": "1s", "limits.watch.every": "100ms"})


def test_volume_or_coefficient(workshop: Workshop) -> None:
    """Within one source, volume and risk_coefficient exclude each other."""
    assert workshop.add("  volume: 0.01\n  risk_coefficient: 0.1\n").problem() == (
        "canary.yaml:15: order.risk_coefficient: must be left out beside volume (canary.yaml:14), "
        "which stands in its place"
    )


def test_other_targets_are_checked_as_well(workshop: Workshop) -> None:
    """A mistake in a target that is not selected is found before somebody selects it."""
    workshop.replace('protocol: "4.3"', "protocl: 4.3\n    limits: {watch: {for: 1ms}}")

    assert workshop.problems() == [
        "canary.yaml:7: targets.demo.protocl: is no key of the plan; did you mean protocol?",
        "canary.yaml:8: targets.demo.limits.watch.for: was '1ms'; must be a duration such as 30s or 5m, "
        f"from 1s to 744h{OFF}",
    ]


def test_a_typo_in_another_target_is_found_whatever_its_value(workshop: Workshop) -> None:
    """A misspelled key is a mistake also where its value waits for a variable that is not set."""
    assert workshop.replace("    host: ${GTW_HOST}", "    hst: ${GTW_HOST}").problem() == (
        "canary.yaml:6: targets.demo.hst: is no key of the plan; did you mean host?"
    )


def test_limits_that_a_target_covers_are_checked_as_well(workshop: Workshop) -> None:
    """A bad limit of the plan is found although the selected target has its own."""
    workshop.replace("terminal: simulated", "terminal: simulated\n    limits: {max_leverage: 500}")

    assert workshop.add("limits: {max_leverage: -1}\n").problem() == (
        f"canary.yaml:15: limits.max_leverage: was -1; must be a whole number from 1 to 10000{OFF}"
    )


def test_all_mistakes_at_once(workshop: Workshop) -> None:
    """File, environment, .env and command line: everything wrong is in one answer."""
    workshop.replace("magic: 1196", "magic: abc").replace("side: BUY", "sied: BUY").replace('task: "119.6"\n', "")
    workshop.add("waive: [Z1]\nwaive: []\n").dotenv("'\n").environment["GTW_PORT"] = "0"
    problems = workshop.problems({"limits.max_gap": "none", "order.hold": "tight"}, target="demo")

    assert [problem.split(": ")[:2] for problem in problems] == [
        [".env:1", "is no line of the form NAME=value"],
        ["canary.yaml:14", "waive"],
        ["command line --set limits.max_gap", "limits.max_gap"],
        ["canary.yaml:5", "targets.demo.host"],
        ["canary.yaml:1", "task"],
        ["environment GTW_PORT", "targets.demo.port"],
        ["canary.yaml:12", "order.magic"],
        ["command line --set order.hold", "order.hold"],
        ["canary.yaml:11", "order.sied"],
        ["canary.yaml:13", "waive.0"],
    ]


def test_problems_are_a_usage_problem_that_stands_alone(workshop: Workshop) -> None:
    """The exception is of the usage family, hangs on no other one, and can cross a process's border."""
    with pytest.raises(UsageProblem) as caught:
        workshop.load({"order.magic": "x", "order.side": "y"})
    problems = caught.value

    assert isinstance(problems, PlanProblems)
    assert problems.__context__ is None
    assert problems.__cause__ is None
    assert str(pickle.loads(pickle.dumps(problems))) == str(problems)
    assert str(problems).splitlines()[0] == f"the plan {workshop.file} has 2 problems; nothing was sent"


def test_long_values_are_shortened_and_control_characters_shown_as_such(workshop: Workshop) -> None:
    """A value cannot flood or repaint a terminal."""
    problem = workshop.problem({"order.side": "\x1b[31m" + "x" * 500})

    assert "\x1b" not in problem
    assert len(problem) < 250

"""Input that cannot be used: a clear message, exit status 4, nothing started and nothing sent."""

from __future__ import annotations

import pytest

from tests.canary.harness import Harness


def refused(harness: Harness, *arguments: str, saying: tuple[str, ...]) -> str:
    """Run with input that must be refused, and return what was said."""
    finished = harness.live(*arguments)
    assert finished.status == 4, finished.output
    assert finished.has_no_traceback(), finished.output
    for text in saying:
        assert text in finished.output, finished.output
    assert not harness.bundles
    assert not (harness.folder / "VERIFY_LOG.log").exists()
    return finished.output


def test_missing_plan_file(harness: Harness) -> None:
    """The message names the file."""
    refused(harness, "--plan", "no-such-plan.yaml", saying=("no-such-plan.yaml", "there is no such file", "--plan"))


@pytest.mark.parametrize(
    ("old", "new", "saying"),
    [
        pytest.param("waive: []", "waive: [", ("canary.yaml",), id="yaml-syntax"),
        pytest.param("  side: BUY", "  sidee: BUY", ("order.sidee", "did you mean side?"), id="unknown-key"),
        pytest.param("  magic: 1196", "  magic: many", ("order.magic", "many"), id="wrong-type"),
        pytest.param("max_money: 5", "max_money: -5", ("limits.loss.max_money", "-5"), id="negative-limit"),
        pytest.param("target: simulator", "target: simulater", ("simulater", "simulator"), id="unknown-target"),
        pytest.param("  side: BUY", "  side: HOLD", ("order.side", "HOLD"), id="no-such-side"),
    ],
)
def test_plan_with_a_mistake(harness: Harness, old: str, new: str, saying: tuple[str, ...]) -> None:
    """The message names the file, the field and the value."""
    harness.change("canary.yaml", old, new)
    refused(harness, saying=("canary.yaml", "nothing was sent", *saying))


def test_two_mistakes_are_reported_together(harness: Harness) -> None:
    """A person corrects both at once."""
    harness.change("canary.yaml", "  side: BUY", "  side: HOLD")
    harness.change("canary.yaml", "  magic: 1196", "  magic: many")
    refused(harness, saying=("order.side", "order.magic", "2 problems"))


def test_unknown_target_on_the_command_line(harness: Harness) -> None:
    """The message names the targets that there are."""
    refused(harness, "--target", "nowhere", saying=("nowhere", "simulator", "justmarkets-demo2"))


def test_address_that_is_not_set(harness: Harness) -> None:
    """A target whose ${GTW_HOST} is not set is refused by the variable's name."""
    refused(harness, "--target", "justmarkets-demo2", saying=("GTW_HOST",))


@pytest.mark.parametrize("override", ["limits.watch.for", "limits.watch.forr=3s", "limits.watch.for=soon"])
def test_override_that_cannot_be_used(harness: Harness, override: str) -> None:
    """A mistake in ``--set`` is named as it was typed."""
    refused(harness, "--set", override, saying=(override.partition("=")[0],))


def test_real_account_needs_a_word(harness: Harness) -> None:
    """A plan that expects a real account does not fly without being asked for by name."""
    harness.change("canary.yaml", "trade_mode: demo", "trade_mode: real")
    harness.change("canary.yaml", "host: ${GTW_HOST}", "host: 192.0.2.1")
    harness.change("canary.yaml", "    risk_secret: ${RISK_SECRET}\n", "")
    refused(harness, "--target", "justmarkets-demo2", saying=("--i-understand-real-money", "real"))


def test_unknown_mark_is_pytests_own_usage_error(harness: Harness) -> None:
    """A misspelt ``-m`` runs nothing."""
    finished = harness.pytest("-m", "lives")
    assert finished.status == 4
    assert not harness.bundles

"""Secrets: used, never shown."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from pprint import pformat

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mt5canary.plan import PlanProblems, Target
from mt5canary.plan.fields import Secret
from mt5canary.plan.schema import BUILT_IN_ACCOUNT

from .conftest import Workshop

SECRET = "correct-horse-battery-staple-4711-quite-long-enough-for-the-gateway-to-accept"


@pytest.fixture
def secretive(workshop: Workshop) -> Workshop:
    """A plan whose selected gateway has a secret, spread over all sources."""
    workshop.replace('protocol: "4.3"', "risk_secret: ${MY_SECRET}").add("target: demo\n")
    workshop.environment |= {"GTW_HOST": "192.0.2.1", "MY_SECRET": SECRET}
    return workshop


def test_the_secret_is_there(secretive: Workshop) -> None:
    """Who asks for the secret's value gets it."""
    secret = secretive.load().target.risk_secret

    assert secret is not None
    assert secret.get_secret_value() == SECRET


def test_no_form_of_a_resolved_plan_shows_it(secretive: Workshop) -> None:
    """repr, str, format, masked values, their YAML, sources, JSON and dumps are all masked."""
    resolved = secretive.load()
    plan = resolved.plan
    shown = [repr(resolved), str(resolved), f"{resolved.target}", repr(plan), str(plan), repr(resolved.masked())]
    shown += [resolved.masked_yaml(), repr(resolved.sources), repr(msgspec.structs.asdict(resolved.target))]
    shown += [repr(vars(resolved)), resolved.digest, pformat(plan), msgspec.json.encode(plan, enc_hook=str).decode()]

    assert not [text for text in shown if SECRET in text or SECRET[:12] in text]
    assert resolved.masked()["targets"]["demo"]["risk_secret"] == "****"


def test_no_form_of_a_secret_shows_it() -> None:
    """A secret as a text is a mask."""
    secret = Secret(SECRET)
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>8}", "%s" % secret, pformat([secret])):  # noqa: UP031
        assert SECRET[:12] not in shown
        assert "****" in shown
    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.parametrize(
    "encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, yaml.safe_dump]
)
def test_a_secret_is_not_encoded(encode: Callable[[object], object]) -> None:
    """What writes values for others refuses a secret, and says so without it."""
    with pytest.raises((TypeError, yaml.YAMLError)) as caught:
        encode({"risk_secret": Secret(SECRET)})

    assert SECRET[:12] not in str(caught.value)


def test_secrets_compare_by_value() -> None:
    """Two plans with one secret are equal, with two they are not."""
    assert Secret(SECRET) == Secret(SECRET)
    assert hash(Secret(SECRET)) == hash(Secret(SECRET))
    assert Secret(SECRET) != Secret(SECRET[::-1])
    assert Secret(SECRET) != SECRET


def test_a_secret_is_not_pickled(secretive: Workshop) -> None:
    """Pickling refuses, for a masked secret would sign nothing and a plain one would leak."""
    resolved = secretive.load()

    for thing in (resolved.target.risk_secret, resolved.target, resolved.plan):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="a secret is not pickled"):
                pickle.dumps(thing, protocol)


def test_a_plan_with_a_secret_can_be_copied(secretive: Workshop) -> None:
    """A copy in memory is no leak."""
    target = secretive.load().target

    assert copy.deepcopy(target) == target
    assert copy.copy(target) == target


def test_another_secret_is_the_same_plan(secretive: Workshop) -> None:
    """The digest tells nothing about the secret."""
    before = secretive.load().digest
    secretive.environment["MY_SECRET"] = SECRET[::-1]

    assert secretive.load().digest == before


@pytest.mark.parametrize(
    "overrides",
    [
        {"targets.demo.risk_secret": SECRET[:20]},
        {"targets.demo.risk_secert": SECRET},
        {"targets.demo.risk_secret": f"[{SECRET}]"},
        {"targets.demo.risk_secret.a": SECRET},
        {"order.magic": SECRET},
        {"order.magic": f"x {SECRET} y"},
        {"order.magic": "${MY_SECRET}"},
        {"limits.loss.max_money": "1${MY_SECRET}"},
        {"target": "${MY_SECRET}"},
        {"waive": "['${MY_SECRET}']"},
        {"targets.other.risk_secret": SECRET[:20], "order.magic": SECRET[:20]},
    ],
)
def test_no_problem_shows_it(secretive: Workshop, overrides: dict[str, str]) -> None:
    """Wherever a secret strayed to, the problem that comes of it shows a mask."""
    with pytest.raises(PlanProblems) as caught:
        secretive.load(overrides)
    problems = caught.value
    told = [str(problems), repr(problems), repr(problems.args), repr(problems.problems), repr(vars(problems))]
    told += ["".join(traceback.format_exception(problems)), repr(pickle.dumps(problems))]

    assert not [text for text in told if SECRET[:12] in text]


def test_the_traceback_with_locals_does_not_show_it(secretive: Workshop) -> None:
    """A debugger's or a logger's traceback with local variables shows no variable's value."""
    with pytest.raises(PlanProblems) as caught:
        secretive.load({"order.side": "x"})
    stream = io.StringIO()
    logger = logging.Logger("plan")
    logger.addHandler(logging.StreamHandler(stream))
    logger.error("no plan", exc_info=caught.value)

    assert SECRET not in stream.getvalue()


def test_a_short_secret_is_refused_unseen(secretive: Workshop) -> None:
    """What is too short for a secret is not shown either."""
    secretive.environment["MY_SECRET"] = "hunter2"

    assert secretive.problem() == (
        "environment MY_SECRET (canary.yaml:7): targets.demo.risk_secret: was ****; "
        "must be at least 32 characters, shared with the gateway"
    )


def test_a_secret_beside_a_typo_is_not_shown(secretive: Workshop) -> None:
    """A value under a misspelled key is never shown, for it may be a secret."""
    assert secretive.problem({"targets.demo.risk_secert": "hunter2"}) == (
        "command line --set targets.demo.risk_secert: targets.demo.risk_secert: "
        "is no key of the plan; did you mean risk_secret?"
    )


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=32, max_size=90))
def test_any_secret_is_masked(secret: str) -> None:
    """Whatever characters a secret has, a target shows none of it."""
    target = Target(terminal="simulated", host="192.0.2.1", risk_secret=Secret(secret), account=BUILT_IN_ACCOUNT)

    assert target.risk_secret is not None
    assert target.risk_secret.get_secret_value() == secret
    assert secret not in repr(target) + str(target) + pformat(target)

"""The plan: ``canary.yaml`` and everything else that has a say, validated, immutable, each value with its source."""

from mt5canary.plan.loading import load
from mt5canary.plan.problems import PlanProblems, Problem
from mt5canary.plan.resolved import Resolved
from mt5canary.plan.schema import Account, Curve, Decision, Endpoint, Limits, Order, Plan, Target, Witness

__all__ = [
    "Account",
    "Curve",
    "Decision",
    "Endpoint",
    "Limits",
    "Order",
    "Plan",
    "PlanProblems",
    "Problem",
    "Resolved",
    "Target",
    "Witness",
    "load",
]

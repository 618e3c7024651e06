"""The policy's file: read whole, or a message that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mt5canary.errors import UsageProblem
from mt5canary.review.policy import Policy, read

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_policy_approves_nothing_by_itself() -> None:
    """It is the defaults, written out: no plan is approved."""
    assert read(ROOT / "review.yaml").policy == Policy()


def test_a_policy_is_read_with_its_digest(tmp_path: Path) -> None:
    """A day is a day, and another byte is another digest."""
    path = tmp_path / "review.yaml"
    text = f"plans:\n- {{sha256: {'a' * 64}, until: 2027-01-31, by: Risk}}\n"
    path.write_text(text, encoding="utf-8")
    first = read(path)
    assert first.policy.plans[0].until.isoformat() == "2027-01-31"
    path.write_text(text + "# changed\n", encoding="utf-8")
    assert read(path).sha256 != first.sha256


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plan: []", "plan"),
        ("names: {demo: 0}", "names.demo is 0"),
        ("names: {real: two}", "names.real"),
        ("evidence_level: E4", "evidence_level is 'E4'"),
        ("findings: some", "findings is 'some'"),
        ("reviewer: perhaps", "reviewer is 'perhaps'"),
        ("max_age_days: 0", "max_age_days is 0"),
        ("plans: [{sha256: abc, until: 2027-01-31, by: Risk}]", "sha256sum"),
        (f"plans: [{{sha256: {'a' * 64}, until: 2027-01-31, by: ''}}]", "plans[0].by is empty"),
        (f"plans: [{{sha256: {'a' * 64}, until: someday, by: Risk}}]", "until"),
        ("a: [", "cannot be read as YAML"),
        ("- 1", "the keys are"),
    ],
)
def test_a_mistake_is_named(text: str, said: str, tmp_path: Path) -> None:
    """The file, the key, what would be right."""
    path = tmp_path / "review.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Said, not assumed empty."""
    with pytest.raises(UsageProblem, match="cannot be read"):
        read(tmp_path / "none.yaml")

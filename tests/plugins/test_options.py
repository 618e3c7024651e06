"""The command line of a run: which plan, which target, what is on record of it, and no secret anywhere."""

from __future__ import annotations

import json

import pytest

from tests.canary.harness import Harness

SECRET = "correct-horse-battery-staple-0123456789"


def settings(harness: Harness) -> dict[str, dict[str, object]]:
    """The settings record of the latest run."""
    for line in (harness.bundle / "evidence.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "settings":
            values: dict[str, dict[str, object]] = record["values"]
            return values
    raise AssertionError("no settings are on record")


def test_each_value_knows_its_source(harness: Harness) -> None:
    """Command line over plan over default, each said with the value."""
    harness.pytest("-m", "preflight", "--set", "limits.loss.max_money=4")
    values = settings(harness)
    assert values["limits.loss.max_money"] == {"value": 4, "source": "command line --set limits.loss.max_money"}
    assert str(values["order.magic"]["source"]).startswith("canary.yaml:")
    assert values["order.magic"]["value"] == 1196


def test_other_plan_file(harness: Harness) -> None:
    """``--plan`` names another plan, and its relative paths start from its own folder."""
    folder = harness.folder / "elsewhere"
    (folder / "decision").mkdir(parents=True)
    (harness.folder / "canary.yaml").rename(folder / "mine.yaml")
    (harness.folder / "decision" / "admission.json").rename(folder / "decision" / "admission.json")
    finished = harness.pytest("-m", "preflight", "--plan", "elsewhere/mine.yaml")
    assert harness.outcomes()["D2"] == "PASS", finished.output


def test_secret_is_nowhere_in_the_bundle(harness: Harness) -> None:
    """A target's secret from ``.env`` reaches no log, no report, no record and not the terminal."""
    (harness.folder / ".env").write_text(f"GTW_HOST=127.0.0.1\nRISK_SECRET={SECRET}\n")
    finished = harness.pytest("-m", "preflight", "--target", "justmarkets-demo2")
    assert finished.status == 1
    assert harness.outcomes()["L1"] == "FAIL"
    assert SECRET not in finished.output
    for path in harness.bundle.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path.name
    assert settings(harness)["targets.justmarkets-demo2.risk_secret"]["value"] != SECRET


def test_loopback_target_is_refused_before_anything_is_sent(harness: Harness) -> None:
    """The first canary's mistake, its own loopback as the gateway: L1 fails, and nothing is connected to."""
    (harness.folder / ".env").write_text(f"GTW_HOST=127.0.0.1\nRISK_SECRET={SECRET}\n")
    finished = harness.live("--target", "justmarkets-demo2")
    assert finished.status == 1
    assert "loopback" in harness.reason("L1")
    assert harness.outcomes()["X7"] == "BLOCKED"
    assert "REHEARSAL" not in harness.report()
    assert not (harness.bundle / "gateway.log").exists()


@pytest.mark.parametrize("place", ["reports", "verification"])
def test_started_in_a_subfolder(harness: Harness, place: str) -> None:
    """From another working directory the run's folder is the same, and the working log is where the person is."""
    folder = harness.folder / place
    folder.mkdir(exist_ok=True)
    finished = harness.ended(harness.start("-m", "preflight", str(harness.folder / "verification"), cwd=folder))
    assert finished.status in (0, 1), finished.output
    assert (folder / "VERIFY_LOG.log").exists()
    bundles = [path for path in (harness.folder / "reports").iterdir() if path.is_dir() and not path.is_symlink()]
    assert len(bundles) == 1


def test_report_paths_of_the_command_line_are_kept(harness: Harness) -> None:
    """A report that the person asked for elsewhere is there, and in the bundle too."""
    harness.pytest("-m", "preflight", "--junitxml", "mine.xml", "--html", "mine.html")
    for name, inside in (("mine.xml", "junit.xml"), ("mine.html", "report.html")):
        assert (harness.folder / name).exists()
        assert (harness.bundle / inside).exists()

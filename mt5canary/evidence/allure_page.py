"""The Allure results of a bundle as one HTML file, made by Allure's own command line: ``make allure``.

The file is written beside the bundle, which nothing touches after its manifest. Allure's page loads a script that
counts its readers; it is taken out, so that the page needs no network.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mt5canary.errors import UsageProblem
from mt5canary.evidence import allure

TOOL = Path(__file__).parents[2] / "allure-report" / "node_modules" / ".bin" / "allure"
RESULTS = "allure-results"
MOST_SECONDS = 120

_COUNTER = re.compile(
    r'<script async src="https://www\.googletagmanager\.com/[^"]*"></script>\s*<script>.*?</script>', re.S
)
_FOREIGN = re.compile(r'<(?:script|link|img|iframe)\b[^>]{0,200}?\b(?:src|href)="(?:https?:)?//[^"]*"')


def render(bundle: Path, tool: Path = TOOL) -> Path:
    """Write ``<bundle>.allure.html`` beside the bundle and return it; raises UsageProblem with what to do."""
    bundle = bundle.resolve()
    results = bundle / RESULTS
    if not results.is_dir():
        raise UsageProblem(f"{bundle} has no {RESULTS}: name a run's folder, such as reports/latest")
    if not tool.is_file():
        raise UsageProblem(f"{tool} is missing: make allure installs it with npm (Node.js 20 or newer)")
    with tempfile.TemporaryDirectory(prefix="mt5canary-allure-") as scratch:
        page = _generate(tool, results, Path(scratch))
    target = bundle.with_name(f"{bundle.name}.allure.html")
    target.write_text(without_counter(page), encoding="utf-8")
    return target


def _generate(tool: Path, results: Path, scratch: Path) -> str:
    settings, output = scratch / "allurerc.json", scratch / "page"
    settings.write_text(json.dumps(_settings(results, output)), encoding="utf-8")
    command = [str(tool), "generate", str(results), "--config", str(settings)]
    done = subprocess.run(
        command, cwd=scratch, capture_output=True, text=True, check=False, timeout=MOST_SECONDS, errors="replace"
    )
    written = output / "index.html"
    if done.returncode != 0 or not written.is_file():
        said = (done.stderr or done.stdout).strip()[-600:]
        raise UsageProblem(f"allure could not render {results} (exit status {done.returncode}): {said}")
    return written.read_text(encoding="utf-8")


def _settings(results: Path, output: Path) -> dict[str, Any]:
    """Allure 3 reads its categories and its title from its own settings, and not from the files beside the results."""
    executor = json.loads((results / "executor.json").read_text(encoding="utf-8"))
    return {
        "name": executor["reportName"],
        "output": str(output),
        "categories": json.loads(allure.categories()),
        "plugins": {"awesome": {"options": {"singleFile": True, "groupBy": ["epic", "story"]}}},
    }


def without_counter(page: str) -> str:
    """The page without the script that counts its readers; raises UsageProblem where it would still load anything."""
    shown = _COUNTER.sub("", page)
    left = _FOREIGN.search(shown)
    if left is not None:
        raise UsageProblem(f"allure's page would load {left[0][-120:]}: this version of allure is not known here")
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Render the bundle that the command line names; exit status 4 for one that cannot be."""
    parser = argparse.ArgumentParser(prog="make allure", description="render a run's Allure results as one HTML file")
    parser.add_argument("bundle", type=Path, help="a run's folder, such as reports/latest")
    try:
        print(render(parser.parse_args(arguments).bundle))
    except (UsageProblem, OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"allure: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``reports/index.html``: every run of a reports folder with its verdict, what changed from run to run, and links.

It repeats what each run's ``verdict.json`` says, which anybody can edit: ``mt5canary verify`` is what checks a bundle.
It is a convenience, so nothing about it can fail a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from mt5canary.evidence.documents import COMPLETION_REPORT, VERDICT
from mt5canary.evidence.run import CHAIN_NAME
from mt5canary.evidence.text import hypertext
from mt5canary.evidence.verdict import Verdict
from mt5canary.evidence.wording import deciding_criterion
from mt5canary.measurement import Outcome

INDEX = "index.html"
MOST_RUNS = 500
"""How many runs are listed, the newest first."""

LATENCY = "probe latency P99"
CUT_OFF = "CUT OFF"

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto; max-width: 1200px;
  padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 5px 8px; border-bottom: 1px solid #ddd; vertical-align: top; }
th { background: #f1f3f5; }
td.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
a { color: #0b5394; }
.outcome { font-weight: bold; white-space: nowrap; }
.PASS { color: #1b6e34; } .FAIL, .alarm { color: #b02a2a; } .UNPROVEN, .CUT { color: #8a4b00; }
.rehearsal { color: #5f3dc4; font-size: 12px; font-weight: bold; }
.alarm { font-weight: bold; }
svg { max-width: 100%; height: auto; }
"""
_COLOURS = {"PASS": "#1b6e34", "FAIL": "#b02a2a"}
_OTHER_COLOUR = "#8a4b00"


class _Review(Struct):
    decision: str


def write(reports: Path) -> None:
    """Write the page for a folder of runs; what cannot be read is shown as that."""
    folders = sorted((each for each in reports.iterdir() if (each / CHAIN_NAME).is_file()), reverse=True)
    folders = [each for each in folders if not each.is_symlink()]
    page = _page(folders[:MOST_RUNS], len(folders))
    fresh = reports / f".{INDEX}"
    fresh.write_text(page, encoding="utf-8", errors="backslashreplace")
    fresh.replace(reports / INDEX)


def _page(folders: Sequence[Path], runs: int) -> str:
    rows = [(folder, _verdict(folder)) for folder in folders]
    counts = Counter(verdict.verdict.value if verdict else CUT_OFF for _, verdict in rows)
    tally = ", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none yet"
    left_out = f" The newest {len(folders)} are shown." if runs > len(folders) else ""
    return "\n".join(
        (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Canary runs</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>Canary runs</h1><p>{runs} runs: {hypertext(tally)}.{left_out} What stands here is what each run's",
            "<code>verdict.json</code> says; <code>mt5canary verify</code> checks a bundle.</p>",
            _trend([verdict for _, verdict in reversed(rows)]),
            '<div class="scroll"><table><thead><tr>',
            *(f"<th scope=col>{head}</th>" for head in _HEADS),
            "</tr></thead><tbody>",
            *(_row(folder, verdict) for folder, verdict in rows),
            "</tbody></table></div></main></body></html>",
        )
    )


_HEADS = ("Run (UTC)", "Verdict", "Mode, target", "Task", "P99", "Evidence", "Position", "Review", "Documents")


def _verdict(folder: Path) -> Verdict | None:
    try:
        return msgspec.json.decode((folder / VERDICT).read_bytes(), type=Verdict)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _latency_ms(verdict: Verdict | None) -> float | None:
    """The watch's 99th percentile; None where it was not measured."""
    measurements = [each for result in verdict.criteria for each in result.measurements] if verdict else []
    value = next((each.value for each in measurements if each.name == LATENCY), None)
    return float(value) if isinstance(value, int | float) else None


def _row(folder: Path, verdict: Verdict | None) -> str:
    name = hypertext(folder.name)
    if verdict is None:
        cells = [
            name,
            f'<span class="outcome CUT">{CUT_OFF}</span> no verdict.json that can be read',
            *[""] * 5,
            _review(folder),
            f'<a href="{name}/{CHAIN_NAME}">evidence</a>',
        ]
        return _cells(cells)
    rehearsal = ' <span class="rehearsal">REHEARSAL</span>' if verdict.rehearsal else ""
    deciding = deciding_criterion(verdict)
    decided = f" {hypertext(deciding.id)}: {hypertext(deciding.reason)}" if deciding else ""
    word = hypertext(verdict.verdict.value)
    milliseconds = _latency_ms(verdict)
    latency = "" if milliseconds is None else f"{milliseconds:.1f} ms"
    cells = [
        f'<a href="{name}/report.html">{name}</a>',
        f'<span class="outcome {word}">{word}</span>{decided}',
        f"{hypertext(verdict.mode)}, {hypertext(verdict.target)}{rehearsal}",
        hypertext(verdict.task),
        latency,
        hypertext(verdict.evidence_level),
        _position(verdict),
        _review(folder),
        f'<a href="{name}/{COMPLETION_REPORT}">report</a> <a href="{name}/{VERDICT}">verdict</a>',
    ]
    return _cells(cells)


def _cells(cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _position(verdict: Verdict) -> str:
    if verdict.order is None:
        return "no order"
    if verdict.flat:
        return "flat"
    return '<span class="alarm">OPEN</span>' if verdict.flat is False else '<span class="alarm">NOT KNOWN</span>'


def _review(folder: Path) -> str:
    try:
        content = (folder.parent / f"{folder.name}.review.json").read_bytes()
        return f'<a href="{hypertext(folder.name)}.review.json">{hypertext(_decision(content))}</a>'
    except OSError:
        return ""


def _decision(content: bytes) -> str:
    try:
        return msgspec.json.decode(content, type=_Review).decision
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "cannot be read"


_STEP, _BAR, _HEIGHT = 14, 10, 80


def _trend(verdicts: Sequence[Verdict | None]) -> str:
    """The last runs from left to right: a bar as high as the latency, coloured and lettered by verdict."""
    shown = list(verdicts)[-80:]
    if not shown:
        return ""
    measured = [latency for verdict in shown if (latency := _latency_ms(verdict)) is not None]
    most = max(measured, default=0.0) or 1.0
    bars = []
    for number, verdict in enumerate(shown):
        word = verdict.verdict.value if verdict else CUT_OFF
        latency = _latency_ms(verdict)
        high = 4 if latency is None else max(4.0, latency / most * (_HEIGHT - 20))
        colour, x = _COLOURS.get(word, _OTHER_COLOUR), number * _STEP
        bars.append(
            f'<rect x="{x}" y="{_HEIGHT - 16 - high:.1f}" width="{_BAR}" height="{high:.1f}" fill="{colour}"/>'
            f'<text x="{x + _BAR / 2:g}" y="{_HEIGHT - 3}" font-size="10" text-anchor="middle" fill="{colour}">'
            f"{hypertext(word[:1])}</text>"
        )
    passed = sum(verdict is not None and verdict.verdict is Outcome.PASS for verdict in shown)
    told = f"The last {len(shown)} runs, oldest first: {passed} passed; " + (
        f"P99 latency from {min(measured):.1f} to {max(measured):.1f} ms in {len(measured)} of them"
        if measured
        else "no latency was measured"
    )
    width = len(shown) * _STEP
    return (
        f'<figure style="margin:0 0 1rem"><svg role="img" viewBox="0 0 {width} {_HEIGHT}" width="{width}" '
        f'height="{_HEIGHT}"><title>{hypertext(told)}</title>{"".join(bars)}</svg>'
        f"<figcaption>{hypertext(told)}. A bar is as high as its run's P99; P passed, F failed, U is unproven, C was "
        "cut off.</figcaption></figure>"
    )

"""The page on a phone, with words in it that have no end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mt5canary.evidence.page.static import static_part
from mt5canary.measurement import below
from tests.browser import browser, opened

ENDLESS = "W" * 250


@pytest.mark.parametrize("width", [360, 1200])
def test_an_endless_word_makes_nothing_wider(records, verdict, result, order, tmp_path: Path, width: int) -> None:  # type: ignore[no-untyped-def]
    """A reply, a reason, a setting or an event without a single space is broken where the screen ends."""
    records.add("run", environment={ENDLESS: ENDLESS}, challenge=ENDLESS, signed_by=ENDLESS)
    records.add("settings", values={ENDLESS: {"value": ENDLESS, "source": ENDLESS}})
    records.canary()
    for _ in range(2):
        records.exchange("GET_ACCOUNT", {}, {"status": "ok", "balance": 1e9, "currency": ENDLESS})
    deal = {"ticket": ENDLESS, "type": ENDLESS, "entry": ENDLESS, "symbol": ENDLESS, "price": ENDLESS}
    records.exchange("GET_DEALS", {}, {"status": "ok", "deals": [deal], ENDLESS: ENDLESS})
    records.exchange(ENDLESS, {}, None, failure=ENDLESS)
    records.add("event", name=ENDLESS, text=ENDLESS)
    records.add("finding", criterion="L1", text=ENDLESS)
    drifted = {"feature": ENDLESS, "psi": 0.1, "chance": 0.2, "rows": 3, "constant": False}
    records.add("drift", after_seconds=5.0, rows=3, problem=ENDLESS, features=[drifted])
    measured = below(ENDLESS, 1.0, 2, ENDLESS)
    failed = result("L1", "link", "FAIL", ENDLESS, title=ENDLESS, measurements=[measured], findings=[ENDLESS])
    part = static_part(records.all, verdict(failed, order=order, target=ENDLESS, run=ENDLESS))
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    (tmp_path / "page.html").write_text(f"{head}<title>x</title><main>{part}</main>", encoding="utf-8")

    with browser() as started, opened(started, tmp_path / "page.html", screen={"width": width, "height": 740}) as shown:
        shown.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")

        assert shown.width == width, shown.evaluate(
            "Array.from(document.querySelectorAll('*')).filter((e) => e.getBoundingClientRect().right > innerWidth + 1)"
            ".slice(0, 12).map((e) => e.tagName + '.' + e.className + '#' + e.id)"
        )

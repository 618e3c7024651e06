"""A headless browser without a network, for what only a browser can show of a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 900}


@dataclass
class Opened:
    """A page that is open, and what the browser complained of since."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def evaluate(self, script: str) -> Any:
        """What a script gives; it runs beside the page's content security policy."""
        return self.page.evaluate(script)

    @property
    def width(self) -> int:
        """How wide the page is, in its own pixels: the screen's width, or more where it scrolls sideways."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.evaluate(f"window.innerWidth + {wider}"))


@contextmanager
def browser() -> Iterator[Browser]:
    """The system's browser, driven from here; in CI, where nothing may be skipped, it has to be there."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox"], ignore_default_args=["--hide-scrollbars"]
        )
        yield started
        started.close()


@contextmanager
def opened(started: Browser, file: Path, *, screen: dict[str, int] = DESK, scripts: bool = True) -> Iterator[Opened]:
    """A file in a window of its own, with the network off; a narrow screen is a phone's."""
    context = started.new_context(
        viewport=screen,  # type: ignore[arg-type]
        offline=True,
        java_script_enabled=scripts,
        is_mobile=screen["width"] < 500,
    )
    seen = Opened(context.new_page())
    seen.page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
    seen.page.on("pageerror", lambda error: seen.complaints.append(f"error: {error}"))
    seen.page.on("dialog", lambda dialog: seen.complaints.append(f"dialog: {dialog.message}"))
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.goto(file.as_uri())
    yield seen
    context.close()

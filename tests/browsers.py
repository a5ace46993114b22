"""A real browser: Chromium of the machine, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHOUT = "ALGA_TESTS_WITHOUT_BROWSER"
"""Set where no browser can be had: pages are not looked at there, and the tests say so."""

ELSEWHERE = "somewhere.example"
"""A name under which the browser reaches this machine, as others would."""


def chromium() -> Path:
    """`CHROMIUM_PATH`, else one on the PATH."""
    named = os.environ.get("CHROMIUM_PATH", "").strip()
    found = named or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "These tests need Chromium: install it, or name it in CHROMIUM_PATH."
    return Path(found)


@asynccontextmanager
async def running_browser() -> AsyncGenerator[Browser]:
    """A browser that knows no other host than this machine; it ends with the block."""
    options = [f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # which root cannot have
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=options)
        try:
            yield browser
        finally:
            await browser.close()

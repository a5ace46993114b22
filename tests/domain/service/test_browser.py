"""The page in a browser."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, expect

from alga_workflows_core.infra.auth import Role
from alga_workflows_core.infra.metrics import TemporalTelemetry
from tests.browsers import ELSEWHERE, WITHOUT, running_browser
from tests.domain.service.running import RunningService, running_service

FOCUSED = """
(() => {
  const { activeElement } = document;
  return activeElement.getAttribute("aria-label") || activeElement.textContent;
})()
"""
COLOURS = """
(() => {
  const { backgroundColor, color } = getComputedStyle(document.body);
  return [backgroundColor, color];
})()
"""
HTML = "<img src=x onerror=alert(1)><b>bold</b>"
TALKING = {
    "workflows.py": """
from datetime import timedelta
from temporalio import activity, workflow

@activity.defn(name="say")
async def say(text: str) -> str:
    print(text, flush=True)
    return text

@workflow.defn(name="talk")
class Talk:
    @workflow.run
    async def run(self, text: str) -> str:
        return await workflow.execute_activity(
            say, text, start_to_close_timeout=timedelta(seconds=20)
        )
"""
}


@dataclass
class Seen:
    """A page, and what the browser had to say of it."""

    page: Page
    faults: list[str] = field(default_factory=list[str])
    urls: list[str] = field(default_factory=list[str])

    def hear(self, said: ConsoleMessage) -> None:
        """Errors are faults."""
        if said.type == "error":
            self.faults.append(said.text)

    def cell(self, table: str, row: str, column: str) -> Locator:
        """The cell of the row with this text."""
        rows = self.page.locator(f"#{table} tr").filter(has_text=row)
        return rows.locator(f'td[data-label="{column}"]')


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncGenerator[Browser]:
    """One for the tests of this module."""
    if WITHOUT in os.environ:
        # Chosen by a person, or by `.ci/run` where Debian's packages cannot be had: all that needs
        # no browser is tested there all the same. Otherwise a missing browser is a failure.
        pytest.skip(f"{WITHOUT} is set: this machine cannot have a browser")
    async with running_browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def service(
    service_environ: dict[str, str], temporal_telemetry: TemporalTelemetry
) -> AsyncGenerator[RunningService]:
    """A service whose statistics come soon."""
    environ = {**service_environ, "WORKER_STATISTICS_INTERVAL": "0.2"}
    async with running_service(environ, temporal_telemetry) as running:
        yield running


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: object) -> AsyncGenerator[Seen]:
    """The page at `url` in a browser that remembers nothing."""
    context = await browser.new_context(**options)  # pyright: ignore[reportArgumentType]
    context.set_default_timeout(15_000)
    try:
        page = await context.new_page()
        seen = Seen(page)
        page.on("console", seen.hear)
        page.on("pageerror", lambda error: seen.faults.append(str(error)))
        page.on("request", lambda request: seen.urls.append(request.url))
        await page.goto(url)
        yield seen
    finally:
        await context.close()


async def tab_to(page: Page, text: str) -> None:
    """By the keyboard alone, to the control with this name."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate(FOCUSED) == text:
            return
    raise AssertionError(f"no way to {text!r} by Tab")


async def test_what_happens_is_seen_as_it_happens(
    browser: Browser, service: RunningService
) -> None:
    """By keyboard: choose a project, start it, see its version, what it writes and what it did,
    stop it. HTML in names and lines is text, and nothing is asked of anybody else."""
    name = f"{HTML} {uuid4().hex[:6]}"
    project = await service.project(name)
    bundle = await service.publish(project, TALKING)
    await service.activate(project, bundle)
    async with opened(browser, service.url) as seen:
        page = seen.page
        await expect(page.locator("#link")).to_have_text("live")
        await expect(seen.cell("projects", name, "Worker")).to_have_text("stopped")
        await tab_to(page, name)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        await expect(seen.cell("versions", bundle[:12], "State")).to_have_text("current")
        await tab_to(page, f"Start {name}")
        await page.keyboard.press("Enter")
        await expect(seen.cell("projects", name, "Worker")).to_have_text("running")
        await expect(seen.cell("instances", bundle[:12], "State")).to_have_text("ready")
        # What is made anew does not take the focus away.
        assert await page.evaluate(FOCUSED) == f"Start {name}"
        address = f"/v1/projects/{project}/workflows/talk/runs"
        run = await service.ask("POST", address, {"input": f"said {HTML}", "wait": 20})
        assert run.json()["status"] == "completed"
        await expect(page.locator("#log")).to_contain_text(f"said {HTML}")
        await page.get_by_role("button", name=f"Stop {name}").click()
        await expect(seen.cell("projects", name, "Worker")).to_have_text("stopped")
        await expect(page.locator("#instances")).to_have_text("No process.")
        await expect(seen.cell("activities", "say", "OK")).to_have_text("1")
        assert await page.locator("img, b").count() == 0
    assert seen.faults == []
    assert {urlsplit(url).netloc for url in seen.urls} == {urlsplit(service.url).netloc}


async def test_a_key_is_typed_in_and_forgotten(browser: Browser, service: RunningService) -> None:
    """It is in no address, and nowhere but in this tab; without it nothing is asked for."""
    name = f"p-{uuid4().hex[:8]}"
    await service.project(name)
    key = await service.key(Role.READER)
    url = f"http://{ELSEWHERE}:{urlsplit(service.url).port}/"
    async with opened(browser, url) as seen:
        page = seen.page
        await expect(page.get_by_label("API key")).to_be_focused()
        assert not any("/v1/" in each for each in seen.urls)
        await page.keyboard.type(key)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
        await expect(page.get_by_label("API key")).to_be_hidden()
        kept = "[location.href, document.cookie, {...localStorage}, {...sessionStorage}]"
        assert await page.evaluate(kept) == [url, "", {}, {"alga-key": key}]
        assert not any(key in each for each in seen.urls)
        assert key not in await page.content()
        assert seen.faults == []
        await page.get_by_role("button", name=f"Start {name}", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("role")
        await page.get_by_role("button", name="Forget the key").click()
        await expect(page.get_by_label("API key")).to_be_focused()
        await expect(page.locator("#content")).to_be_hidden()
        assert (await page.evaluate(kept))[3] == {}
        await page.keyboard.type("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("unknown or was revoked")
        await expect(page.get_by_label("API key")).to_be_focused()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
async def test_it_fits_into_the_window(
    browser: Browser, service: RunningService, scheme: str, width: int
) -> None:
    """Nothing is beside it, and its text can be told from its ground."""
    name = "a-project-with-a-long-name-" * 4 + uuid4().hex[:6]
    project = await service.project(name)
    await service.activate(project, await service.publish(project, TALKING))
    size = {"width": width, "height": 900}
    async with opened(browser, service.url, viewport=size, color_scheme=scheme) as seen:
        page = seen.page
        await page.get_by_role("button", name=name, exact=True).click()
        await expect(page.locator("#detail")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        ground, text = await page.evaluate(COLOURS)
        assert (brightness(ground) < brightness(text)) == (scheme == "dark")
        assert abs(brightness(ground) - brightness(text)) > 150
    assert seen.faults == []


def brightness(color: str) -> float:
    """Of `rgb(…)`, 0 to 255."""
    return sum(int(part) for part in color[4:-1].split(",")) / 3

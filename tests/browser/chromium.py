"""A real headless Chromium without a network, driven by Debian's own driver."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from tests.programs import program

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 120  # seconds; a page draws in one, on a busy machine in many
DRAWN = "return [...document.querySelectorAll('figure[data-chart]')].every(f => f.dataset.drawn === '{}')"


@contextmanager
def chromium(profile: Path) -> Iterator["Browser"]:
    """A browser with an empty profile in the folder `profile`, offline."""
    options, driver = Options(), program("chromedriver", "chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.binary_location = program("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(browser)
    finally:
        browser.quit()


class Browser:
    """What the tests ask of a browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.cdp("Network.enable")
        offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
        self.cdp("Network.emulateNetworkConditions", **offline)

    def cdp(self, method: str, **arguments: Any) -> dict[str, Any]:
        """One command of the Chrome DevTools protocol."""
        found: dict[str, Any] = self.driver.execute_cdp_cmd(method, arguments)
        return found

    def look(self, width: int, scheme: str = "light") -> None:
        """How wide the window is, and which colours its user prefers."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, file: Path, scheme: str = "light") -> None:
        """Open a report and wait until its charts are drawn."""
        self.driver.get_log("performance")  # what the new tab did
        self.driver.get(file.as_uri())
        self.wait(DRAWN.format(scheme))

    def wait(self, script: str) -> Any:
        """Wait until a script returns something true, and return that."""
        return WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda driver: driver.execute_script(script))

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def console(self) -> list[str]:
        """Everything that the console was told since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Every address that was asked for since the page was opened; data: addresses are no requests."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    def point_at(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=x - 1, y=y)
        self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def pixels(self) -> bytes:
        """The window as a PNG."""
        return base64.b64decode(self.cdp("Page.captureScreenshot")["data"])

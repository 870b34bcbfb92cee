"""Takes the picture in README.md of a running `python3 dev.py run --demo`: `.venv/bin/python docs/picture.py`.

Needs Chromium. Signs in as the staff member whose password `dev.py run` prints.
"""

import json
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
SIZE = {"width": 1180, "height": 1030}


def main() -> None:
    credentials = json.loads((ROOT / ".local" / "credentials.json").read_text())
    [staff] = [user for user in credentials["users"] if user["is_staff"]]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, reduced_motion="reduce")  # type: ignore[arg-type]
        tab.goto(f"{credentials['url']}/admin/login/?next=/admin/analytics/reports/")
        tab.fill("#id_username", staff["username"])
        tab.fill("#id_password", staff["password"])
        tab.press("#id_password", "Enter")
        tab.wait_for_url("**/admin/analytics/reports/")
        tab.screenshot(path=ROOT / "docs" / "reports.png")
        browser.close()


if __name__ == "__main__":
    main()

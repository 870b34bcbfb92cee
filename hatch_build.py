"""Build hook of the wheel: makes sure that the browser module is there, which is built and not committed."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = Path("frontend/dist/telemetry/telemetry.js")


class BrowserModule(BuildHookInterface):
    """Builds it with Node where it is missing; a wheel without it would have no browser telemetry, and not say so."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if (root / MODULE).exists():
            return
        node = shutil.which("node")
        if node and subprocess.run([node, "prepack.mjs"], cwd=root / "frontend", check=False).returncode == 0:
            return
        sys.exit(
            f"No wheel was built: {MODULE} is missing. Run `python3 dev.py setup`, which builds it, then try again."
        )

"""Write a CycloneDX list of the packages that the site ships: `python3 dev.py sbom`.

Those of Python are requirements.txt's, with their hashes. Those of the browser are named by the notice that the build
of the bundle writes, with the hashes of frontend/package-lock.json. The same commit always gives the same list.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from tools.checkout import ROOT, SetupFailed, last_words

LOCK = ROOT / "frontend" / "package-lock.json"
NOTICE = ROOT / "frontend" / "dist" / "telemetry" / "NOTICE.txt"
BUNDLED = re.compile(r"^(@?[\w./-]+) (\d[\w.+-]*) \(([\w.+-]+)\)$", re.MULTILINE)  # name, version, licence
OF_PYTHON = (
    "requirements",
    "requirements.txt",
    "--pyproject",
    "pyproject.toml",
    "--output-reproducible",
    "--sv",
    "1.6",
)

Bom = dict[str, Any]


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="dev.py sbom")
    parser.add_argument("--output", type=Path, help="a file; without it, standard output")
    output: Path | None = parser.parse_args(arguments).output
    try:
        text = json.dumps(bom(), indent=2, sort_keys=True) + "\n"
        if output is None:
            sys.stdout.write(text)
        else:
            output.write_text(text)
    except (SetupFailed, OSError) as error:
        sys.stderr.write(f"dev.py sbom: {error}\n")
        return 1
    return 0


def bom() -> Bom:
    """The list as CycloneDX 1.6. Raises SetupFailed if it cannot be made, or breaks CycloneDX's schema."""
    found = _of_python()
    found["components"] += bundled()
    found["components"].sort(key=lambda component: component["purl"])
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(found)):
        raise SetupFailed(f"the list breaks CycloneDX's schema: {error.data}")
    return found


def _of_python() -> Bom:
    command = [sys.executable, "-m", "cyclonedx_py", *OF_PYTHON]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        raise SetupFailed(f"cyclonedx-py: {last_words(outcome.stderr)}")
    found: Bom = json.loads(outcome.stdout)
    for component in found["components"]:
        del component["description"]  # the line of requirements.txt, hashes and all, once more
    return found


def bundled() -> list[Bom]:
    """Components of the npm packages that are in the browser's bundle. Raises SetupFailed."""
    packages = json.loads(LOCK.read_text())["packages"]
    found = BUNDLED.findall(NOTICE.read_text())
    if not found:
        raise SetupFailed(f"{NOTICE} names no package")
    return [_bundled(name, version, license_, packages[f"node_modules/{name}"]) for name, version, license_ in found]


def _bundled(name: str, version: str, license_: str, locked: dict[str, str]) -> Bom:
    if locked["version"] != version:
        raise SetupFailed(f"the bundle has {name} {version}, package-lock.json {locked['version']}: build it anew")
    algorithm, _, digest = locked["integrity"].partition("-")
    group, _, short = name.rpartition("/")
    purl = PackageURL("npm", group or None, short, version).to_string()
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"id": license_}}],
        "hashes": [{"alg": algorithm.replace("sha", "SHA-"), "content": base64.b64decode(digest).hex()}],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

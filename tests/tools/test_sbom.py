"""`dev.py sbom`: the list names what is pinned, installed and bundled, with the hashes that installers verify."""

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import ROOT
from tools import sbom
from tools.checkout import SetupFailed

PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)(.*(?:\n    --hash=.*)*)", re.MULTILINE)
Bom = dict[str, Any]


def written(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.sbom", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Bom:
    """The list; `tools.sbom` itself validates it by CycloneDX's schema."""
    path = tmp_path_factory.mktemp("sbom") / "sbom.json"
    outcome = written("--output", str(path))
    assert outcome.returncode == 0, outcome.stderr
    found: Bom = json.loads(path.read_text())
    return found


def of_kind(listed: Bom, kind: str) -> list[Bom]:
    return [each for each in listed["components"] if each["purl"].startswith(f"pkg:{kind}/")]


def test_every_pinned_package_is_listed_with_its_hashes_and_nothing_else_of_python(listed: Bom) -> None:
    pinned = {
        (name.lower(), pin): set(re.findall(r"sha256:([0-9a-f]{64})", rest))
        for name, pin, rest in PIN.findall((ROOT / "requirements.txt").read_text())
    }
    assert pinned and all(pinned.values())
    found = {
        (each["name"].lower(), each["version"]): {
            digest["content"] for reference in each["externalReferences"] for digest in reference["hashes"]
        }
        for each in of_kind(listed, "pypi")
    }
    assert found == pinned


def test_what_is_listed_is_what_is_installed(listed: Bom) -> None:
    for each in of_kind(listed, "pypi"):
        assert version(each["name"]) == each["version"]


def test_every_package_in_the_browsers_bundle_is_listed_with_its_hash(listed: Bom) -> None:
    found = of_kind(listed, "npm")
    assert "@opentelemetry/sdk-trace" in {each["name"] for each in found}
    for each in found:
        [digest] = each["hashes"]
        assert digest["alg"] == "SHA-512" and len(digest["content"]) == 128
    # Source maps name each file that went into the bundle.
    of_sources = {
        match[1]
        for path in (ROOT / "frontend" / "dist" / "telemetry").glob("*.js.map")
        for source in json.loads(path.read_text())["sources"]
        if (match := re.search(r"node_modules/((?:@[^/]+/)?[^/]+)/", source))
    }
    assert of_sources == {each["name"] for each in found}


def test_it_names_the_project_and_is_the_same_twice(listed: Bom) -> None:
    assert listed["bomFormat"] == "CycloneDX" and listed["metadata"]["component"]["name"] == "rhesis-telemetry"
    assert json.loads(written().stdout) == listed


def test_a_bundle_of_other_versions_than_the_lock_files_is_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = tmp_path / "NOTICE.txt"
    notice.write_text("@opentelemetry/core 0.0.1 (Apache-2.0)\n")
    monkeypatch.setattr(sbom, "NOTICE", notice)
    with pytest.raises(SetupFailed, match="build it anew"):
        sbom.bundled()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    outcome = written("--output", str(tmp_path / "no" / "folder.json"))
    assert outcome.returncode == 1 and outcome.stderr.count("\n") == 1 and "Traceback" not in outcome.stderr

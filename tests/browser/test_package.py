"""The package: its own tests, by Node's runner, what it weighs, and what `npm pack` makes of it."""

import json
import tarfile
from pathlib import Path

import pytest

from benchmarks import browser_size
from tests.browser.front_ends import fresh_clone, npm, npm_outcome
from tools import frontend

ROOT = frontend.FRONTEND.parent
TYPES = ("catalogue", "choice", "declared", "identity", "index", "register", "state", "telemetry")


def test_the_package_passes_its_own_tests() -> None:
    npm("test", directory=frontend.FRONTEND)


def test_whoever_consents_downloads_no_more_than_12_kb_and_less_than_the_stock_packages_weigh() -> None:
    sizes = browser_size.bundled()
    ours = sizes["loader"]["gzip"] + sizes["ours"]["gzip"]

    assert ours <= browser_size.LARGEST_GZIP
    assert ours < sizes["stock"]["gzip"]


@pytest.mark.timeout(900)  # the first time it is installed, on any network
def test_the_example_for_next_type_checks_and_builds(next_example: Path) -> None:
    chunks = [path.read_text() for path in (next_example / ".next" / "static").rglob("*.js")]
    assert any("X-Telemetry-Page" in chunk for chunk in chunks), "the package is in no bundle"


def contents(packed: Path) -> dict[str, str]:
    """Each packed file's text, by its path in the package."""
    with tarfile.open(packed) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name.removeprefix("package/"): file.read().decode() for name, file in files.items() if file}


@pytest.mark.timeout(900)  # what the build needs is installed, on any network
def test_a_fresh_clone_packs_code_types_maps_licence_notice_and_changelog_and_nothing_else(packed: Path) -> None:
    found = contents(packed)

    built = {f"{name}.{ending}" for name in ("telemetry", "choice") for ending in ("js", "js.map")}
    types = {f"{name}.d.ts" for name in TYPES}
    ours = {f"dist/telemetry/{name}" for name in {*built, *types, "NOTICE.txt"}}
    assert set(found) == {*ours, "package.json", "README.md", "LICENSE", "CHANGELOG.md"}
    assert all(found.values()), "an empty file"
    assert found["LICENSE"] == (ROOT / "LICENSE").read_text()
    version = json.loads(found["package.json"])["version"]
    assert f"## {version}\n" in found["CHANGELOG.md"]


def test_the_notice_names_each_package_that_is_bundled_with_its_licence(packed: Path) -> None:
    found = contents(packed)

    bundled = {
        source.split("node_modules/")[1].rsplit("/build/", 1)[0].rsplit("/src/", 1)[0]
        for source in json.loads(found["dist/telemetry/telemetry.js.map"])["sources"]
        if "node_modules/" in source
    }
    notice = found["dist/telemetry/NOTICE.txt"]
    assert bundled and all(f"{name} " in notice for name in bundled)
    assert "Apache License" in notice and "END OF TERMS AND CONDITIONS" in notice


def test_a_debugger_finds_the_sources_without_another_file(packed: Path) -> None:
    found = contents(packed)

    for name in ("telemetry", "choice"):
        assert found[f"dist/telemetry/{name}.js"].endswith(f"//# sourceMappingURL={name}.js.map\n")
        sources = json.loads(found[f"dist/telemetry/{name}.js.map"])
        assert all(sources["sourcesContent"]) and len(sources["sourcesContent"]) == len(sources["sources"])


def test_a_dry_run_of_publishing_names_what_would_be_published(tmp_path: Path, packed: Path) -> None:
    clone = fresh_clone(tmp_path / "clone")
    (clone / "node_modules").symlink_to(frontend.FRONTEND / "node_modules")

    outcome = npm_outcome("publish", "--dry-run", directory=clone)

    assert outcome.returncode == 0, outcome.stderr
    assert all(name in outcome.stderr for name in contents(packed))


@pytest.mark.parametrize("command", [("pack",), ("publish", "--dry-run")])
def test_where_nothing_can_be_built_nothing_is_packed_and_the_message_says_why(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    clone = fresh_clone(tmp_path / "clone")

    # There is no registry at port 9, and no cache.
    outcome = npm_outcome(
        *command,
        directory=clone,
        npm_config_registry="http://127.0.0.1:9",
        npm_config_cache=str(tmp_path / "cache"),
        npm_config_fetch_retries="0",
    )

    assert outcome.returncode == 1
    assert (
        "Nothing was packed: `npm ci --no-progress --dry-run=false` failed in frontend/, see above." in outcome.stderr
    )
    assert not list(clone.glob("*.tgz"))


def test_a_source_that_does_not_compile_is_not_packed(tmp_path: Path) -> None:
    clone = fresh_clone(tmp_path / "clone")
    (clone / "node_modules").symlink_to(frontend.FRONTEND / "node_modules")
    (clone / "src" / "index.ts").write_text("export const broken: number = 'text';")

    outcome = npm_outcome("pack", directory=clone)

    assert outcome.returncode == 1
    assert "Nothing was packed: `node build.mjs` failed in frontend/, see above." in outcome.stderr
    assert not list(clone.glob("*.tgz"))

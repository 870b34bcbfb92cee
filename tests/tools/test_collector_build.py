"""How the collector comes to be built: once, by a Go that is new enough, and with a sentence when it cannot be.

A script stands in for Go here; tests/collector runs what the real one makes.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import collector, debian
from tools.checkout import SetupFailed, value_of

FakeGo = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fake_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGo:
    """Puts a `go` of this version on the PATH, which answers `install` as the given shell script does."""

    def put(version: str, install: str) -> Path:
        script = f"""\
            #!/bin/sh
            echo "$@" >> {tmp_path}/called
            case $1 in
              version) echo go version {version} linux/amd64 ;;
              env) echo {tmp_path}/modules ;;
              mod) mkdir -p {tmp_path}/modules/"$3"/bin; cp "$0" {tmp_path}/modules/"$3"/bin/go
                   chmod 644 {tmp_path}/modules/"$3"/bin/go ;;
              install) {install} ;;
            esac
            """
        program = tmp_path / "go" / "go"
        program.parent.mkdir()
        program.write_text(textwrap.dedent(script))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return tmp_path / "called"

    return put


# What `go install` makes of the builder: a program that makes a collector of nothing.
MAKES_A_BUILDER = (
    r"""printf '#!/bin/sh\nmkdir build && touch build/rhesis-collector\n' > "$GOBIN"/builder; """
    r"""chmod 755 "$GOBIN"/builder"""
)


def test_it_is_built_once_for_every_checkout(cache: Path, fake_go: FakeGo) -> None:
    called = fake_go("go1.26.8", MAKES_A_BUILDER)

    built = collector.binary()

    assert cache in built.parents
    assert "install go.opentelemetry.io/collector/cmd/builder@v0.161.0" in called.read_text()
    called.unlink()
    assert collector.binary() == built
    assert not called.exists()
    assert [path.name for path in built.parent.iterdir()] == ["rhesis-collector"]


def test_another_manifest_is_another_collector(
    fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_go("go1.26.8", MAKES_A_BUILDER)
    before = collector.binary()
    manifest = tmp_path / "builder.yaml"
    manifest.write_text(collector.MANIFEST.read_text() + "# changed\n")
    monkeypatch.setattr(collector, "MANIFEST", manifest)

    assert collector.binary() != before


def test_an_old_go_fetches_the_one_that_is_needed(fake_go: FakeGo) -> None:
    called = fake_go("go1.19.8", MAKES_A_BUILDER)

    assert collector.binary().exists()

    assert "mod download golang.org/toolchain@v0.0.1-go1.26.0.linux-" in called.read_text()


def test_a_build_that_fails_says_why_and_leaves_nothing(cache: Path, fake_go: FakeGo) -> None:
    fake_go("go1.26.8", "echo no route to the module proxy >&2; exit 1")

    with pytest.raises(SetupFailed, match="could not build the OpenTelemetry Collector: go: no route to the module"):
        collector.binary()

    assert [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_the_tests_of_everything_else_run_without_it(fake_go: FakeGo, capsys: pytest.CaptureFixture[str]) -> None:
    fake_go("go1.26.8", "exit 1")

    collector.make_sure_of_collector()

    assert "it said nothing. The tests of the collector are skipped without it." in capsys.readouterr().out


def test_without_go_and_without_a_way_to_install_it_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(collector, "USUAL_GO", Path("/nowhere/go"))

    with pytest.raises(SetupFailed, match="is built with Go, which is missing: only root can install it"):
        collector.binary()


def test_a_package_is_installed_only_by_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert debian.install("no-such-package", "for nothing") == "only root can install it"


@pytest.mark.parametrize(
    ("environment", "text", "value"),
    [
        ({}, "", ""),
        ({}, "KEY=of the file\n", "of the file"),
        ({}, "# KEY=no\n  export KEY = 'quoted'  \nKEYS=no\n", "quoted"),
        ({}, "KEY=first\nKEY=last\n", "last"),
        ({}, "KEY=\nOTHER=x\n", ""),
        ({"KEY": "of the environment"}, "KEY=of the file\n", "of the environment"),
        ({"KEY": ""}, "KEY=of the file\n", ""),
    ],
)
def test_a_value_is_the_environments_else_the_files(
    environment: dict[str, str], text: str, value: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(text)

    assert value_of("KEY", environment, tmp_path / ".env") == value


def test_a_value_is_nothing_where_there_is_no_file(tmp_path: Path) -> None:
    assert value_of("KEY", {}, tmp_path / ".env") == ""

"""A project that `startproject` makes, with the wheel and the lines of docs/adopt.md."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.product import free_port
from tests.recipes import documented
from tools.environment import ROOT

HERE = Path(__file__).parent
# What our packages call and Django has deprecated is an error.
STRICT = """
import warnings
for kind in (DeprecationWarning, PendingDeprecationWarning):
    warnings.filterwarnings("error", category=kind, module=r"(analytics|privacy|embedded_postgres)(\\.|$)")
"""
ROWS = "from analytics.models import FeatureUsage as F; print(F.objects.filter(feature_name='test_run').values())"


def run(*command: str | Path, cwd: Path, stdin: str | None = None) -> str:
    """What it printed, in an environment without this project's settings. Fails the test if it fails."""
    code, printed = ended(command, cwd=cwd, stdin=stdin)
    assert code == 0, printed
    return printed


def ended(command: Sequence[str | Path], *, cwd: Path, stdin: str | None = None) -> tuple[int, str]:
    found = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=_bare(), input=stdin, capture_output=True, text=True, check=False
    )
    return found.returncode, found.stdout + found.stderr


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}


@dataclass(frozen=True)
class Project:
    """A Django project, the Python of its environment, and the port of its processor."""

    folder: Path
    python: Path
    port: int

    def manage(self, *arguments: str, stdin: str | None = None) -> str:
        return run(self.python, "manage.py", *arguments, cwd=self.folder, stdin=stdin)

    def refused(self, *arguments: str) -> str:
        """What `manage.py` printed that did not succeed."""
        code, printed = ended([self.python, "manage.py", *arguments], cwd=self.folder)
        assert code != 0, printed
        return printed

    @contextmanager
    def processor(self) -> Iterator[None]:
        """The processor, which stores what it has taken before it ends."""
        with self.running("run_telemetry_processor", "--listen", f"127.0.0.1:{self.port}"):
            yield

    @contextmanager
    def running(self, *arguments: str, program: Sequence[str] = ("manage.py",)) -> Iterator[None]:
        """A command that runs until SIGTERM and then ends by itself."""
        process = subprocess.Popen(
            [self.python, *program, *arguments],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_bare(),
        )
        try:
            yield
            assert process.poll() is None, f"{arguments[0]} has ended"
        finally:
            process.terminate()
            process.wait(timeout=60)

    def stores_the_row_of_a_person_who_shares(self) -> None:
        """Drive the main job: pages, a choice, a feature, the processor, the row."""
        with self.processor():
            self.manage("shell", stdin=(HERE / "use.py.txt").read_text())
        assert "'metadata': {'test_count': 3}" in self.manage("shell", "-c", ROWS)


def made(folder: Path, wheel: Path, *, interpreter: str | Path, packages: Sequence[str] = ()) -> Project:
    """A project in `folder`, whose environment has the wheel and `packages`."""
    return started(folder, environment(folder, wheel, interpreter=interpreter, packages=packages))


def environment(folder: Path, wheel: Path, *, interpreter: str | Path, packages: Sequence[str] = ()) -> Path:
    """The Python of an environment in `folder` that has the wheel and `packages`."""
    run(interpreter, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    # Python compiles what a project imports, a small part of what is installed.
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"]
    run(*pip, f"{wheel}[embedded,processor]", *packages, cwd=folder)
    return python


def started(folder: Path, python: Path) -> Project:
    """A project in `folder` with the lines of docs/adopt.md."""
    run(python, "-m", "django", "startproject", "shop", cwd=folder)
    project = Project(folder / "shop", python, free_port())
    run(python, "manage.py", "startapp", "people", cwd=project.folder)
    shown = documented.files(ROOT / "docs" / "adopt.md")
    with (project.folder / "shop" / "settings.py").open("a") as settings:
        settings.write(shown["settings.py"].replace("4317", str(project.port)))
        settings.write('ALLOWED_HOSTS = ["testserver"]\n')
        settings.write(STRICT)
    for name in ("people/models.py", "people/admin.py"):
        (project.folder / name).write_text(shown[name])
    (project.folder / "templates").mkdir()
    (project.folder / "templates" / "base.html").write_text(shown["base.html"])
    (project.folder / "shop" / "urls.py").write_text(shown["urls.py"])
    return project

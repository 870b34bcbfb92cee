"""What the image would hold: the Dockerfile's own instructions, carried out in a directory."""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def stages(path: Path) -> list[tuple[str, list[str]]]:
    """Each stage's image, and its instructions."""
    found: list[tuple[str, list[str]]] = []
    for line in path.read_text().splitlines():
        if line.startswith("FROM "):
            found.append((line.split()[1], []))
        elif found and line and not line.startswith("#"):
            found[-1][1].append(line)
    return found


def copied(instructions: list[str]) -> list[tuple[list[str], str]]:
    """Sources and target of each COPY from the tree."""
    words = [line.split()[1:] for line in instructions if line.startswith("COPY ") and "--from=" not in line]
    return [(each[:-1], each[-1]) for each in words]


def last_stage() -> list[str]:
    return stages(DEPLOY / "Dockerfile")[-1][1]


def make_image(directory: Path) -> Path:
    """The application's directory as the image has it; and of the browser package what was built at set-up."""
    for sources, target in copied(last_stage()):
        for source in sources:
            into = directory / (source if target == "./" else target)
            into.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / source, into)
    shutil.copytree(ROOT / "frontend" / "dist", directory / "frontend" / "dist")
    return directory


def command() -> list[str]:
    """What the image runs if it is told nothing else."""
    (line,) = (line for line in last_stage() if line.startswith("CMD "))
    words: list[str] = json.loads(line.removeprefix("CMD "))
    return words

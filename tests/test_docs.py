"""What the documents say is so: their links lead somewhere, they name every command and every dependency."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("deploy/**/*.md"),
        *ROOT.glob("frontend/*.md"),
    ]
    if "node_modules" not in path.parts
)
OURS = {"accounts", "privacy", "analytics", "demo"}
LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#([^)\s]+))?\)")


def anchors(document: Path) -> set[str]:
    """The names that a document's headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target, anchor in LINK.findall(document.read_text()):
        path = document.parent / target
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(f"{target}#{anchor}" if anchor else target)
    assert broken == []


def test_every_command_is_explained_and_every_explained_command_exists() -> None:
    commands = {name for name, app in get_commands().items() if app in OURS}
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    named = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands - named == set(), "in no document"
    assert named - set(get_commands()) == set(), "no such command"


def test_every_setting_of_djangos_alone_is_explained() -> None:
    code = "\n".join(path.read_text() for app in OURS for path in (ROOT / app).rglob("*.py"))
    read = set(re.findall(r'getattr\(settings, "(TELEMETRY_\w+)"', code))
    explained = set(re.findall(r"^\| `(TELEMETRY_\w+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
    assert "TELEMETRY_SIGN_IN_METHODS" in read and read - explained == set()


def test_adopting_it_takes_twelve_lines_of_settings_and_five_files() -> None:
    shown = re.findall(r"^```\w+ (\S+)\n(.*?)^```", (ROOT / "docs/adopt.md").read_text(), re.MULTILINE | re.DOTALL)
    until_it_works = dict(shown[: [name for name, _ in shown].index("base.html") + 1])
    lines = until_it_works["settings.py"].splitlines()
    assert len([line for line in lines if "AUTH_USER_MODEL" not in line]) <= 12  # a project has that line already
    assert set(until_it_works) == {"people/models.py", "settings.py", "people/admin.py", "urls.py", "base.html"}


def packages(file: str) -> set[str]:
    """The names in a list of requirements; extras, versions and hashes left out."""
    text = (ROOT / file).read_text().replace("\\\n", "")
    lines = (re.split(r"#|--hash", line)[0].strip() for line in text.splitlines())
    return {Requirement(line).name.lower() for line in lines if line and not line.startswith("-")}


def test_every_dependency_says_what_it_is_for() -> None:
    document = (ROOT / "docs/dependencies.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \|", document, re.MULTILINE)
    said = {word.lower() for row in rows for word in re.findall(r"[A-Za-z][\w.@/-]+", row)}
    wanted = packages("requirements.in") | packages("requirements-dev.in")
    assert wanted - said == set()


def test_everything_that_is_installed_is_pinned_with_hashes() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().replace("\\\n", "").splitlines():
            pinned = r"[\w.-]+(\[[\w,-]+\])?==[\w.+]+( ; \S.*?)?(\s+--hash=sha256:[0-9a-f]{64})+"
            assert re.fullmatch(pinned, line), f"{file}: {line[:80]}"
    assert packages("requirements.in") <= packages("requirements.txt")
    assert packages("requirements-dev.in") <= packages("requirements-dev.txt")

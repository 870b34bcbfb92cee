"""Findings of an examination."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """Severity of a finding, and exit code of the command."""

    WELL = 0
    LOOK = 1
    BROKEN = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `means` and `do` are empty if all is well."""

    level: Level
    topic: str
    what: str
    means: str = ""
    do: str = ""

    def line(self) -> str:
        word = {Level.WELL: "well  ", Level.LOOK: "look  ", Level.BROKEN: "BROKEN"}[self.level]
        rest = " ".join(f"{part}." for part in (self.means, self.do) if part)
        return f"{word} {self.topic}: {self.what}{f'. {rest}' if rest else ''}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"level": self.level.name.lower()}


def well(topic: str, what: str) -> Finding:
    return Finding(Level.WELL, topic, what)

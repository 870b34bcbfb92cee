"""What an examination of an installation finds."""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """Also the exit codes of the command."""

    WELL = 0
    LOOK = 1
    BROKEN = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """`topic` is one word. `means` and `do` are empty where all is well."""

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

"""How far a long command has come: a bar on a terminal, a line for each tenth in a log."""

from django.core.management.base import OutputWrapper

WIDTH = 30


class Progress:
    """`what` is counted, such as "days sent"."""

    def __init__(self, out: OutputWrapper, what: str) -> None:
        self._out, self._what, self._tenth = out, what, 0

    def show(self, done: int, total: int, note: str = "") -> None:
        words = f"{done} of {total} {self._what}{', ' if note else ''}{note}"
        if self._out.isatty():
            filled = WIDTH * done // total
            # A carriage return and no line feed: the next one is written over this.
            self._out.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {words}", ending="\n" if done == total else "")
            self._out.flush()
        elif (tenth := 10 * done // total) > self._tenth:
            self._tenth = tenth
            self._out.write(words)

"""Progress output of long commands: a bar on a terminal, a line for each tenth otherwise."""

from django.core.management.base import OutputWrapper

WIDTH = 30


class Progress:
    """Progress of one task. `what` names the counted things, such as "days sent"."""

    def __init__(self, out: OutputWrapper, what: str) -> None:
        self._out, self._what, self._tenth = out, what, 0

    def show(self, done: int, total: int, note: str = "") -> None:
        text = f"{done} of {total} {self._what}{', ' if note else ''}{note}"
        if self._out.isatty():
            filled = WIDTH * done // total
            # A carriage return without line feed: the next output overwrites this line.
            self._out.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {text}", ending="\n" if done == total else "")
            self._out.flush()
        elif (tenth := 10 * done // total) > self._tenth:
            self._tenth = tenth
            self._out.write(text)

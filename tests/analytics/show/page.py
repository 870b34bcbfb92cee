"""A page of reports, read as a person reads it: by what stands in it."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.figures: list[list[str]] = []
        self._rows: list[list[str]] | None = None
        self._cells: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if said.get("role") == "region":
            self._rows = self.tables.setdefault((said["aria-label"] or "").removeprefix("Numbers: "), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif (said.get("class") or "").split()[:1] == ["figure"]:
            self.figures.append([])
        elif tag in {"dt", "dd"} or (tag == "td" and self._rows is not None):
            self._cells = self._rows[-1] if tag == "td" and self._rows else self.figures[-1]
            self._cells.append("")
            # The change is the page's own; reports and downloads have none.
            if (said.get("class") or "").startswith("change") and tag == "td":
                self._cells.pop()
                self._cells = None

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "dt", "dd"}:
            self._cells = None
        elif tag in {"tbody", "table"}:
            self._rows = None

    def handle_data(self, data: str) -> None:
        if self._cells:
            self._cells[-1] += data


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    return reader


def tables_of(page: str) -> dict[str, list[list[str]]]:
    """The cells of each table's rows, by the report's title."""
    return {title: [row for row in rows if row] for title, rows in _read(page).tables.items()}


def figures_of(page: str) -> dict[str, tuple[str, str]]:
    """Each figure's value and the one before, by its title."""
    return {
        title.strip(): (value.strip(), before.strip().removeprefix("before: "))
        for title, value, before, _ in _read(page).figures
    }

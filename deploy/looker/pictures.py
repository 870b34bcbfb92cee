"""Draws what the views return, for README.md beside this file.

Signs in as PGUSER with PGPASSWORD at PGHOST to PGDATABASE, which should be the reporting role and hold demo data
(`manage.py load_demo_telemetry`); needs Chromium.
"""

import html
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
QUERIES = {
    "active_people": "SELECT * FROM analytics_report_active_people\nORDER BY day DESC, deployment_type LIMIT 10",
    "feature_adoption": "SELECT * FROM analytics_report_feature_adoption\n"
    "WHERE day >= current_date - 7 ORDER BY day DESC, unique_users DESC LIMIT 10",
    "endpoint_performance": "SELECT day, endpoint, method, unique_users, requests, error_percent, p50_ms, p95_ms\n"
    "FROM analytics_report_endpoint_performance WHERE deployment_type = 'cloud'\n"
    "ORDER BY day DESC, p95_ms DESC LIMIT 10",
    "retention": "SELECT * FROM analytics_report_retention\nWHERE first_day <= current_date - 8 "
    "ORDER BY first_day DESC LIMIT 10",
}
STYLE = """
body { margin: 0; padding: 18px; background: #fff; color: #1d2330; width: max-content }
body { font: 14px/1.5 system-ui, sans-serif }
pre { margin: 0 0 12px; color: #44506a; font: 13px/1.5 ui-monospace, monospace }
table { border-collapse: collapse }
th { text-align: left; border-bottom: 2px solid #8b96ad; padding: 4px 14px 4px 0 }
td { border-bottom: 1px solid #dde2ec; padding: 4px 14px 4px 0; font-variant-numeric: tabular-nums }
td.number, th.number { text-align: right }
td.empty { color: #8b96ad }
"""


def page(query: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    numbers = [any(not isinstance(row[index], str | None) and not hasattr(row[index], "year") for row in rows)
               for index in range(len(columns))]  # fmt: skip
    head = "".join(f"<th{_kind(number)}>{name}" for name, number in zip(columns, numbers, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell(value, number) for value, number in zip(row, numbers, strict=True)) for row in rows
    )
    table = f"<pre>{html.escape(query)}</pre><table><tr>{head}{body}"
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{table}"


def _kind(number: bool) -> str:
    return " class=number" if number else ""


def _cell(value: Any, number: bool) -> str:
    if value is None:
        return "<td class='empty number'>null"
    text = f"{float(value):.1f}" if number and not isinstance(value, int) else str(value)
    return f"<td{_kind(number)}>{html.escape(text)}"


def main() -> None:
    with psycopg.connect() as connection, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 400, "height": 100})
        for name, query in QUERIES.items():
            cursor = connection.execute(query)  # type: ignore[call-overload]
            tab.set_content(page(query, [column.name for column in cursor.description or ()], cursor.fetchall()))
            tab.locator("body").screenshot(path=HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()

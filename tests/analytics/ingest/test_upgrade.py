"""Every example of docs/upgrade-rhesis.md, as an older client sends it, by both ways of reading."""

import json
import re
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.ingest.verdict import Verdict
from tests.analytics.ingest.spans import OLD_REQUEST
from tests.analytics.ingest.test_judge import Judge, judge, only_reason, only_row, span
from tests.collector.spans import Value
from tests.test_docs import ROOT

__all__ = ["judge"]  # a fixture
DOCUMENT = (ROOT / "docs" / "upgrade-rhesis.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([^`]+)`")
OLD_IDS: dict[str, Value] = {"user.id": "0123456789abcdef", "organization.id": "fedcba9876543210"}
OLD_LOGIN: dict[str, Value] = {**OLD_IDS, "event.category": "user_activity", "event.type": "login"}
OLD_TEST_RUN: dict[str, Value] = {
    **OLD_IDS,
    "event.category": "feature_usage",
    "feature.name": "test_run",
    "feature.action": "created",
}
OF_NAME = {"http": OLD_REQUEST, "duration_ms": OLD_REQUEST, "event": OLD_LOGIN, "session": OLD_LOGIN}


def examples(heading: str, *, columns: int = 2) -> list[list[str]]:
    """The code in the first cells of each line of the table under `heading`."""
    section = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[CODE.findall(cell)[0] for cell in line.strip("| ").split(" | ")[:columns]] for line in lines]


def judged(judge: Judge, sent: str) -> Verdict:
    """What becomes of an older client's span with this attribute."""
    name, _, value = sent.partition("=")
    if name == "deployment.type":
        return judge(span(OLD_REQUEST), resource={name: value})
    values = OF_NAME.get(name.partition(".")[0], OLD_TEST_RUN)
    kind = Span.SPAN_KIND_INTERNAL
    return judge(span({**values, name: value}, kind=kind), resource={"deployment.type": "self-hosted"})


def column(row: dict[str, Any], stored: str) -> str:
    """As the document writes it."""
    name, _, _ = stored.partition("=")
    value = row[name]
    return f"{name}={json.dumps(value) if isinstance(value, dict) else value}"


@pytest.mark.parametrize(("sent", "stored"), examples("Stored unchanged"))
def test_what_survives_an_upgrade_is_stored_as_the_document_lists_it(judge: Judge, sent: str, stored: str) -> None:
    found = judged(judge, sent)

    assert column(only_row(found), stored) == stored
    assert not found.dropped


@pytest.mark.parametrize(("sent", "stored", "part"), examples("Stored in part", columns=3))
def test_what_is_stored_in_part_is_counted(judge: Judge, sent: str, stored: str, part: str) -> None:
    found = judged(judge, sent)

    assert column(only_row(found), stored) == stored
    assert found.dropped == {part: 1}


@pytest.mark.parametrize(("sent", "reason"), examples("Rejected"))
def test_what_is_rejected_has_the_reason_that_the_document_names(judge: Judge, sent: str, reason: str) -> None:
    assert only_reason(judged(judge, sent)) == reason


def test_nobody_deletes_the_rows_of_an_older_pseudonym_by_naming_it(judge: Judge) -> None:
    """Whoever has read rows knows it, and nothing opens it."""
    assert only_reason(judge(span({**OLD_LOGIN, "event.type": "erasure_requested"}))) == "bad_secret"


def test_the_document_has_examples_of_each_fate() -> None:
    tables = ("Stored unchanged", "Stored in part", "Rejected")
    assert [len(examples(heading)) for heading in tables] == [17, 5, 13]

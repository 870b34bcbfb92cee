"""The recipes of docs/connect.md do what it promises, each as it stands there."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from analytics.identity import Kind, pseudonym
from analytics.models import EndpointUsage, IngestTally
from tests.acceptance.product import wait_until
from tests.profile import LONG
from tests.recipes import documented
from tests.recipes.services import EXPRESS, GO, HERE, RECIPES, Recipe, Service

# By its name: the fixture that wants it is asked for only when a test runs.
pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[[Recipe, str], Service]
COLUMNS = ("endpoint", "method", "status_code", "user_id", "organization_id", "deployment_type", "metadata")


def rows() -> list[tuple[object, ...]]:
    return list(EndpointUsage.objects.order_by("timestamp").values_list(*COLUMNS))


def tally() -> list[tuple[str, str, str, int]]:
    return sorted(IngestTally.objects.values_list("outcome", "reason", "sender", "spans"))


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_requests_of_who_shares_become_rows_and_nothing_else_is_sent(
    recipe: Recipe, endpoint: str, start: Start
) -> None:
    service = start(recipe, endpoint)

    # First, so that it would be here by the time that the others are.
    assert service.get("/projects/8", user="bob") == 200
    assert service.get("/broken", user="ada") == recipe.broken_status
    assert service.get("/projects/7", user="ada") == 200
    wait_until("both rows", lambda: EndpointUsage.objects.count() >= 2)

    whose = (pseudonym(Kind.USER, "ada", "a random text of ada"), None, "cloud", {})
    assert rows() == [("/broken", "GET", recipe.broken_status, *whose), (recipe.route, "GET", 200, *whose)]
    assert [row for row in tally() if row[0] != "stored"] == [("part", "voucher", "shop", 2)], "on the service's word"
    assert sum(row[3] for row in tally() if row[0] == "stored") == 2


def test_a_user_on_the_active_span_of_express_is_refused_under_the_senders_name(straight: str, start: Start) -> None:
    as_is_usual = ("getRPCMetadata(context.active())?.span", 'require("@opentelemetry/api").trace.getActiveSpan()')
    everything = ('if (span.kind === SpanKind.SERVER && span.attributes["user.id"]) ', "")
    service = start(replace(EXPRESS, name="active-span", edits=(as_is_usual, everything)), straight)

    assert service.get("/projects/7", user="ada") == 200
    # The server's span is the last one to end, and has no user.
    wait_until("the refusals", lambda: sum(row[3] for row in tally()) >= 3)

    assert {row[:3] for row in tally()} == {("rejected", "not_telemetry", "shop")}
    assert rows() == []


@pytest.mark.skipif(not LONG, reason="Go is of the long profile")
def test_a_go_service_without_a_route_is_unmatched_and_its_panic_refused(straight: str, start: Start) -> None:
    no_route = ('span.SetAttributes(attribute.String("http.route", request.Pattern))', "")
    no_status = ('span.SetStatus(codes.Error, "")', "_ = codes.Error")
    service = start(replace(GO, name="go-careless", edits=(no_route, no_status)), straight)

    service.get("/broken", user="ada")
    assert service.get("/projects/7", user="ada") == 200
    wait_until("the row", EndpointUsage.objects.exists)

    assert [row[:3] for row in rows()] == [("unmatched", "GET", 200)]
    assert ("rejected", "bad_http", "shop", 1) in tally()


def test_the_table_of_clients_names_the_versions_that_are_run() -> None:
    manifests = {
        **dict(re.findall(r"^(\S+)==(\S+)$", (HERE / "requirements.txt").read_text(), re.MULTILINE)),
        **dict(re.findall(r'"(\S+)": "(\S+)"', (HERE / "node" / "package.json").read_text())),
        **dict(re.findall(r"^\t(\S+) (v\S+)", (HERE / "go" / "go.mod").read_text(), re.MULTILINE)),
        **dict(
            re.findall(r"<artifactId>(\S+)</artifactId>\s*<version>(\S+)<", (HERE / "java" / "pom.xml").read_text())
        ),
    }
    table = documented.CONNECT.read_text().rpartition("| client | versions |")[2]

    named = re.findall(r"`([@\w./-]+) (v?\d[\w.]+)`", table)

    assert len(named) == 12
    assert {name: manifests.get(name) for name, _ in named} == dict(named)

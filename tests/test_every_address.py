"""Every address of the site against everybody who might ask: a new one without a line here fails."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import Organization
from analytics.models import EndpointUsage, Erasure, ExportTally, FeatureUsage, IngestTally, UserActivity
from privacy import choices
from privacy.models import (
    Access,
    AccessEvent,
    ConsentEvent,
    InstallationControl,
    OrganizationPolicy,
    Preference,
    PrivacyNotice,
    ServiceToken,
    Source,
)
from tests.support.people import a_person, signed_in
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(databases="__all__")


@dataclass(frozen=True, slots=True)
class Line:
    """What `path` answers to: nobody signed in, a person, staff without permissions, staff who may view everything, a
    superuser. `{organization}` and its like stand for the id of one there is."""

    route: str
    answers: str
    method: str = "get"
    path: str = ""
    data: dict[str, Any] = field(default_factory=dict)


EVERYBODY = "200 200 200 200 200"
STAFF_ONLY = "302 302 200 200 200"
REDIRECTS = "302 302 302 302 302"
VIEWERS = "302 302 403 200 200"
SUPERUSERS = "302 302 403 403 200"
NOBODY = "302 302 403 403 403"
SIGNED_IN = "302 200 200 200 200"
BY_API = "401 200 200 200 200"


def of_model(app: str, name: str, *, add: str, change: str = VIEWERS, delete: str) -> list[Line]:
    """The six addresses that the admin has for a model."""
    root = f"admin/{app}/{name}/"
    row = f"{root}<path:object_id>/"
    return [
        Line(root, VIEWERS),
        Line(f"{root}add/", add),
        Line(row, REDIRECTS),  # to the row's page, which decides
        Line(f"{row}change/", change),
        Line(f"{row}delete/", delete),
        Line(f"{row}history/", VIEWERS),
    ]


TABLE = [
    Line("healthz", EVERYBODY),
    Line("readyz", EVERYBODY),
    # Accounts
    Line("", SIGNED_IN),
    Line("sign-in/", "200 302 302 302 302"),
    Line("sign-out/", REDIRECTS, "post"),
    Line("settings/password/", SIGNED_IN),
    Line("api/auth/login", "400 400 400 400 400", "post"),
    Line("api/auth/logout", "401 401 401 401 401", "post"),  # of tokens, which a session is not
    Line("api/schema", EVERYBODY),
    Line("api/docs", EVERYBODY),
    # Settings -> Privacy, each person's own
    Line("settings/privacy/", SIGNED_IN),
    Line("settings/privacy/sharing/", REDIRECTS, "post", data={"sharing": "off"}),
    Line("settings/privacy/notice/", REDIRECTS, "post", data={"version": "1"}),
    Line("settings/privacy/seen/", "302 204 204 204 204", "post", data={"version": "1", "page": "home"}),
    Line("settings/privacy/download/", SIGNED_IN),
    Line("settings/privacy/delete/", SIGNED_IN),
    Line("settings/privacy/delete/", REDIRECTS, "post"),
    Line("api/users/telemetry/status", BY_API),
    Line("api/users/telemetry/enable", BY_API, "put"),
    Line("api/users/telemetry/disable", BY_API, "put"),
    Line("api/users/telemetry/preview", BY_API),
    Line("api/users/telemetry/history", BY_API),
    Line(
        "api/users/telemetry/history/<str:event>/receipt",
        "401 404 404 404 404",  # nobody's but the person's own
        path="api/users/telemetry/history/{consentevent}/receipt",
    ),
    Line(".well-known/consent-receipt-keys", EVERYBODY),
    Line("api/users/telemetry/data", BY_API),
    Line("api/users/telemetry/data", "401 202 202 202 202", "delete"),
    Line("api/users/telemetry/erasures", BY_API),
    Line("settings/privacy/organization/", "302 403 403 403 302", "post", data={"policy": "off"}),
    Line("api/organization/telemetry-policy", BY_API),
    Line("api/organization/telemetry-policy", "401 403 403 403 200", "put"),
    Line("api/organization/telemetry-policy", "401 403 403 403 200", "delete"),
    Line("api/telemetry/decision", "401 401 401 401 401"),  # for services, which have tokens of their own
    Line("api/reports", "401 401 401 401 401"),
    Line("api/reports/<path:name>", "401 401 401 401 401", path="api/reports/retention"),
    # Telemetry of browsers
    Line("v1/traces", "401 403 403 403 403", "post"),  # of pages of the session, which this is none of
    Line("v1/identity", EVERYBODY),
    Line("v1/catalogue", EVERYBODY),
    # The installation
    Line("metrics", "404 404 404 404 404"),  # no TELEMETRY_METRICS_TOKEN is set
    Line("admin/analytics/installation/", VIEWERS),
    # Reports
    Line("admin/analytics/reports/", VIEWERS),
    Line("admin/analytics/reports/digest", VIEWERS),
    Line("admin/analytics/reports/digest", "302 302 403 302 302", "post", data={"weekly": "off"}),
    Line("admin/analytics/reports/<slug:name>/", VIEWERS, path="admin/analytics/reports/features/"),
    Line("admin/analytics/reports/<slug:name>.<slug:extension>", VIEWERS, path="admin/analytics/reports/retention.csv"),
    # The admin itself
    Line("admin/", STAFF_ONLY),
    Line("admin/login/", "200 200 302 302 302"),
    Line("admin/logout/", REDIRECTS, "post"),
    Line("admin/password_change/", STAFF_ONLY),
    Line("admin/password_change/done/", STAFF_ONLY),
    Line("admin/jsi18n/", STAFF_ONLY),
    Line("admin/autocomplete/", "302 302 403 403 403"),
    Line("admin/r/<path:content_type_id>/<path:object_id>/", "302 302 404 404 404", path="admin/r/0/0/"),
    Line(
        "admin/^(?P<app_label>auth|privacy|accounts|knox|analytics)/$", "302 302 404 200 200", path="admin/analytics/"
    ),
    Line("admin/(?P<url>.*)$", "302 302 404 404 404", path="admin/nonsense/"),
    # What people and programs are
    *of_model("accounts", "user", add=SUPERUSERS, delete=SUPERUSERS),
    Line("admin/accounts/user/<id>/password/", SUPERUSERS, path="admin/accounts/user/{user}/password/"),
    *of_model("accounts", "organization", add=SUPERUSERS, delete=SUPERUSERS),
    *of_model("auth", "group", add=SUPERUSERS, delete=SUPERUSERS),
    *of_model("knox", "authtoken", add=NOBODY, delete=SUPERUSERS),
    # What is only written by the program
    *of_model("privacy", "consentevent", add=NOBODY, delete=NOBODY),
    *of_model("privacy", "accessevent", add=NOBODY, delete=NOBODY),
    *of_model("privacy", "preference", add=NOBODY, delete=NOBODY),
    *of_model("privacy", "servicetoken", add=SUPERUSERS, delete=SUPERUSERS),
    *of_model("privacy", "privacynotice", add=SUPERUSERS, delete=NOBODY),
    *of_model("privacy", "organizationpolicy", add=NOBODY, delete=NOBODY),
    *of_model("privacy", "installationcontrol", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "useractivity", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "endpointusage", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "featureusage", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "exporttally", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "ingesttally", add=NOBODY, delete=NOBODY),
    *of_model("analytics", "erasure", add=NOBODY, delete=NOBODY),
]


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern, route)


@pytest.fixture
def one_of_each() -> dict[str, Any]:
    """An id of every model that the admin shows."""
    person = a_person()
    choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
    # Today's rows are on no page.
    yesterday = timezone.now() - timedelta(days=1)
    usage: dict[str, Any] = {"user_id": uuid4(), "timestamp": yesterday, "deployment_type": "cloud"}
    day = timezone.now().date()
    rows: list[Model] = [
        person,
        Organization.objects.create(name="One"),
        Group.objects.create(name="one"),
        AuthToken.objects.create(user=person)[0],
        ConsentEvent.objects.get(),
        AccessEvent.objects.create(actor=person, access=Access.LISTED, what="preferences", recorded_at=timezone.now()),
        Preference.objects.get(),
        PrivacyNotice.objects.get(),
        ServiceToken.objects.create(name="one", digest="0" * 64),
        InstallationControl.objects.get(),
        OrganizationPolicy.objects.create(organization_id="one"),
        UserActivity.objects.create(event_type="login", **usage),
        EndpointUsage.objects.create(endpoint="/a/", method="GET", status_code=200, duration_ms=1.0, **usage),
        FeatureUsage.objects.create(feature_name="test_run", action="run", **usage),
        ExportTally.objects.create(day=day, outcome="sent", spans=1),
        IngestTally.objects.create(day=day, slot=0, outcome="stored", spans=1),
        Erasure.objects.create(requested_at=timezone.now()),
    ]
    return {str(row._meta.model_name): row.pk for row in rows}


@pytest.fixture
def everybody() -> list[Client]:
    """In the order of a line's answers."""
    viewer = a_person(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    people = [a_person(), a_person(is_staff=True), viewer, a_person(is_staff=True, is_superuser=True)]
    return [Client(), *(signed_in(person) for person in people)]


def address(line: Line, ids: dict[str, Any]) -> str:
    path = line.path or line.route
    if "<path:object_id>" in path:
        model = path.split("/")[2]
        path = path.replace("<path:object_id>", str(ids[model]))
    return f"/{path.format(**ids)}"


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    assert {line.route for line in TABLE} == set(routes(get_resolver()))


@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{line.method} {line.route or '/'}")
def test_every_address_answers_each_role_as_in_the_table(
    line: Line, one_of_each: dict[str, Any], everybody: list[Client]
) -> None:
    cache.clear()
    path = address(line, one_of_each)
    more: dict[str, Any] = {"headers": {"Origin": "http://testserver"}}
    if line.route.startswith("api/") and line.method != "get":
        more["content_type"] = "application/json"
    with wired(TELEMETRY_STORED_HERE="true", NEXT_PUBLIC_OTEL_ENDPOINT="/v1/traces"):
        answers = [getattr(client, line.method)(path, line.data, **more) for client in everybody]
    assert " ".join(str(answer.status_code) for answer in answers) == line.answers

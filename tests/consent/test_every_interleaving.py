"""The gate under every interleaving Hypothesis can think of, against a model that remembers everything.

Real requests through the whole middleware stack, real choices in a real database, the real exporter and a collector on
a real socket, which fails as often as it does not, so that choices are made between two attempts too. Each request
carries a number, so that the model knows of each span on the wire who it is of, when its request began, and whether
that person consented then, at the attempt, and without a break in between.

The normal profile takes some thousand steps; TELEMETRY_TEST_PROFILE=long takes at least 100,000.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from accounts.models import Organization, User
from analytics import track_feature_usage
from analytics.collect import pipeline
from analytics.collect.transport.otlp_http import HttpTransport
from privacy import choices
from privacy.installation import ensure_installation_rows
from privacy.middleware import _noted
from privacy.models import Source
from privacy.notices import forget_current_notice
from privacy.process import start_anew
from privacy.switches import DeploymentType
from tests.support import collectors as c
from tests.support.clock import Clock
from tests.support.people import alias_of
from tests.support.wire import TELEMETRY_ON

LONG = os.environ.get("TELEMETRY_TEST_PROFILE") == "long"
EXAMPLES, STEPS = (700, 100) if LONG else (20, 100)
NUMBER_ATTRIBUTE = "metadata.test_count"
PEOPLE = st.integers(0, 2)
BROWSERS = st.integers(0, 1)
# Two people of the first organization, one of the second, at the beginning.
ORGANIZATIONS = st.integers(0, 1)
MOSTLY_NOT = st.sampled_from([False] * 7 + [True])


def numbered(request: HttpRequest, number: int) -> HttpResponse:
    """A page that knows its visitor and uses a feature."""
    if request.user.is_authenticated:
        track_feature_usage("test_run", "created", test_count=number)
    return HttpResponse("ok")


urlpatterns = [path("numbered/<int:number>/", numbered), path("", include("rhesis_site.urls"))]


@dataclass
class Person:
    """One person as the model knows them. Times are the model's own clock: the number of the step."""

    user: User
    browsers: list[Client]
    organization: int | None = None
    joined: int = 0
    choice: bool | None = None
    notice_version: int = 0
    put_away: int = 0
    browser_signal: bool = False
    # Since when nothing of the person's own has stood against recording.
    consenting_since: int | None = None


@dataclass(frozen=True)
class Visit:
    """One numbered request: of whom, and at which step it began."""

    person: Person
    began: int


# In all these cases an attempt is made again, as long as anything is left; the whole body was read before.
FAILURES: dict[str, c.Behaviour] = {
    "503": c.answers(503),
    "503, later": c.answers(503, Retry_After="20"),
    "429": c.answers(429),
    "reset": c.resets,
    "half": c.says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    "nonsense": c.says(b"WHAT?\r\n"),
}
LAST_WORDS: dict[str, c.Behaviour] = {
    "200": c.answers(),
    "partial": c.answers(200, c.partial_success(1)),
    "400": c.answers(400),
    "redirect": c.answers(302, Location="/elsewhere"),
    "page": c.answers(200, b"<html>", Content_Type="text/html"),
}
# Two failures at most, and a batch has a minute, which only waits use up: so there always is a last attempt.
MOODS = st.tuples(st.lists(st.sampled_from(sorted(FAILURES)), max_size=2), st.sampled_from(sorted(LAST_WORDS)))
MINUTE = 60.0


@dataclass
class Collector:
    """One with moods: `todo` is what it does with the next requests; after that it takes them."""

    taken: c.Taken
    todo: list[c.Behaviour] = field(default_factory=list)

    def attempts(self) -> list[dict[int, str]]:
        """Of each request since the last look, the numbers in it and whose they are; those without any left out."""
        found = [dict(_numbers(request)) for request in self.taken.requests()]
        self.taken.bodies.clear()
        return [numbers for numbers in found if numbers]


def _numbers(request: ExportTraceServiceRequest) -> Iterator[tuple[int, str]]:
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                attributes = {attribute.key: attribute.value for attribute in span.attributes}
                if NUMBER_ATTRIBUTE in attributes:
                    yield attributes[NUMBER_ATTRIBUTE].int_value, attributes["user.id"].string_value


@contextmanager
def moody_collector() -> Iterator[Collector]:
    found: Collector | None = None

    def behave(connection: socket.socket, taken: c.Taken) -> None:
        assert found is not None
        (found.todo.pop(0) if found.todo else LAST_WORDS["200"])(connection, taken)

    with c.http_collector(behave) as taken:
        found = Collector(taken)
        yield found


def empty_the_tables() -> None:
    """What an example leaves behind, and what the processes of a site remember of it."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_consent_event DISABLE TRIGGER privacy_consent_event_no_truncate")
        cursor.execute(
            "TRUNCATE privacy_consent_event, privacy_preference, privacy_notice, privacy_installation_control, "
            "privacy_organization_policy, analytics_export_tally, django_session, accounts_user, "
            "accounts_organization CASCADE"
        )
        cursor.execute("ALTER TABLE privacy_consent_event ENABLE TRIGGER privacy_consent_event_no_truncate")
    ensure_installation_rows()
    forget_current_notice()
    cache.clear()
    _noted.clear()
    pipeline.hint.forget(None)
    start_anew(pipeline.tally)


class Gate(RuleBasedStateMachine):
    """What may happen, in any order. `deployment` is set by the test below."""

    deployment: DeploymentType
    time: Clock
    steps_taken = 0
    spans_sent = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0
        self.number = 0
        self.recorded = 0
        self.locked = False
        self.lock_changed = 0
        self.notice_version = 1
        self.queued: dict[int, Visit] = {}
        self.stack = ExitStack()

    # --- the beginning and the end ---

    @initialize()
    def begin(self) -> None:
        empty_the_tables()
        self.collector = self.stack.enter_context(moody_collector())
        self.start()
        self.operator = User.objects.create_superuser("operator")
        self.organizations = [Organization.objects.create(name=name) for name in ("first", "second")]
        self.policies = [(False, 0), (False, 0)]
        self.people = [self.new_person(f"person-{index}", index // 2) for index in range(3)]

    def start(self) -> None:
        self.process = ExitStack()
        self.running = self.process.enter_context(pipeline.replaced(self.transport, timeout_seconds=MINUTE))

    def transport(self) -> HttpTransport:
        return HttpTransport(self.collector.taken.url + "/v1/traces", headers={}, compress=False)

    def teardown(self) -> None:
        if hasattr(self, "running"):
            self.running.flush()
            self.process.close()
        self.stack.close()

    def new_person(self, name: str, organization: int | None) -> Person:
        of = None if organization is None else self.organizations[organization]
        user = User.objects.create_user(name, organization=of)
        browsers = [Client(), Client()]
        for browser in browsers:
            browser.force_login(user)
        return Person(user, browsers, organization)

    def tick(self) -> int:
        self.clock += 1
        type(self).steps_taken += 1
        return self.clock

    # --- the model ---

    def since(self, person: Person) -> int | None:
        """Since when the person's usage may be recorded, without a break; None if it may not."""
        if self.locked:
            return None
        if person.choice is None:
            if self.deployment is DeploymentType.SELF_HOSTED or not person.notice_version or person.browser_signal:
                return None
        elif not person.choice:
            return None
        off, changed = self.policy(person)
        if off:
            return None
        assert person.consenting_since is not None
        return max(person.consenting_since, self.lock_changed, changed, person.joined)

    def policy(self, person: Person) -> tuple[bool, int]:
        """Whether the person's organization has switched sharing off, and when it last changed that."""
        return (False, 0) if person.organization is None else self.policies[person.organization]

    def choice_made(self, person: Person, choice: bool, now: int) -> None:
        if person.choice is choice:
            return
        before = self.since(person)
        person.choice = choice
        person.consenting_since = (before if before is not None else now) if choice else None

    def page_was_shown(self, person: Person, now: int) -> None:
        if person.put_away >= self.notice_version:
            return  # no banner on it
        if self.locked or (self.policy(person)[0] and person.choice is not False):
            return  # nothing to decide
        if not person.notice_version and person.choice is None and not person.browser_signal:
            person.consenting_since = now
        person.notice_version = max(person.notice_version, self.notice_version)

    def signal_was_seen(self, person: Person) -> None:
        if not person.browser_signal:
            person.browser_signal = True
            if person.choice is None:
                person.consenting_since = None

    # --- what people, staff and machines do ---

    @rule(who=PEOPLE, browser=BROWSERS, signal=MOSTLY_NOT, flush=st.booleans())
    def visit(self, who: int, browser: int, signal: bool, flush: bool) -> None:
        now, person = self.tick(), self.people[who]
        self.number += 1
        headers = {"Sec-GPC": "1"} if signal else {}
        if signal:
            self.signal_was_seen(person)
        self.queued[self.number] = Visit(person, now)
        answer = person.browsers[browser].get(f"/numbered/{self.number}/", headers=headers)
        assert answer.status_code == 200
        if flush:
            self.flush()

    @rule(visitors=st.lists(st.tuples(PEOPLE, BROWSERS), min_size=1, max_size=6), flush=st.booleans())
    def several_visit(self, visitors: list[tuple[int, int]], flush: bool) -> None:
        for who, browser in visitors:
            self.visit(who, browser, signal=False, flush=False)
        if flush:
            self.flush()

    @rule(who=PEOPLE, browser=BROWSERS, flush=st.booleans())
    def share_and_visit(self, who: int, browser: int, flush: bool) -> None:
        self.toggle(who, browser, choice=True)
        self.visit(who, browser, signal=False, flush=flush)

    @rule(who=PEOPLE, browser=BROWSERS, head=st.sampled_from([False, False, True]))
    def look_at_a_page(self, who: int, browser: int, head: bool) -> None:
        now, person = self.tick(), self.people[who]
        client = person.browsers[browser]
        assert (client.head if head else client.get)("/settings/password/").status_code == 200
        if not head:
            self.page_was_shown(person, now)

    @rule(who=PEOPLE, browser=BROWSERS)
    def put_the_notice_away(self, who: int, browser: int) -> None:
        self.tick()
        person = self.people[who]
        person.browsers[browser].post("/settings/privacy/notice/", {"version": str(self.notice_version)})
        person.put_away = max(person.put_away, min(self.notice_version, person.notice_version))

    @rule(who=PEOPLE, browser=BROWSERS, choice=st.sampled_from([True, True, True, False]))
    def toggle(self, who: int, browser: int, choice: bool) -> None:
        now, person = self.tick(), self.people[who]
        call = "enable" if choice else "disable"
        answer = person.browsers[browser].put(f"/api/users/telemetry/{call}")
        self.choice_made(person, choice, now)
        assert answer.json()["telemetry_enabled"] is (self.since(person) is not None)

    @rule(who=PEOPLE, browser=BROWSERS)
    def ask_for_the_status(self, who: int, browser: int) -> None:
        self.tick()
        person = self.people[who]
        status = person.browsers[browser].get("/api/users/telemetry/status").json()
        assert status["telemetry_enabled"] is (self.since(person) is not None)

    @rule(who=PEOPLE, browser=BROWSERS)
    def sign_out_and_in_again(self, who: int, browser: int) -> None:
        self.tick()
        person = self.people[who]
        person.browsers[browser].post("/sign-out/")
        person.browsers[browser].force_login(person.user)

    @rule(who=PEOPLE)
    def staff_switch_off(self, who: int) -> None:
        now, person = self.tick(), self.people[who]
        choices.choose(person.user.pk, enabled=False, source=Source.ADMIN, actor_id=self.operator.pk)
        self.choice_made(person, False, now)

    @rule(locked=MOSTLY_NOT)
    def operator_turns_the_lock(self, locked: bool) -> None:
        now = self.tick()
        choices.set_lock(locked=locked, source=Source.ADMIN, actor_id=self.operator.pk)
        if locked is not self.locked:
            self.locked, self.lock_changed = locked, now

    @rule(which=ORGANIZATIONS, off=st.sampled_from([False, False, True]))
    def an_organization_changes_its_policy(self, which: int, off: bool) -> None:
        now = self.tick()
        choices.set_organization_policy(
            str(self.organizations[which].pk), sharing_off=off, source=Source.API, actor_id=self.operator.pk
        )
        if off is not self.policies[which][0]:
            self.policies[which] = (off, now)

    @rule(who=PEOPLE, to=st.none() | ORGANIZATIONS, really=MOSTLY_NOT)
    def someone_changes_the_organization(self, who: int, to: int | None, really: bool) -> None:
        now, person = self.tick(), self.people[who]
        if really and to != person.organization:
            User.objects.filter(pk=person.user.pk).update(
                organization=None if to is None else self.organizations[to].pk
            )
            person.organization, person.joined = to, now

    @rule()
    def staff_publish_a_notice(self) -> None:
        self.tick()
        self.notice_version += 1
        assert choices.publish_notice(title="T", body="B", actor_id=None).version == self.notice_version

    @rule(who=PEOPLE, really=MOSTLY_NOT)
    def someone_leaves_and_someone_comes(self, who: int, really: bool) -> None:
        self.tick()
        if not really:
            return
        person = self.people[who]
        person.user.delete()
        self.people[who] = self.new_person(f"person-after-{self.clock}", person.organization)
        for number in [number for number, visit in self.queued.items() if visit.person is person]:
            del self.queued[number]

    @rule(
        moods=MOODS,
        meanwhile=st.none() | st.tuples(PEOPLE, BROWSERS, st.sampled_from([False, False, True])),
    )
    def flush(
        self,
        moods: tuple[list[str], str] = ([], "200"),
        meanwhile: tuple[int, int, bool] | None = None,
    ) -> None:
        """Send what is queued; after a first attempt in vain, somebody chooses."""
        self.tick()
        failures, last = moods
        before = self.allowed()
        self.collector.todo = [*(FAILURES[name] for name in failures), LAST_WORDS[last]]
        if meanwhile is not None:
            self.time.meanwhile = lambda: self.toggle(*meanwhile)
        self.running.flush()
        self.collector.todo, self.time.meanwhile = [], None
        after = {number: whose for number, whose in self.allowed().items() if number in before}
        self.see_what_was_sent([before, *([after] * len(failures))])

    @rule(mood=st.sampled_from(sorted({*FAILURES, *LAST_WORDS})))
    def restart(self, mood: str) -> None:
        """The process ends in good order, which sends what may still be sent, once, and another one starts."""
        self.tick()
        self.collector.todo = [{**FAILURES, **LAST_WORDS}[mood]]
        allowed = self.allowed()
        self.process.close()
        self.collector.todo = []
        self.see_what_was_sent([allowed])
        pipeline.hint.forget(None)
        self.start()

    # --- the promise ---

    def allowed(self) -> dict[int, str]:
        """What is queued and lies inside its person's consent as it is now: whose, by number."""
        return {
            number: str(alias_of(visit.person.user))
            for number, visit in self.queued.items()
            if (since := self.since(visit.person)) is not None and since < visit.began
        }

    def see_what_was_sent(self, expected: list[dict[int, str]]) -> None:
        """Each attempt put on the wire exactly what its person's consent covered then: no more, and no less."""
        attempts, self.queued = self.collector.attempts(), {}
        assert attempts == [numbers for numbers in expected if numbers]
        type(self).spans_sent += sum(map(len, attempts))

    @invariant()
    def nothing_goes_out_unasked(self) -> None:
        assert not hasattr(self, "collector") or not self.collector.taken.bodies


@pytest.mark.timeout(7200 if LONG else 900)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deployment", DeploymentType)
def test_exactly_what_is_inside_consent_reaches_the_wire(
    deployment: DeploymentType, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    # Who leaves asks for deletion, in a thread that has no part in this: it would send past the wire watched here.
    monkeypatch.setattr("analytics.erasure.elsewhere._try_to_send", lambda erasure: None)
    monkeypatch.setattr("analytics.erasure.requests.correct_rollups_soon", lambda: None)
    clock.still = True
    name = "GateIn" + deployment.title().replace("_", "")
    machine = type(name, (Gate,), {"deployment": deployment, "time": clock})
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with override_settings(DEPLOYMENT_TYPE=deployment.value, ROOT_URLCONF=__name__, **TELEMETRY_ON):
        run_state_machine_as_test(machine, settings=profile)
    sys.stdout.write(f"{deployment}: {machine.steps_taken:,} steps, {machine.spans_sent:,} spans sent\n")
    assert machine.spans_sent > 0, "nobody ever consented: the test has shown nothing"

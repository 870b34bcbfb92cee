"""The gate under every interleaving Hypothesis can think of, against a model that remembers everything.

Real requests through the whole middleware stack, real choices in a real database, the real exporter; only the wire is
a recorder, which may be told to fail. Each request carries a number, so that the model knows of each span on the wire
who it is of, when its request began, and whether that person consented then, now, and without a break in between.

The normal profile takes some thousand steps; TELEMETRY_TEST_PROFILE=long takes at least 100,000.
"""

import os
from dataclasses import dataclass, field

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import include, path
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from accounts.models import User
from analytics import track_feature_usage
from privacy import choices
from privacy.models import Source

LONG = os.environ.get("TELEMETRY_TEST_PROFILE") == "long"
EXAMPLES, STEPS = (1100, 100) if LONG else (25, 100)
NUMBER_ATTRIBUTE = "metadata.test_count"


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
    choice: bool | None = None
    notice_version: int = 0
    browser_signal: bool = False
    # Since when nothing of the person's own has stood against recording.
    consenting_since: int | None = None


@dataclass(frozen=True)
class Visit:
    """One numbered request: of whom, and at which step it began."""

    person: Person
    began: int


@dataclass
class Wire:
    """The exporter's far end: remembers the numbers of what was put on it, and fails when it is told to."""

    failing: bool = False
    pseudonyms: dict[int, str] = field(default_factory=dict)

    def send(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        for span in spans:
            attributes = span.attributes or {}
            if NUMBER_ATTRIBUTE in attributes:
                self.pseudonyms[int(str(attributes[NUMBER_ATTRIBUTE]))] = str(attributes["user.id"])
        return SpanExportResult.FAILURE if self.failing else SpanExportResult.SUCCESS


class Gate(RuleBasedStateMachine):
    """What may happen, in any order. `deployment` is set by the two tests below."""

    deployment: DeploymentType
    steps_taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock = 0
        self.number = 0
        self.locked = False
        self.lock_changed: int = 0
        self.notice_version = 1
        self.wire = Wire()
        self.queued: dict[int, Visit] = {}
        self.stack = ExitStack()

    # --- the beginning and the end ---

    @initialize()
    def begin(self) -> None:
        empty_the_tables()
        self.pipeline = self.stack.enter_context(recorded_pipeline(self.wire))
        self.operator = User.objects.create_superuser("operator")
        self.people = [self.new_person(f"person-{index}") for index in range(3)]

    def teardown(self) -> None:
        self.stack.close()

    def new_person(self, name: str) -> Person:
        user = User.objects.create_user(name)
        browsers = [Client(), Client()]
        for browser in browsers:
            browser.force_login(user)
        return Person(user, browsers)

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
        assert person.consenting_since is not None
        return max(person.consenting_since, self.lock_changed)

    def choice_made(self, person: Person, choice: bool, now: int) -> None:
        if person.choice is choice:
            return
        before = self.since(person)
        person.choice = choice
        person.consenting_since = (before if before is not None else now) if choice else None

    def notice_was_shown(self, person: Person, now: int) -> None:
        if not person.notice_version and person.choice is None and not person.browser_signal:
            person.consenting_since = now
        person.notice_version = max(person.notice_version, self.notice_version)

    def signal_was_seen(self, person: Person) -> None:
        if not person.browser_signal:
            person.browser_signal = True
            if person.choice is None:
                person.consenting_since = None

    # --- what people, staff and machines do ---

    @rule(who=PEOPLE, browser=BROWSERS, signal=st.sampled_from([False] * 9 + [True]))
    def visit(self, who: int, browser: int, signal: bool) -> None:
        now, person = self.tick(), self.people[who]
        self.number += 1
        headers = {"Sec-GPC": "1"} if signal else {}
        if signal:
            self.signal_was_seen(person)
        self.queued[self.number] = Visit(person, now)
        answer = person.browsers[browser].get(f"/numbered/{self.number}/", headers=headers)
        assert answer.status_code == 200

    @rule(who=PEOPLE, browser=BROWSERS)
    def look_at_a_page_that_shows_the_notice(self, who: int, browser: int) -> None:
        now, person = self.tick(), self.people[who]
        assert person.browsers[browser].get("/settings/password/").status_code == 200
        self.notice_was_shown(person, now)

    @rule(who=PEOPLE, browser=BROWSERS, choice=st.booleans())
    def toggle(self, who: int, browser: int, choice: bool) -> None:
        now, person = self.tick(), self.people[who]
        call = "enable" if choice else "disable"
        answer = person.browsers[browser].put(f"/api/users/telemetry/{call}")
        self.choice_made(person, choice, now)
        assert answer.json()["telemetry_enabled"] is (self.since(person) is not None)

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

    @rule(locked=st.booleans())
    def operator_turns_the_lock(self, locked: bool) -> None:
        now = self.tick()
        choices.set_lock(locked=locked, source=Source.ADMIN, actor_id=self.operator.pk)
        if locked is not self.locked:
            self.locked, self.lock_changed = locked, now

    @rule()
    def staff_publish_a_notice(self) -> None:
        self.tick()
        self.notice_version += 1
        publish_notice(self.notice_version)

    @rule(who=PEOPLE)
    def someone_leaves_and_someone_comes(self, who: int) -> None:
        self.tick()
        person = self.people[who]
        gone = {number for number, visit in self.queued.items() if visit.person is person}
        person.user.delete()
        self.people[who] = self.new_person(f"person-after-{self.clock}")
        for number in gone:
            del self.queued[number]

    @rule(failing=st.sampled_from([False, False, True]))
    def the_collector_fails_or_mends(self, failing: bool) -> None:
        self.tick()
        self.wire.failing = failing

    @rule()
    def flush(self) -> None:
        self.tick()
        self.pipeline.flush()
        self.see_what_was_sent()

    @rule()
    def restart(self) -> None:
        """The process ends in good order, which sends what may still be sent, and another one starts."""
        self.tick()
        self.pipeline.restart()
        self.see_what_was_sent()

    # --- the promise ---

    def see_what_was_sent(self) -> None:
        """Exactly what lies inside its person's consent was put on the wire: no more, and no less."""
        allowed = {
            number: str(pseudonym(Kind.USER, visit.person.user.pk))
            for number, visit in self.queued.items()
            if (since := self.since(visit.person)) is not None and since < visit.began
        }
        sent, self.wire.pseudonyms, self.queued = self.wire.pseudonyms, {}, {}
        assert sent == allowed

    @invariant()
    def nothing_goes_out_unasked(self) -> None:
        assert not self.wire.pseudonyms


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deployment", DeploymentType)
def test_exactly_what_is_inside_consent_reaches_the_wire(deployment: DeploymentType) -> None:
    machine = type("GateIn" + deployment.title().replace("_", ""), (Gate,), {"deployment": deployment})
    profile = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    with override_settings(DEPLOYMENT_TYPE=deployment.value, **SITE):
        run_state_machine_as_test(machine, settings=profile)
    print(f"{deployment}: {machine.steps_taken:,} steps")

"""Events of a demo person on a day: sessions with page views, feature uses and requests.

The data has patterns that the reports show: few people at weekends, features adopted after their release, one slow
endpoint, and an incident of five hours with many errors.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from analytics.events import Activity, Event, FeatureUse, Metadata, Request
from demo.ids import object_id, session_id
from demo.people import Person

WEEKEND = 0.12  # factor on a person's diligence
SATURDAY = 5
ADOPTION_DAYS = 35
INCIDENT_HOURS = range(9, 14)
INCIDENT_ERRORS = 0.35
INCIDENT_SLOWNESS = 7.0
ERRORS = 0.004

# Route, method, median milliseconds, relative frequency.
ENDPOINTS = (
    ("/api/projects/", "GET", 38.0, 10),
    ("/api/tests/", "GET", 64.0, 12),
    ("/api/tests/", "POST", 95.0, 4),
    ("/api/tests/<uuid:id>/", "GET", 31.0, 9),
    ("/api/tests/<uuid:id>/", "PATCH", 72.0, 3),
    ("/api/test-sets/", "GET", 55.0, 7),
    ("/api/test-sets/<uuid:id>/generate", "POST", 1450.0, 1),
    ("/api/test-runs/", "GET", 81.0, 9),
    ("/api/test-runs/", "POST", 140.0, 3),
    ("/api/test-runs/<uuid:id>/results", "GET", 880.0, 6),  # the slow one
    ("/api/metrics/", "GET", 44.0, 5),
    ("/api/users/me", "GET", 12.0, 14),
    ("/api/users/telemetry/status", "GET", 9.0, 2),
    ("unmatched", "GET", 6.0, 1),
)
# Feature, release as a fraction of the range, relative frequency, actions from most to least frequent.
FEATURES = (
    ("test_run", 0.0, 10, ("run", "viewed", "created")),
    ("test_set", 0.0, 7, ("viewed", "created", "run", "updated")),
    ("test", 0.0, 9, ("viewed", "created", "updated", "deleted")),
    ("prompt", 0.0, 3, ("viewed", "created")),
    ("endpoint", 0.0, 2, ("viewed", "created", "run")),
    ("metric", 0.2, 5, ("viewed", "created", "run")),
    ("behavior", 0.4, 4, ("viewed", "created", "updated")),
    ("source", 0.6, 4, ("created", "viewed")),
    ("task", 0.75, 3, ("created", "updated", "viewed")),
)
PAGES = ("/dashboard", "/projects", "/tests", "/tests/:id", "/test-sets", "/test-runs", "/test-runs/:id", "/metrics")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event with its moment, UTC. `session` is a pseudonym; metadata as the catalogue declares it."""

    at: datetime
    event: Event
    session: str | None = None
    duration: timedelta = timedelta()
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendar:
    """First and last day of the data."""

    first: date
    last: date

    @property
    def incident(self) -> date:
        """Day of the incident: a weekday about two thirds into the range."""
        day = self.first + (self.last - self.first) * 2 // 3
        return day - timedelta(days=max(0, day.weekday() - SATURDAY + 1))

    def released(self, part: float) -> date:
        return self.first + timedelta(days=int((self.last - self.first).days * part))


def happenings_of(person: Person, day: date, calendar: Calendar, seed: int) -> Iterator[Happening]:
    """Events of the person on that day, if they come; deterministic for equal arguments."""
    chance = Random(f"{seed} day {person.number} {day.toordinal()}")  # noqa: S311  not for anything secret
    # Everybody comes on the day they join, which defines their cohort.
    comes = person.diligence * (WEEKEND if day.weekday() >= SATURDAY else 1.0)
    if not person.joins <= day <= person.leaves or (day != person.joins and chance.random() >= comes):
        return
    start = datetime.combine(day, time(), UTC) + timedelta(hours=min(max(chance.gauss(9.5, 2.0), 0.5), 16.0))
    for _ in range(1 if chance.random() < 0.7 else 2):
        length = timedelta(minutes=min(chance.lognormvariate(3.0, 0.8), 180.0))
        yield from _session(person, start, length, calendar, chance)
        start += length + timedelta(minutes=chance.uniform(20, 150))


def _session(
    person: Person, start: datetime, length: timedelta, calendar: Calendar, chance: Random
) -> Iterator[Happening]:
    session = str(session_id(chance.getrandbits(48)))
    kind: Metadata = {"method": "token" if chance.random() < 0.1 else "password"}
    yield Happening(start, Activity("login"), session, metadata=kind)
    yield Happening(start + timedelta(milliseconds=40), Activity("session_start"), session)
    for _ in range(2 + int(length / timedelta(minutes=8))):
        at = start + length * chance.random()
        route = chance.choice(PAGES)
        yield Happening(at, FeatureUse("page_view", "viewed"), metadata={"route": route})
        if feature := _feature(person, at, calendar, chance):
            yield feature
        for _ in range(chance.randrange(1, 4)):
            yield _request(at + timedelta(milliseconds=chance.uniform(5, 900)), calendar, chance)
    end = start + length
    if chance.random() < 0.65:
        yield Happening(end, Activity("logout"), session, metadata=kind)
    else:
        seconds = int(length.total_seconds())
        yield Happening(end, Activity("session_end"), session, metadata={"duration_s": seconds})


def _feature(person: Person, at: datetime, calendar: Calendar, chance: Random) -> Happening | None:
    """A use of a released feature that the person has adopted."""
    usable = []
    for name, part, weight, actions in FEATURES:
        days_out = (at.date() - calendar.released(part)).days
        adopted = part == 0.0 or 1 - person.curiosity < days_out / ADOPTION_DAYS
        if days_out >= 0 and adopted:
            usable.append((name, weight, actions))
    name, _, actions = chance.choices(usable, [weight for _, weight, _ in usable])[0]
    action = chance.choices(actions, range(len(actions), 0, -1))[0]
    metadata: Metadata = {}
    if name == "test_run":
        metadata = {"test_id": str(object_id(chance.getrandbits(48))), "test_count": chance.randrange(5, 200)}
    elif name == "metric":
        metadata = {"metric_kind": "custom" if chance.random() < 0.3 else "builtin"}
    return Happening(at, FeatureUse(name, action), metadata=metadata)


def _request(at: datetime, calendar: Calendar, chance: Random) -> Happening:
    route, method, usual_ms, _ = chance.choices(ENDPOINTS, [weight for *_, weight in ENDPOINTS])[0]
    incident = at.date() == calendar.incident and at.hour in INCIDENT_HOURS
    milliseconds = usual_ms * chance.lognormvariate(0.0, 0.5) * (INCIDENT_SLOWNESS if incident else 1.0)
    status = 404 if route == "unmatched" else 201 if method == "POST" else 200
    if chance.random() < (INCIDENT_ERRORS if incident else ERRORS):
        status = 503 if incident else 500
    return Happening(at, Request(method, route, status), duration=timedelta(milliseconds=min(milliseconds, 30_000)))

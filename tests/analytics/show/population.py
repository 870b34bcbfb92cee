"""A small population of random rows over some weeks, rolled up, and tallies beside them."""

import random
from datetime import UTC, datetime, time, timedelta

from django.utils import timezone

from analytics.collect.tally import Outcome
from analytics.models import ExportTally, IngestTally
from tests.analytics.keep.rows import Stored, activity, feature, request, rolled_up
from tests.analytics.show.oracle import Oracle

DAYS = 70
DEPLOYMENTS = ("cloud", "cloud", "self_hosted")


def populate(seed: int) -> Oracle:
    """The same for the same seed and day; the oracle has been told of all of it."""
    chance, oracle = random.Random(seed), Oracle()
    rows = [_row(chance) for _ in range(700)]
    rolled_up(rows)
    oracle.store(rows)
    for ago in range(DAYS):
        day = (timezone.now() - timedelta(days=ago)).date()
        for outcome, reason in [
            (Outcome.SENT, ""),
            (Outcome.WITHHELD, "choice"),
            (Outcome.WITHHELD, "no_user"),
            (Outcome.DROPPED, ""),
            (Outcome.FAILED, ""),
            (Outcome.INVALID, "undeclared"),
        ]:
            if chance.random() < 0.7:
                spans = chance.randrange(1, 5000)
                ExportTally.objects.create(day=day, outcome=outcome, reason=reason, spans=spans)
                oracle.export.append((day, str(outcome), reason, spans))
        for slot in (0, 1):
            for outcome, reason, sender in [
                ("stored", "", ""),
                ("stored", "erasure", ""),
                ("duplicate", "", ""),
                ("rejected", "bad_user", "petclinic"),
                ("rejected", "bad_user", "other"),
                ("rejected", "too_old", "petclinic"),
                ("part", "metadata_key", "other"),
                ("part", "route_text", "petclinic"),
            ]:
                if chance.random() < 0.6:
                    spans = chance.randrange(1, 5000)
                    named = {"outcome": outcome, "reason": reason, "sender": sender}
                    IngestTally.objects.create(day=day, slot=slot, spans=spans, **named)
                    if outcome != "part":
                        oracle.ingest.append((day, outcome, reason, spans))
                    oracle.by_sender.append((day, outcome, reason, sender, spans))
    return oracle


def _row(chance: random.Random) -> Stored:
    midnight = datetime.combine(timezone.now().date(), time(), UTC)
    # Some on the very edge of a day.
    within = chance.choice([0, 86_400_000_000 - 1, chance.randrange(86_400_000_000)])
    when = midnight - timedelta(days=chance.randrange(DAYS)) + timedelta(microseconds=within)
    who, deployment = chance.randrange(25), chance.choice(DEPLOYMENTS)
    match chance.randrange(4):
        case 0 | 1:
            event = chance.choice(["login", "login", "login", "logout", "session_start"])
            session = chance.choice([None, f"s{who}", f"s{who}b"])
            return activity(who, when, event, deployment=deployment, session=session)
        case 2 if chance.randrange(3) == 0:
            route: dict[str, str] = chance.choice([{}, {"route": "/pricing"}, {"route": "/pricing/:id"}])
            return feature(who, when, "page_view", "viewed", deployment=deployment, **route)
        case 2:
            name, action = chance.choice(["test_run", "metric", "prompt"]), chance.choice(["created", "viewed"])
            return feature(who, when, name, action, deployment=deployment)
        case _:
            return request(
                who,
                when,
                chance.lognormvariate(4, 1.5),
                endpoint=chance.choice(["/api/tests/", "/api/runs/<uuid:id>/", "/home/"]),
                status=chance.choice([200, 200, 200, 404, 500, 503]),
                deployment=deployment,
            )

"""Load 90 days of made-up usage through the processor, so that the reports have data."""

import ipaddress
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from analytics.conf import conf
from analytics.ingest.serve import Processor
from analytics.keep.locks import AlreadyKeeping, only_one_at_a_time
from analytics.keep.rollups import roll_up
from analytics.management.database import TRY_AGAIN, WRONG_USAGE, database_may_go_away
from analytics.management.options import whole_number
from analytics.management.progress import Progress
from analytics.router import conninfo
from demo import store
from demo.load import load
from demo.sending import NotAccepted, Send, connected
from privacy.kinds import Misread, address

MOST_PEOPLE, MOST_DAYS = 20_000, 360


class Command(BaseCommand):
    help = (
        "Send 90 days of made-up usage through the processor, and roll it up. Ids of demo people begin with 64656d6f "
        "(`demo`); --remove deletes their rows."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", default="90", help=f"how many days back from now, 1 to {MOST_DAYS} (90)")
        parser.add_argument("--people", default="300", help=f"how many people, 1 to {MOST_PEOPLE} (300)")
        parser.add_argument("--seed", default="1", help="seed of the random data (1)")
        parser.add_argument("--endpoint", metavar="URL", help="a running processor (starts its own)")
        parser.add_argument(
            "--once",
            action="store_true",
            help="do nothing if demo people exist already or may be unwanted here",
        )
        parser.add_argument("--yes", action="store_true", help="load even beside real people or on a public site")
        parser.add_argument("--remove", action="store_true", help="delete all demo rows and correct the reports")

    def handle(self, *args: Any, **options: Any) -> None:
        with database_may_go_away():
            if options["remove"]:
                self._remove()
                return
            people = whole_number("--people", options["people"], 1, MOST_PEOPLE)
            days = whole_number("--days", options["days"], 1, MOST_DAYS)
            seed = whole_number("--seed", options["seed"], 0, 2**63)
            if store.is_loaded():
                if options["once"]:
                    self.stdout.write("demo people exist already")
                    return
                raise CommandError("demo people exist already; --remove deletes them", returncode=WRONG_USAGE)
            endpoint: str | None = options["endpoint"]
            if not options["yes"] and (reason := _reason_to_ask(endpoint)):
                if options["once"]:
                    again = f"{sys.executable} manage.py load_demo_telemetry --people {people} --days {days} --yes"
                    self.stdout.write(f"demo people not loaded: {reason}. To load them anyway, run: {again}")
                    return
                raise CommandError(f"{reason}; to load anyway, add --yes", returncode=WRONG_USAGE)
            self._load(endpoint, people, days, seed)

    def _load(self, endpoint: str | None, people: int, days: int, seed: int) -> None:
        bar = Progress(self.stdout, "days sent")
        try:
            with _processor(endpoint) as send:
                loaded = load(
                    send,
                    people=people,
                    days=days,
                    seed=seed,
                    now=timezone.now(),
                    on_progress=lambda done, total, sent: bar.show(done, total, f"{sent:,} spans"),
                )
        except NotAccepted as error:
            raise CommandError(f"{error}; --remove deletes the rows sent so far", returncode=TRY_AGAIN) from None
        self.stdout.write(f"{loaded.sent:,} spans sent, {loaded.stored:,} of them stored")
        if loaded.stored < loaded.sent:
            raise CommandError(f"the processor rejected {loaded.sent - loaded.stored:,} spans", returncode=TRY_AGAIN)
        if not store.is_loaded():
            self.stdout.write("the processor stores in another database; run keep_telemetry there to roll up")
            return
        bar = Progress(self.stdout, "days rolled up")
        try:
            with only_one_at_a_time():
                rolled_up = roll_up(report=lambda step: bar.show(step.number, step.total))
        except AlreadyKeeping:
            self.stdout.write("another process is rolling up; run keep_telemetry later for the rest")
            return
        self.stdout.write(f"{rolled_up.days} days rolled up; --remove deletes all demo rows")

    def _remove(self) -> None:
        bar = Progress(self.stdout, "days corrected")
        removed = store.remove(report=lambda step: bar.show(step.number, step.total))
        if not any(removed.rows.values()) and not removed.days:
            self.stdout.write("no demo people found")
            return
        for table, rows in removed.rows.items():
            self.stdout.write(f"  {table}: {rows:,} rows deleted")
        self.stdout.write(f"reports of {len(removed.days)} days recomputed")
        if removed.closed_until:
            self.stdout.write(f"days up to {removed.closed_until} are closed; their totals may still count demo rows")


def _reason_to_ask(endpoint: str | None) -> str | None:
    """Why demo people may be unwanted here; None if nothing speaks against them."""
    if endpoint is not None:
        try:
            address(endpoint)
        except Misread as misread:
            raise CommandError(f"--endpoint {misread}", returncode=WRONG_USAGE) from None
        if not _is_loopback(urlsplit(endpoint).hostname or ""):
            return f"{urlsplit(endpoint).hostname} is another machine, which may store real people's rows"
    if store.has_real_people():
        return "the database has rows of real people, and reports would count both together"
    if settings.HTTPS:
        return "this site is set up for the internet (DJANGO_HTTPS)"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _processor(endpoint: str | None) -> Iterator[Send]:
    """A connection to the given processor, or to our own on a local port with a random key."""
    if endpoint is not None:
        with connected(endpoint, conf.api_key) as send:
            yield send
        return
    api_key = secrets.token_urlsafe(32)
    processor = Processor("127.0.0.1:0", conninfo(), api_key=api_key)
    processor.start()
    try:
        with connected(f"http://127.0.0.1:{processor.port}", api_key) as send:
            yield send
    finally:
        processor.stop()

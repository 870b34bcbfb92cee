"""Two processes: one is frozen on its way from reading consent to sending, in the other the person withdraws."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from django.db import connection, connections

from accounts.models import User
from analytics.models import ExportTally
from privacy import choices
from privacy.models import Source
from tests.acceptance.product import wait_until
from tests.analytics.ingest.processes import program
from tests.support import collectors as c
from tests.support.people import someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)
# Freezes itself at the moment named, once; `held` is how long the database bears with it.
SENDER = """
import os, signal, sys
from contextlib import contextmanager
from uuid import UUID
import django
django.setup()
from analytics import telemetry_for, track_feature_usage
from analytics.collect import exporter, pipeline
from analytics.collect.transport import otlp_grpc, otlp_http
from privacy import sending

person, moment, held, sure = UUID(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
sending.ATTEMPT = sending.ATTEMPT.replace("'6s'", f"'{held}'")
sending.SURE_SECONDS = sure
frozen = []

def freeze():
    if not frozen:
        frozen.append(True)
        os.kill(os.getpid(), signal.SIGSTOP)

def freezing_before(*places):
    for module, name in places:
        def wrapper(*args, real=getattr(module, name), **options):
            freeze()
            return real(*args, **options)
        setattr(module, name, wrapper)

class Checked(exporter.Permitted):
    def __init__(self, spans, still):
        def still_then_freeze():
            until = still()
            freeze()
            return until
        super().__init__(spans, still_then_freeze)

if moment == "connected":
    freezing_before((exporter, "attempt"))
elif moment == "consent read":
    freezing_before((exporter, "read_database_clock"))
elif moment == "batch built":
    freezing_before((otlp_http, "encode_spans"), (otlp_grpc, "encode_spans"))
elif moment == "lock checked":
    exporter.Permitted = Checked
with telemetry_for(person):
    track_feature_usage("test_run", "created", test_count=1)
pipeline.pipeline().flush()
pipeline.stop()
"""
MOMENTS = ["connected", "consent read", "batch built", "lock checked"]
Collector = Callable[[], AbstractContextManager[c.Taken]]
PROTOCOLS: list[tuple[str, Collector]] = [
    ("http/protobuf", lambda: c.http_collector(c.answers())),
    ("grpc", lambda: c.grpc_collector(c.accepts())),
]


@contextmanager
def frozen_sender(
    person: User, moment: str, protocol: str, endpoint: str, *, held: str, sure: float
) -> Iterator["subprocess.Popen[str]"]:
    with program(
        *("-c", SENDER, str(person.pk), moment, held, str(sure)),
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_BSP_SCHEDULE_DELAY="86400000",
        DEPLOYMENT_TYPE="self_hosted",
        DJANGO_HTTPS="false",
    ) as process:
        wait_until(f"the sender to freeze when {moment}", lambda: _is_stopped(process))
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)


def _is_stopped(process: "subprocess.Popen[str]") -> bool:
    assert process.poll() is None, process.communicate()
    stat = Path(f"/proc/{process.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"


def goes_on(process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0 and "Traceback" not in said, said


def switch_off(person: User) -> None:
    choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)


def tally() -> dict[tuple[str, str], int]:
    return {(line.outcome, line.reason): line.spans for line in ExportTally.objects.all()}


@pytest.mark.parametrize(("protocol", "collector"), PROTOCOLS, ids=["http", "grpc"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_sender_that_was_frozen_too_long_sends_nothing(moment: str, protocol: str, collector: Collector) -> None:
    person = someone_who_shares()
    with (
        collector() as taken,
        frozen_sender(person, moment, protocol, taken.url, held="300ms", sure=0.2) as process,
    ):
        switch_off(person)  # returns, although the sender cannot let go of anything
        goes_on(process)
    assert taken.bodies == []
    assert tally() == {("withheld", "choice"): 1}


@pytest.mark.parametrize("moment", MOMENTS[1:])
def test_of_one_that_goes_on_in_time_the_withdrawal_waits_for_the_send(moment: str) -> None:
    person = someone_who_shares()
    protocol, collector = PROTOCOLS[0]

    def switch_off_elsewhere(taken: c.Taken) -> int:
        try:
            switch_off(person)
            return len(taken.bodies)
        finally:
            connections.close_all()

    with (
        ThreadPoolExecutor(1) as pool,
        collector() as taken,
        frozen_sender(person, moment, protocol, taken.url, held="600s", sure=600) as process,
    ):
        before = pool.submit(switch_off_elsewhere, taken)
        wait_until("the withdrawal to wait", _a_withdrawal_waits)
        assert not before.done()
        goes_on(process)
        assert before.result(60) == 1, "what left, left before the withdrawal was answered"
    assert len(taken.people()) == 1 and tally() == {("sent", ""): 1}


def _a_withdrawal_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'")
        return bool(cursor.fetchone()[0])

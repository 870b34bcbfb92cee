"""The processor's speed, with full validation, compared with a plain COPY and with a minimal processor.

The load has four layouts: this project's spans sent directly, the same re-encoded by the Collector, an older Rhesis
client's, and a stock SDK's HTTP server spans. All contenders use databases of one server, in turns, and each server
process is called by real gRPC. The benchmark prints medians of ratios over the rounds, the CPU time of the processor
and of PostgreSQL, and the time of a call.

INGEST_BENCH_ROUNDS (5), INGEST_BENCH_SPANS (30720 for each contender and round) and INGEST_BENCH_ROWS (0,100000,500000:
rows in the table beforehand) set the amount of work; 0,1000000,5000000 rows take some minutes more.
"""

import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

# ruff: noqa: E402  Django's apps must be there before what is imported next
import grpc
import orjson
import psycopg
from django.db import connections
from django.test.utils import setup_databases, setup_test_environment, teardown_databases
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from psycopg import sql
from psycopg.types.json import Jsonb, set_json_dumps

from analytics.catalogue import current_catalogue
from analytics.events import EVENTS
from analytics.ingest import decode, judge
from analytics.ingest.copy import COLUMNS
from analytics.vocabulary import Category
from benchmarks import _spans
from benchmarks._rounds import interleaved, print_ratio, ratio
from privacy.switches import DeploymentType
from tests.acceptance.product import free_port, wait_until
from tests.analytics.ingest import packed
from tests.analytics.ingest.mutations import from_the_end
from tests.analytics.ingest.processes import command, database_url, program, serves, workers_of

ROUNDS = int(os.environ.get("INGEST_BENCH_ROUNDS", "5"))
SPANS = int(os.environ.get("INGEST_BENCH_SPANS", "30720"))
ROWS = [int(word) for word in os.environ.get("INGEST_BENCH_ROWS", "0,100000,500000").split(",")]
LARGE, SMALL = 512, 16
SENDERS, MANY_SENDERS = 4, 16
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TICKS = os.sysconf("SC_CLK_TCK")
FILL = """
INSERT INTO analytics_endpoint_usage
    (id, endpoint, method, user_id, organization_id, status_code, duration_ms, "timestamp", deployment_type, metadata)
SELECT gen_random_uuid(), '/api/tests/{id}', 'GET', md5((number %% 20000)::text)::uuid, md5('o' || number %% 200)::uuid,
       200, 7.5, now() - number * interval '30 days' / %(rows)s, 'self_hosted', '{}'
FROM generate_series(1, %(rows)s) AS number
"""


class Measured:
    """What a contender took besides wall time: CPU seconds and the seconds of each call, by name."""

    def __init__(self) -> None:
        self.server_cpu: dict[str, list[float]] = defaultdict(list)
        self.postgres_cpu: dict[str, list[float]] = defaultdict(list)
        self.calls: dict[str, list[float]] = defaultdict(list)


def cpu_seconds(pid: int) -> float:
    """Of a process and of those of its children that have ended; 0 for one that has ended, which its parent counts."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def cpu_of_tree(pid: int) -> float:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_seconds(int(child)) for child in children)


class Load:
    """Spans in requests of one size, sent to a port by several senders, each with a connection of its own.

    `written` changes a span's bytes, as whoever passes it on may.
    """

    def __init__(self, spans: list[Span], size: int, written: _spans.Written | None = None) -> None:
        self._spans, self._size, self._written = spans, size, written

    def bodies(self) -> list[bytes]:
        _spans.renewed(self._spans)
        return _spans.bodies(self._spans, self._size, self._written)

    def send(self, port: int, senders: int) -> tuple[float, list[float]]:
        """Seconds until all is answered, and the seconds of each call."""
        waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        for body in self.bodies():
            waiting.put(body)
        ready, calls, ends = threading.Barrier(senders + 1), list[float](), list[float]()

        def sender() -> None:
            with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
                export = channel.unary_unary(EXPORT)
                export(b"", timeout=60)  # connects
                ready.wait()
                while True:
                    try:
                        body = waiting.get_nowait()
                    except queue.Empty:
                        # Not after the channel is closed, which takes its time.
                        ends.append(time.perf_counter())
                        return
                    began = time.perf_counter()
                    answer = export(body, timeout=60)
                    calls.append(time.perf_counter() - began)
                    assert not answer, "nothing is rejected here"

        threads = [threading.Thread(target=sender) for _ in range(senders)]
        for thread in threads:
            thread.start()
        ready.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        return max(ends) - began, calls


def empty(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(
            "TRUNCATE analytics_user_activity, analytics_endpoint_usage, analytics_feature_usage,"
            " analytics_ingest_tally, analytics_touched_day"
        )


def server(
    name: str, load: Load, at: tuple[int, int], database: str, measured: Measured, *, senders: int, keep: bool = False
) -> Callable[[], float]:
    """A contender that is a server, `at` a port and a process; seconds a span. Empties the database, unless `keep`."""
    port, pid = at

    def run() -> float:
        if not keep:
            empty(database)
        postgres = postmaster(database)
        server_before, postgres_before = cpu_of_tree(pid), cpu_of_tree(postgres)
        seconds, calls = load.send(port, senders)
        measured.server_cpu[name].append((cpu_of_tree(pid) - server_before) / SPANS)
        measured.postgres_cpu[name].append((cpu_of_tree(postgres) - postgres_before) / SPANS)
        measured.calls[name] += calls
        return seconds / SPANS

    return run


def postmaster(database: str) -> int:
    with psycopg.connect(database) as connection:
        return int(Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()[1])


def raw_copy(name: str, load: Load, database: str, measured: Measured) -> Callable[[], float]:
    """psycopg's binary COPY of the same rows, made beforehand: a transaction for each request; seconds a span."""

    def run() -> float:
        empty(database)
        batches = [_rows(body) for body in load.bodies()]
        with psycopg.connect(database) as connection:
            set_json_dumps(orjson.dumps, connection)
            postgres = postmaster(database)
            before, began = cpu_of_tree(postgres), time.perf_counter()
            for batch in batches:
                with connection.transaction(), connection.cursor() as cursor:
                    for statement, types, rows in batch:
                        with cursor.copy(statement) as copy:
                            copy.set_types(types)
                            for row in rows:
                                copy.write_row(row)
            took = time.perf_counter() - began
            measured.postgres_cpu[name].append((cpu_of_tree(postgres) - before) / SPANS)
        return took / SPANS

    return run


def _rows(body: bytes) -> list[tuple[sql.Composed, list[str], list[tuple[Any, ...]]]]:
    """The request's rows as psycopg likes them best, by table."""
    own = DeploymentType.SELF_HOSTED
    found = judge.verdict(decode.read, body, current_catalogue(), now=datetime.now(UTC), own=own)
    assert not found.rejected
    tables = []
    for category, rows in found.rows.items():
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS[category])
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(EVENTS[category].table), names
        )
        tables.append(
            (statement, [type_ for _, type_ in COLUMNS[category]], [_as_python(category, row) for row in rows])
        )
    return tables


def _as_python(category: Category, row: bytes) -> tuple[Any, ...]:
    found = packed.values(category, row)
    return tuple({**found, "metadata": Jsonb(found["metadata"])}.values())


@contextmanager
def database_with(rows: int) -> Iterator[str]:
    """A database of its own, with so many rows of the last thirty days; its URL."""
    template = database_url()
    parts = urlsplit(template)
    original, name = parts.path.strip("/"), f"bench_ingest_{rows}"
    administration = urlunsplit(parts._replace(path="/template1"))
    with psycopg.connect(administration, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(original))
        )
        database = urlunsplit(parts._replace(path=f"/{name}"))
        try:
            with psycopg.connect(database, autocommit=True) as own:
                own.execute("SELECT analytics_make_month(now() - n * interval '1 month') FROM generate_series(0, 2) n")
                if rows:
                    own.execute(FILL, {"rows": rows})
                own.execute("VACUUM ANALYZE")
            yield database
        finally:
            connection.execute(drop)


def started(stack: ExitStack, database: str, *words: str) -> tuple[int, int]:
    """A processor on this database; its port and process id."""
    port = free_port()
    process = stack.enter_context(command("--listen", f"127.0.0.1:{port}", *words, DATABASE_URL=database))
    wait_until("the processor", lambda: serves(port))
    if words:
        wait_until("its workers", lambda: len(workers_of(process)) == 2)
    return port, process.pid


def started_plain(stack: ExitStack, database: str) -> tuple[int, int]:
    port = free_port()
    process = stack.enter_context(program("-m", "benchmarks._plain_processor", str(port), DATABASE_URL=database))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(60)
    return port, process.pid


def layouts() -> dict[str, Load]:
    """Who sends what: the same rows, or some like them, in different shapes on the wire."""
    return {
        "ours": Load(_spans.ours(SPANS), LARGE),
        "ours by way of the Collector": Load(_spans.ours(SPANS), LARGE, from_the_end),
        "an older Rhesis client's": Load(_spans.older(SPANS), LARGE),
        "a stock SDK's HTTP server spans": Load(_spans.stock(SPANS), LARGE),
    }


def measure(databases: dict[int, str], stack: ExitStack) -> None:
    measured, database = Measured(), databases[0]
    one, plain_design = started(stack, database), started_plain(stack, database)

    def of(name: str, load: Load, at: tuple[int, int], senders: int = SENDERS) -> Callable[[], float]:
        return server(name, load, at, database, measured, senders=senders)

    print(f"ingest: {ROUNDS} rounds of {SPANS} spans for each contender, {SENDERS} senders; medians")
    for layout, load in layouts().items():
        print(f"\nrequests of {LARGE} spans: {layout}")
        suffix = f", {layout}"
        contenders = {
            "copy": raw_copy(f"copy{suffix}", load, database, measured),
            "processor": of(f"processor{suffix}", load, one),
            "plain": of(f"plain{suffix}", load, plain_design),
        }
        wanted = {"copy": "at least 0.7", "plain": f"at least {4.5 if layout == 'ours' else 3.5}"}
        show(interleaved(contenders, rounds=ROUNDS), measured, wanted, suffix=suffix)

    large, small = Load(_spans.ours(SPANS), LARGE), Load(_spans.ours(SPANS), SMALL)
    print(f"\nrequests of {SMALL} spans, {MANY_SENDERS} senders")
    contenders = {
        "processor": of("processor, 16", small, one, MANY_SENDERS),
        "plain": of("plain, 16", small, plain_design, MANY_SENDERS),
    }
    show(interleaved(contenders, rounds=ROUNDS), measured, {"plain": "at least 3"}, suffix=", 16")

    print(f"\n{MANY_SENDERS} senders, requests of {LARGE} spans")
    two = started(stack, database, "--workers", "2")
    contenders = {
        "processor": of("processor, 1 worker", large, one, MANY_SENDERS),
        "2 workers": of("processor, 2 workers", large, two, MANY_SENDERS),
    }
    found = interleaved(contenders, rounds=ROUNDS)
    print_ratio(
        "rate of 2 workers to that of 1", ratio(found, "processor", "2 workers"), "more than 1, cores permitting"
    )

    print("\nrows that are there already")
    growing = {
        str(rows): server(str(rows), large, started(stack, url), url, measured, senders=SENDERS, keep=True)
        for rows, url in databases.items()
    }
    found = interleaved(growing, rounds=ROUNDS)
    least, most = str(min(databases)), str(max(databases))
    for name in growing:
        cpu = median(measured.postgres_cpu[name][1:]) * 1e6
        print(
            f"  {int(name):>9,} rows {1 / median(found[name]):9,.0f} spans/s, PostgreSQL {cpu:6.1f} s of CPU a million"
        )
    print_ratio(f"rate with {int(most):,} rows to that with {int(least):,}", ratio(found, least, most), "at least 0.85")


def show(found: Any, measured: Measured, wanted: dict[str, str], suffix: str = "") -> None:
    for name, values in found.items():
        key = name + suffix
        line = f"  {name:<10} {1 / median(values):9,.0f} spans/s; CPU a million spans:"
        if measured.server_cpu[key]:
            line += f" server {median(measured.server_cpu[key][1:]) * 1e6:6.1f} s,"
        if measured.postgres_cpu[key]:
            line += f" PostgreSQL {median(measured.postgres_cpu[key][1:]) * 1e6:6.1f} s"
        if measured.calls[key]:
            cuts = quantiles(measured.calls[key], n=100)
            line += f"; a call p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms"
        print(line)
    for name, words in wanted.items():
        print_ratio(f"rate of the processor to that of {name}", ratio(found, name, "processor"), words)


def main() -> None:
    setup_test_environment()
    created = setup_databases(verbosity=0, interactive=False, aliases=["default"])
    try:
        database_url()
        connections.close_all()
        with ExitStack() as stack:
            databases = {rows: stack.enter_context(database_with(rows)) for rows in sorted({0, *ROWS})}
            measure(databases, stack)
    finally:
        teardown_databases(created, verbosity=0)


if __name__ == "__main__":
    main()

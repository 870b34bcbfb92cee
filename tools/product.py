"""Runs the whole product on this machine: database, processor, site and, optionally, the collector."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from privacy.kinds import flag

from . import children, collector, processes
from .checkout import LOCAL, PYTHON, ROOT, SetupFailed, last_words, say, value_of, with_defaults
from .processes import LOOPBACK

LOGS = LOCAL / "log"
DATABASES = ("DATABASE_URL", "ANALYTICS_DATABASE_URL")
# Longer than the five seconds a process may need to send its last spans.
STOP_WITHIN_SECONDS = 10.0
REQUEST_MAY_LAST_SECONDS = 4
# Addresses of the embedded database's roles; embedded_postgres reads them there.
ROLES = LOCAL / "postgres" / "roles"
# Delay until new events appear in reports. For an installation once an hour is enough.
KEEP_EVERY_SECONDS = 5


@dataclass(frozen=True)
class CollectorPorts:
    """Ports on which the collector receives OTLP over gRPC and HTTP."""

    grpc: int
    http: int


def environment_for(processor_port: int, collector_ports: CollectorPorts | None = None) -> dict[str, str]:
    """The environment of all services. Where the caller and `.env` set nothing, telemetry goes to our processor,
    through the collector if there is one, and into the site's database."""
    endpoint_port, protocol = (collector_ports.http, "http/protobuf") if collector_ports else (processor_port, "grpc")
    defaults = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{LOOPBACK}:{endpoint_port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": "1000",  # milliseconds, so that events appear soon
        "DJANGO_HTTPS": "false",
        "TELEMETRY_STORED_HERE": "true",
        "NEXT_PUBLIC_OTEL_ENDPOINT": "/v1/traces",
    }
    found = with_defaults(os.environ, defaults, ROOT / ".env")
    if not value_of("DATABASE_URL", found, ROOT / ".env").strip():
        # A server uses it only where it is asked for, and this is a laptop.
        found["DATABASE_URL"] = "embedded"
    return past_proxies(found)


def surprises(environment: dict[str, str], dotenv: Path) -> list[str]:
    """Notes about settings of the caller or `.env` with surprising effects."""
    found = []
    https, debug = (value_of(name, environment, dotenv) for name in ("DJANGO_HTTPS", "DJANGO_DEBUG"))
    if flag(https) if https.strip() else not flag(debug):
        found.append("DJANGO_HTTPS is not false: every page redirects to https, which does not work here")
    if not value_of("OTEL_EXPORTER_OTLP_ENDPOINT", environment, dotenv):
        found.append("OTEL_EXPORTER_OTLP_ENDPOINT is empty: telemetry is off for everybody")
    return found


def past_proxies(environment: dict[str, str]) -> dict[str, str]:
    """`environment` without a proxy for the loopback, which gRPC would use. gRPC reads lower-case names only."""
    if not any(name.lower() in ("grpc_proxy", "http_proxy", "https_proxy") for name in environment):
        return environment
    direct = environment.get("no_proxy") or environment.get("NO_PROXY")
    exceptions = ",".join(filter(None, [direct, LOOPBACK, "localhost"]))
    return {**environment, "no_proxy": exceptions, "NO_PROXY": exceptions}


def run(
    port: int, processor_port: int, collector_ports: CollectorPorts | None = None, *, demo: int | None = None
) -> None:
    """Start all services and run until interrupted (KeyboardInterrupt) or until one of them ends.

    With `demo`, the usage of that many made-up people is loaded first, unless it exists already.

    Raises SetupFailed if the collector cannot be built or the database not be prepared, `processes.Ended` if a service
    ends. All services are stopped in any case, the site first, so that its last spans still reach the others.
    """
    if collector_ports:
        collector.binary()
    environment = environment_for(processor_port, collector_ports)
    address = f"http://{LOOPBACK}:{port}"
    prepare(environment, address)
    if demo:
        manage("load_demo_telemetry", "--once", "--people", str(demo), environment=environment)
    # The stack stops services in reverse order.
    with ExitStack() as stack:
        try:
            services = [_start_keeper(as_role("keeper", environment))]
            stack.callback(services[-1].stop)
            services.append(_start_processor(processor_port, as_role("processor", environment)))
            stack.callback(services[-1].stop)
            if collector_ports:
                services.append(_start_collector(collector_ports, processor_port, environment))
                stack.callback(services[-1].stop)
            services.append(_start_site(port, as_role("site", environment)))
            stack.callback(services[-1].stop)
            processes.wait_until_ready(services)
            say(f"site       {address}/   (for staff: {address}/admin/)")
            if collector_ports:
                say(f"collector  {LOOPBACK}:{collector_ports.grpc} (gRPC) and {collector_ports.http} (HTTP)")
            say(f"processor  {LOOPBACK}:{processor_port}, OTLP over gRPC")
            say(f"logs       {LOGS}")
            for surprise in surprises(environment, ROOT / ".env"):
                say(f"note       {surprise}")
            say("ready")
            processes.watch(services)
        finally:
            # Stopping takes a few seconds; a second Ctrl-C must not leave services running.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)


def prepare(environment: dict[str, str], address: str) -> None:
    """Migrate the database, create the demo users and collect static files. Raises SetupFailed."""
    credentials = str(LOCAL / "credentials.json")
    manage("migrate", "--no-input", environment=environment)
    if has_roles(environment) and not all((ROLES / role).exists() for role in ("site", "processor", "keeper")):
        manage("grant_roles", "--files", str(ROLES), "--new-passwords", environment=environment)
    manage("create_demo_people", "--credentials", credentials, "--url", address, environment=environment)
    if static_files_changed():
        manage("collectstatic", "--no-input", "--verbosity=0", environment=environment)


def has_roles(environment: dict[str, str]) -> bool:
    """Whether each service has a role of its own in the database: in the embedded one, where nobody need ask for it."""
    database, apart = (value_of(name, environment, ROOT / ".env") for name in DATABASES)
    return database.strip() == "embedded" and not apart.strip()


def as_role(role: str, environment: dict[str, str]) -> dict[str, str]:
    """The environment of the service with this role."""
    return {**environment, "DATABASE_URL": f"embedded:{role}"} if has_roles(environment) else environment


def manage(command: str, *arguments: str, environment: dict[str, str]) -> None:
    """Run a command of manage.py, with its errors written to a log. Raises SetupFailed with the end of that log."""
    say(f"{command} ...")
    log = LOGS / f"{command}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as complaints:
        program = [str(PYTHON), "manage.py", command, *arguments]
        with children.child(program, environment=environment, directory=ROOT, stderr=complaints) as process:
            process.wait()
    if process.returncode != 0:
        reason = last_words(without_stack(log.read_text(errors="replace")))
        raise SetupFailed(f"{command} failed: {reason} (all of it: {log})")


def without_stack(complaint: str) -> str:
    """Error output without its traceback: the last line that is not indented, and everything after it."""
    lines = complaint.splitlines()
    if not any(line.startswith("Traceback") for line in lines):
        return complaint
    error = max(number for number, line in enumerate(lines) if line and not line[0].isspace())
    return "\n".join(lines[error:])


def static_files_changed() -> bool:
    """Whether a source of static files or the requirements changed since the last collectstatic."""
    manifest = ROOT / "staticfiles" / "staticfiles.json"
    if not manifest.exists():
        return True
    folders = [ROOT / "static", *ROOT.glob("*/static"), *ROOT.glob("frontend/dist")]
    sources: list[Path] = [path for folder in folders for path in [folder, *folder.rglob("*")]]
    sources += [ROOT / "requirements.txt", ROOT / "rhesis_site" / "settings.py"]
    collected = manifest.stat().st_mtime
    return any(path.stat().st_mtime > collected for path in sources)


def _start_keeper(environment: dict[str, str]) -> processes.Service:
    """Start `keep_telemetry`, which cron runs in an installation; it updates the reports."""
    return processes.start(
        "keeper",
        [str(PYTHON), "manage.py", "keep_telemetry", "--every", str(KEEP_EVERY_SECONDS)],
        environment=environment,
        directory=ROOT,
        log=LOGS / "keep_telemetry.log",
        answers=lambda: True,
        stop_within_seconds=STOP_WITHIN_SECONDS,
    )


def _start_processor(port: int, environment: dict[str, str]) -> processes.Service:
    return processes.start(
        "processor",
        [str(PYTHON), "manage.py", "run_telemetry_processor", "--listen", f"{LOOPBACK}:{port}"],
        environment=environment,
        directory=ROOT,
        log=LOGS / "processor.log",
        answers=lambda: processes.accepts(port),
        stop_within_seconds=STOP_WITHIN_SECONDS,
    )


def _start_collector(ports: CollectorPorts, processor_port: int, environment: dict[str, str]) -> processes.Service:
    own = {
        "COLLECTOR_GRPC": f"{LOOPBACK}:{ports.grpc}",
        "COLLECTOR_HTTP": f"{LOOPBACK}:{ports.http}",
        "COLLECTOR_PROCESSOR": f"{LOOPBACK}:{processor_port}",
        "COLLECTOR_QUEUE": str(LOCAL / "collector-queue"),
        # The site and the processor read `.env` themselves.
        "OTEL_API_KEY": value_of("OTEL_API_KEY", environment, ROOT / ".env"),
    }
    return processes.start(
        "collector",
        [str(collector.binary()), *collector.configuration("one-machine")],
        environment={**environment, **own},
        directory=ROOT,
        log=LOGS / "collector.log",
        answers=lambda: processes.accepts(ports.grpc) and processes.accepts(ports.http),
        stop_within_seconds=STOP_WITHIN_SECONDS,
    )


def _start_site(port: int, environment: dict[str, str]) -> processes.Service:
    options = [
        f"--bind={LOOPBACK}:{port}",
        "--workers=1",
        "--threads=8",
        "--keep-alive=75",  # why: deploy/gunicorn.conf.py
        f"--graceful-timeout={REQUEST_MAY_LAST_SECONDS}",
        "--logger-class=rhesis_site.gunicorn_log.PrivateLogger",
        "--no-control-socket",  # it would be one per account, in the home directory
    ]
    return processes.start(
        "site",
        [str(PYTHON), "-m", "gunicorn", "rhesis_site.wsgi", *options],
        environment=environment,
        directory=ROOT,
        log=LOGS / "site.log",
        answers=lambda: processes.is_healthy(port),
        stop_within_seconds=STOP_WITHIN_SECONDS,
    )

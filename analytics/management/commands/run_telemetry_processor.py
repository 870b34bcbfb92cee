"""Run the telemetry processor: receive OTLP over gRPC, store it in PostgreSQL."""

import gc
import ipaddress
import signal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.conf import conf
from analytics.erasure.requests import erase_received
from analytics.ingest import metrics
from analytics.ingest.serve import CannotListen, Processor, Tls
from analytics.ingest.supervise import supervise, worker_commands
from analytics.management.database import log_an_outage, refuse_unusable_sessions
from analytics.management.options import whole_number
from analytics.router import conninfo
from privacy.kinds import digits

MAXIMUM_WORKERS = 64


class Command(BaseCommand):
    help = "Receive telemetry (OTLP over gRPC) and store it. SIGTERM ends it after the requests in progress."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--listen", default="127.0.0.1:4317", metavar="HOST:PORT")
        parser.add_argument("--workers", default="1", help=f"processes sharing the port, 1 to {MAXIMUM_WORKERS}")
        parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="PEM certificate chain")
        parser.add_argument("--tls-key", type=Path, metavar="FILE", help="PEM private key")
        for name in ("--worker", "--supervisor"):
            parser.add_argument(name, default="0", help="set by the command itself")

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = _address(options["listen"])
        workers = whole_number("--workers", options["workers"], 1, MAXIMUM_WORKERS)
        worker = whole_number("--worker", options["worker"], 0, MAXIMUM_WORKERS)
        supervisor = whole_number("--supervisor", options["supervisor"], 0, 2**31)
        if not _is_loopback(host) and not conf.api_key:
            raise CommandError(
                f"{host} is reachable from other machines; set OTEL_API_KEY, or listen on 127.0.0.1", returncode=2
            )
        if (options["tls_certificate"] is None) is not (options["tls_key"] is None):
            raise CommandError("--tls-certificate and --tls-key must be set together", returncode=2)
        tls = Tls(options["tls_certificate"], options["tls_key"]) if options["tls_key"] else None
        if workers > 1 and port == 0:
            raise CommandError("several workers must share one port; choose a port other than 0", returncode=2)
        if workers > 1 and not worker:
            self.stdout.write(f"listening on {host}:{port} with {workers} workers")
            self.stdout.flush()
            if code := supervise(worker_commands(_arguments(options), workers)):
                raise CommandError("the workers cannot run; their own errors are above", returncode=code)
            return
        refuse_unusable_sessions()
        log_an_outage()
        try:
            processor = Processor(
                f"{host}:{port}",
                conninfo(),
                api_key=conf.api_key,
                tls=tls,
                slot=worker,
                erase=erase_received,
            )
        except CannotListen as error:
            raise CommandError(str(error), returncode=2) from None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: processor.ask_to_stop())
        if conf.metrics_endpoint:
            metrics.export_to(conf.metrics_endpoint)
        # Objects created so far live until the process ends; garbage collection need not scan them again.
        gc.freeze()
        processor.start()
        if not worker:
            self.stdout.write(f"listening on {host}:{processor.port}")
            self.stdout.flush()
        processor.wait(supervisor=supervisor)


def _arguments(options: dict[str, Any]) -> list[str]:
    arguments = ["run_telemetry_processor", "--listen", options["listen"], "--workers", str(options["workers"])]
    for name in ("tls_certificate", "tls_key"):
        if options[name]:
            arguments += [f"--{name.replace('_', '-')}", str(options[name])]
    return arguments


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    number = digits(port, 0, 65535)
    if not colon or not host or number is None:
        raise CommandError(f"--listen must be HOST:PORT, such as 127.0.0.1:4317; it is {text!r}", returncode=2)
    return host, number


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

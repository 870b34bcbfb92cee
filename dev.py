#!/usr/bin/env python3
"""Run, test, check and measure this project: `python3 dev.py --help`. Needs Python 3.11 and nothing else.

The implementation is in tools/; this file parses the command line and sets the exit code.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may well have an older one
    sys.exit("dev.py needs Python 3.11 or newer; this is {}.{}".format(*sys.version_info[:2]))

from embedded_postgres.privileges import dying_with_parent
from privacy.kinds import digits
from tools import checkout, checks, collector, debian, documents, environment, mutants, processes, product

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

# A file's tests share a process and what they start. Files begin in the order of tests/conftest.py, slow ones first.
WHOLE_SUITE = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code. Expected errors are one line, without traceback."""
    # SIGINT too: a program started in the background of a script inherits it as ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _as_interrupt)
    try:
        # Pass pytest's options through; argparse does not know them.
        if arguments[:1] == ["test"]:
            return test(arguments[1:])
        return command(arguments)
    except (checkout.SetupFailed, processes.Ended) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"dev.py: {error}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


def command(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description="Run, test, check and measure this project.")
    port = _number("a port", 65535)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    setup_parser = commands.add_parser("setup", help="make .venv and install what the project needs, if not done")
    setup_parser.add_argument("--production", action="store_true", help="for a server: nothing but requirements.txt")
    run_parser = commands.add_parser("run", help="start database, processor and site; Ctrl-C stops them")
    run_parser.add_argument("--port", type=port, default=8000, help="of the site (8000)")
    run_parser.add_argument("--processor-port", type=port, default=4317, help="of the processor (4317)")
    collector_parser = commands.add_parser(
        "collector", help="the same with the OpenTelemetry Collector, which Go builds"
    )
    collector_parser.add_argument("--port", type=port, default=8000, help="of the site (8000)")
    collector_parser.add_argument("--grpc-port", type=port, default=4317, help="of the collector, gRPC (4317)")
    collector_parser.add_argument("--http-port", type=port, default=4318, help="of the collector, HTTP (4318)")
    collector_parser.add_argument("--processor-port", type=port, default=4319, help="of the processor (4319)")
    for each in (run_parser, collector_parser):
        each.add_argument(
            "--demo",
            type=_number("a number of people", 20_000),
            nargs="?",
            const=300,
            metavar="PEOPLE",
            help="with 90 days of made-up people (300)",
        )
    commands.add_parser("test", help="run the tests; what follows is pytest's", add_help=False)
    commands.add_parser("check", help="linters, types, import contracts, migrations, deployment settings")
    commands.add_parser("docs", help="write every text that is made from the code, and build the pages")
    sbom_parser = commands.add_parser("sbom", help="write a CycloneDX list of the packages that the site ships")
    sbom_parser.add_argument("--output", type=Path, help="a file; without it, standard output")
    bench_parser = commands.add_parser("bench", help="run the benchmarks, or one of them")
    bench_parser.add_argument("name", nargs="?", help="a file of benchmarks/, without .py")
    mutate_parser = commands.add_parser("mutate", help="change the code in one place at a time; do its tests notice?")
    mutate_parser.add_argument("path", nargs="?", help="a module of tests/mutants.toml, or a folder (all of them)")
    mutate_parser.add_argument(
        "--workers", type=_number("a number of workers", 64), help="copies of the checkout at work (one a processor)"
    )
    options = parser.parse_args(arguments)

    if options.command in ("run", "collector"):
        return run(parser, options)
    if options.command == "bench":
        return bench(parser, options.name)
    if options.command == "mutate":
        return mutate(parser, options.path, options.workers)
    environment.set_up(production=getattr(options, "production", False))
    if options.command == "check":
        return 0 if checks.run_all() else FAILED
    if options.command == "sbom":
        return _python("-m", "tools.sbom", *(["--output", str(options.output.resolve())] if options.output else []))
    if options.command == "docs":
        documents.write()
        print(f"pages: {documents.build_pages()}")
    else:
        print("set up; next: deploy/README.md" if options.production else f"set up; next: {sys.executable} dev.py run")
    return 0


def run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    taken: dict[int, str] = {}
    for name in ("port", "grpc_port", "http_port", "processor_port"):
        number: int | None = getattr(options, name, None)
        if number is None:
            continue
        option = f"--{name.replace('_', '-')}"
        if number in taken:
            parser.exit(WRONG_USAGE, f"dev.py {options.command}: {taken[number]} and {option} are both {number}\n")
        if processes.is_taken(number):
            complaint = f"port {number} is in use; choose another with {option}"
            parser.exit(WRONG_USAGE, f"dev.py {options.command}: {complaint}\n")
        taken[number] = option
    environment.set_up()
    with_collector = options.command == "collector"
    ports = product.CollectorPorts(options.grpc_port, options.http_port) if with_collector else None
    try:
        product.run(options.port, options.processor_port, ports, demo=options.demo)
    except KeyboardInterrupt:
        print("stopped")
    return 0


def test(pytest_arguments: list[str]) -> int:
    environment.set_up()
    debian.make_sure_of("chromium", "chromium", "browser tests")
    debian.make_sure_of("pgbouncer", "pgbouncer", "tests behind a connection pooler")
    collector.make_sure_of_collector()
    return _python("-m", "pytest", *(pytest_arguments or WHOLE_SUITE))


def bench(parser: argparse.ArgumentParser, name: str | None) -> int:
    available = sorted(
        path.stem for path in (checkout.ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("_")
    )
    if name is not None and name not in available:
        there_are = f"there are: {', '.join(available)}" if available else "there are none"
        parser.exit(WRONG_USAGE, f"dev.py bench: no benchmark {name!r}; {there_are}\n")
    environment.set_up()
    return max((_python("-m", f"benchmarks.{each}") for each in ([name] if name else available)), default=0)


def mutate(parser: argparse.ArgumentParser, path: str | None, workers: int | None) -> int:
    declared = mutants.declaration()
    try:
        modules = declared.below(path)
    except mutants.UnknownModule as error:
        parser.exit(WRONG_USAGE, f"dev.py mutate: {error}\n")
    environment.set_up()
    return 0 if mutants.run(modules, declared, workers) else FAILED


def _python(*arguments: str) -> int:
    """Run the project's Python here, with our input and output; returns its exit code."""
    command = [*dying_with_parent([]), str(checkout.PYTHON), *arguments]
    return subprocess.run(command, cwd=checkout.ROOT, check=False).returncode


def _number(what: str, maximum: int) -> Callable[[str], int]:
    """An option's type: a whole number from 1 to `maximum`, that is `what`."""

    def parse(text: str) -> int:
        number = digits(text, 1, maximum)
        if number is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what} (1 to {maximum})")
        return number

    return parse


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Log lines name URL patterns and types of exceptions: never a path, a query, an address or a message."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client, RequestFactory
from django.urls import resolve

from rhesis_site.logging_privacy import PrivateFormatter, places
from tests.acceptance.product import ROOT
from tests.support.databases import clean_environment, manage


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the one handler with our formatter writes."""
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(PrivateFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    yield out
    root.removeHandler(handler)


def test_a_404_is_its_method_and_status(log: StringIO) -> None:
    Client().get("/secret-path/?q=secret-query")
    assert "django.request: GET unmatched 404" in log.getvalue() and "secret" not in log.getvalue()


def test_a_request_that_matched_is_its_pattern(log: StringIO) -> None:
    request = RequestFactory().get("/settings/privacy/?secret")
    request.resolver_match = resolve("/settings/privacy/")
    logging.getLogger("django.request").warning("secret", extra={"request": request, "status_code": 500})
    assert log.getvalue().strip().endswith("django.request: GET /settings/privacy/ 500")


def test_a_disallowed_host_is_not_repeated(log: StringIO) -> None:
    logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: %r", "secret")
    assert "secret" not in log.getvalue() and "error of a request" in log.getvalue()


def test_of_an_exception_only_types_and_places_are_written(log: StringIO) -> None:
    try:
        try:
            raise KeyError("secret-key")
        except KeyError as error:
            raise RuntimeError("secret-message") from error
    except RuntimeError:
        logging.getLogger("anything").exception("It failed")
    written = log.getvalue()
    assert "It failed" in written and "builtins.RuntimeError" in written and "builtins.KeyError" in written
    assert "test_logging_privacy.py" in written and "secret" not in written


def test_an_exception_given_as_an_argument_is_its_type(log: StringIO) -> None:
    logging.getLogger("anything").warning("It was %s", ValueError("secret"))
    assert "ValueError" in log.getvalue() and "secret" not in log.getvalue()


def test_what_gunicorn_says_of_itself_is_kept_and_what_it_quotes_is_not(log: StringIO) -> None:
    logger = logging.getLogger("gunicorn.error")
    logger.warning("Listening at: http://127.0.0.1:8000 (1)")
    logger.warning("Invalid request from ip=192.0.2.1: secret")
    assert "Listening at" in log.getvalue() and "secret" not in log.getvalue() and "192.0.2.1" not in log.getvalue()


def test_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert places(first).count("RuntimeError") == 2


def test_a_method_that_there_is_not_is_not_repeated(log: StringIO) -> None:
    Client().generic("CNRY-JANE@EXAMPLE.ORG", "/secret-path/")
    assert "django.request: _OTHER" in log.getvalue() and "JANE" not in log.getvalue()


def other_logger(name: str = "a.library") -> logging.Logger:
    return logging.getLogger(name)


def test_of_a_librarys_arguments_only_numbers_are_written(log: StringIO) -> None:
    other_logger().warning("Sent %d bytes to %s (%r) in %.2f s", 12, "jane", ["secret"], 0.5)
    assert "Sent 12 bytes to ... (...) in 0.50 s" in log.getvalue()


def test_named_arguments_are_treated_alike(log: StringIO) -> None:
    other_logger().warning("Sent %(count)d to %(whom)s", {"count": 3, "whom": "secret"})
    assert "Sent 3 to ..." in log.getvalue()


@pytest.mark.parametrize("whom", ["secret", "secret %s", "secret %d %"])
def test_text_that_is_put_together_is_left_out(log: StringIO, whom: str) -> None:
    other_logger().warning(f"Sent to {whom}")
    other_logger().warning("Sent to " + whom, "secret")
    assert "secret" not in log.getvalue()
    assert log.getvalue().count("(warning of a.library; test_logging_privacy.py:") == 2


@pytest.mark.parametrize("message", [ValueError("secret"), {"secret": 1}, b"secret", 5])
def test_a_message_that_is_no_text_is_left_out(log: StringIO, message: object) -> None:
    other_logger().warning(message)
    assert "secret" not in log.getvalue() and "warning of a.library" in log.getvalue()


def test_arguments_that_do_not_fit_are_left_out_without_a_word_of_them(
    log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    other_logger().warning("Two: %s %s", "secret")
    other_logger().warning("One: %d", "secret")
    assert "Two: %s %s" in log.getvalue() and "One: %d" in log.getvalue()
    assert "secret" not in log.getvalue() + "".join(capsys.readouterr())


def test_our_own_lines_are_written_as_they_are(log: StringIO) -> None:
    logging.getLogger("analytics.ingest.serve").warning("Serving: %s on %d", "loopback", 4317)
    assert "Serving: loopback on 4317" in log.getvalue()


ROADS_OF_PYTHON = """
import asyncio, io, sys, threading, warnings
from wsgiref.handlers import SimpleHandler
from wsgiref.simple_server import WSGIServer
import django
django.setup()
from django.db import IntegrityError

def fails():
    local_variable = "secret-local"
    raise IntegrityError('duplicate key\\nDETAIL:  Key (email)=(secret@example.org) already exists.')

class Unraisable:
    def __del__(self):
        fails()

async def forgotten():
    asyncio.get_running_loop().call_soon(fails)
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_exception_handler({"message": "secret-message"})

def served(report):
    try:
        fails()
    except IntegrityError:
        report()

handler = SimpleHandler(io.BytesIO(), io.BytesIO(), sys.stderr, {})
served(lambda: handler.log_exception(sys.exc_info()))
with WSGIServer(("127.0.0.1", 0), None) as server:
    served(lambda: server.handle_error(None, ("secret-address", 1)))

thread = threading.Thread(target=fails, name="secret-name")
thread.start(); thread.join()
Unraisable()
asyncio.run(forgotten())
warnings.warn("secret-warning")
fails()
"""


def test_what_python_prints_by_itself_quotes_nobody() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONWARNINGS": "always"}
    ended = subprocess.run(
        [sys.executable, "-c", ROADS_OF_PYTHON], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    written = ended.stdout + ended.stderr
    assert ended.returncode == 1
    assert written.count("django.db.utils.IntegrityError") == 6
    for line in (
        "A response ended",
        "A request ended",
        "A thread ended",
        "could not be raised",
        "error of asyncio",
        "UserWarning at",
        "Ended by an exception",
    ):
        assert line in written, line
    assert "secret" not in written and "Traceback" not in written


def test_as_json_a_record_is_one_object_with_the_places_of_its_exception() -> None:
    record = logging.LogRecord("analytics.x", logging.ERROR, __file__, 1, "Stored %d rows", (7,), None)
    try:
        raise KeyError("secret-key")
    except KeyError as error:
        record.exc_info = (KeyError, error, error.__traceback__)
    line = PrivateFormatter(as_json=True).format(record)
    found = json.loads(line)
    assert "\n" not in line and "secret" not in line
    assert (found["level"], found["logger"], found["message"]) == ("ERROR", "analytics.x", "Stored 7 rows")
    assert found["exception"].startswith("  builtins.KeyError") and found["time"].endswith("+00:00")


def test_log_format_is_honoured_and_a_misspelt_one_is_an_error() -> None:
    program = "import django, logging; django.setup(); logging.getLogger('analytics.x').error('Seven')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=clean_environment(LOG_FORMAT="json"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stderr)["message"] == "Seven"
    assert "LOG_FORMAT must be text or json" in manage("check", LOG_FORMAT="xml").stderr

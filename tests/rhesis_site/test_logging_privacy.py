"""Log lines name URL patterns and types of exceptions: never a path, a query, an address or a message."""

import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from django.test import Client, RequestFactory
from django.urls import resolve

from rhesis_site.logging_privacy import PrivateFormatter, places


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

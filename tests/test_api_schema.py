"""The API against its own OpenAPI schema: whatever is sent, it answers as the schema says."""

from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.management import call_command
from django.test import override_settings
from hypothesis import HealthCheck, settings
from knox.models import AuthToken
from schemathesis.specs.openapi.checks import positive_data_acceptance

from rhesis_site.openapi import REFUSALS
from tests.profile import examples
from tests.support.people import someone_who_shares

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(live_server: Any) -> Any:
    cache.clear()
    return schemathesis.openapi.from_url(f"{live_server.url}/api/schema")


schema = schemathesis.pytest.from_fixture("api")


@pytest.fixture
def token() -> str:
    found: str = AuthToken.objects.create(user=someone_who_shares())[1]
    return found


def test_the_schema_is_valid_and_says_all_it_knows() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


@schema.parametrize()
@settings(
    max_examples=examples(20, long=500),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_one_that_the_schema_describes(case: Any, token: str) -> None:
    # Signing in and out by token would end what the others go by.
    headers = {} if case.path == "/api/auth/login" else {"Authorization": f"Bearer {token}"}
    with override_settings(SIGN_IN_FAILURES_PER_ADDRESS="100000/hour"):
        # A text may be refused for what a schema cannot say: NUL, or nothing but blanks.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])


def test_every_operation_says_how_it_refuses(live_server: Any) -> None:
    found = schemathesis.openapi.from_url(f"{live_server.url}/api/schema").raw_schema
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            assert set(REFUSALS) <= set(operation["responses"]), f"{method} {path}"

"""A secret in every place where a person's data can be, then a search of all that was sent, stored and logged.

The whole product runs, with a stand-in collector that keeps every byte it is sent.
"""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import requests

from embedded_postgres.server import connection_url
from tests.acceptance.product import Product, copy_of_the_tree, free_port, running_product, wait_until
from tests.acceptance.standin_collector import standin_collector
from tests.rhesis_site.test_server_logs import send

pytestmark = pytest.mark.acceptance
MAKE_A_PERSON = """
import sys, django
django.setup()
from accounts.models import Organization, User
name, first, last, mail, password, organization = sys.argv[1:]
user = User.objects.create_user(name, mail, password, first_name=first, last_name=last,
                                organization=Organization.objects.create(name=organization))
print(user.pk, user.organization_id)
"""
PLACES = (
    "username", "first_name", "last_name", "email", "password", "organization", "path", "query", "header", "cookie",
    "body", "json_body", "file_name", "file_content", "user_agent", "referer", "forwarded", "baggage", "tracestate",
    "form_error", "exception", "suspicious", "logged", "unmatched_path", "bearer", "login_name", "login_password",
    "host", "language", "method",
)  # fmt: skip
TRACE_ID, PARENT_ID = "ca11ab1e" * 4, "0ddba115" * 2
FORWARDED = "203.0.113.177"


def canaries() -> dict[str, str]:
    """One for each place; letters and digits only, so that no encoding of text changes them."""
    made = {place: f"canary{place.replace('_', '')}{secrets.token_hex(8)}" for place in PLACES}
    # Servers take methods of twenty letters at most.
    return {**made, "method": f"CANARY{secrets.token_hex(6).upper()}"}


def disguises(canary: str) -> Iterator[bytes]:
    """The secret, and what it looks like when somebody encodes it."""
    raw = canary.encode()
    yield raw
    yield raw.upper()
    yield raw.hex().encode()
    yield quote(canary).encode()
    for offset in range(3):
        # Inside of longer base64, wherever it begins.
        encoded = base64.b64encode(b"x" * offset + raw)
        yield encoded[4 if offset else 0 : -4]


def found(places: dict[str, bytes], wanted: dict[str, str]) -> list[str]:
    """Where each secret is, as "secret in place"."""
    return [
        f"{name} in {place}"
        for name, canary in wanted.items()
        for place, content in places.items()
        if any(disguise in content for disguise in disguises(canary))
    ]


def everything_stored(product: Product) -> bytes:
    """Every row of every table of analytics."""
    with psycopg.connect(connection_url(product.tree / ".local/postgres")) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'analytics%'"
        ).fetchall()
        rows = [connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in tables]  # type: ignore[arg-type]
    return str(rows).encode()


def everything_logged(tree: Path, output: list[str]) -> dict[str, bytes]:
    """Every file of `.local/log` and of the database's log, and what dev.py said (less the demo people's sign-ins)."""
    logs = [*(tree / ".local/log").rglob("*"), *(tree / ".local/postgres").glob("*.log")]
    content = {f"log {path.name}": path.read_bytes() for path in logs if path.is_file()}
    assert {"log site.log", "log processor.log"} <= set(content) and any("postgres" in str(path) for path in logs)
    return {**content, "output": "".join(output).encode()}


def drive(url: str, secret: dict[str, str]) -> dict[str, str]:
    """Use the site in every way, with a secret in every place; what only the site knew before: session and token."""
    answer = requests.post(
        f"{url}/api/auth/login", json={"username": secret["username"], "password": secret["password"]}
    )
    token = answer.json()["session_token"]
    requests.put(f"{url}/api/users/telemetry/enable", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    browser = requests.Session()
    browser.get(f"{url}/sign-in/")
    browser.post(
        f"{url}/sign-in/",
        data={
            "username": secret["username"],
            "password": secret["password"],
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        },
        headers={"Referer": f"{url}/sign-in/"},
    )
    session = browser.cookies["sessionid"]
    browser.cookies.set("preference", secret["cookie"])
    headers = {
        "X-Anything": secret["header"],
        "User-Agent": secret["user_agent"],
        "Referer": f"{url}/{secret['referer']}/",
        "X-Forwarded-For": f"{FORWARDED}, {secret['forwarded']}",
        "Accept-Language": secret["language"],
        "baggage": f"user={secret['baggage']}",
        "traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01",
        "tracestate": f"vendor={secret['tracestate']}",
    }
    for road in (browser, _with_token(token)):
        road.headers.update(headers)
        road.get(f"{url}/anything/{secret['path']}/?q={secret['query']}")
        road.post(
            f"{url}/anything/{secret['path']}/",
            data={"typed": secret["form_error"], "body": secret["body"]},
            files={"file": (f"{secret['file_name']}.txt", secret["file_content"])},
        )
        road.get(f"{url}/breaks/x/?q={secret['exception']}")
        road.get(f"{url}/suspicious/x/?q={secret['suspicious']}")
        road.get(f"{url}/logs/{secret['logged']}/")
        road.get(f"{url}/no/such/place/{secret['unmatched_path']}/")
        road.put(f"{url}/api/users/telemetry/enable", data=f'{{"{secret["json_body"]}', headers=_json())
        road.get(f"{url}/settings/privacy/?rows={secret['query']}")
        road.get(f"{url}/api/users/telemetry/data?limit={secret['query']}")
        road.request(secret["method"], f"{url}/anything/x/")
        road.get(f"{url}/anything/x/", headers={"Host": f"{secret['host']}.example"})
    # What no client of ours would send: not a method, and not a request.
    port = urlsplit(url).port or 80
    for line in (f"{secret['method']}@EXAMPLE.ORG / HTTP/1.1\r\nHost: localhost\r\n\r\n", f"{secret['body']}\r\n\r\n"):
        send(port, line.encode())
    requests.get(f"{url}/api/users/telemetry/status", headers={"Authorization": f"Bearer {secret['bearer']}"})
    requests.post(
        f"{url}/api/auth/login", json={"username": secret["login_name"], "password": secret["login_password"]}
    )
    browser.get(f"{url}/api/users/telemetry/status").raise_for_status()
    return {"session_key": session, "token": token}


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json"}


def _with_token(token: str) -> requests.Session:
    program = requests.Session()
    program.headers["Authorization"] = f"Bearer {token}"
    return program


def test_the_search_finds_what_is_there() -> None:
    wanted = canaries()
    for name, canary in wanted.items():
        for disguise in (
            canary.encode(),
            canary.upper().encode(),
            canary.encode().hex().encode(),
            base64.b64encode(f"some{canary}more".encode()),
            base64.b64encode(f"{canary}".encode()),
            base64.b64encode(f"a{canary}zz".encode()),
        ):
            assert found({"here": b"before " + disguise + b" after"}, wanted) == [f"{name} in here"]


@pytest.mark.parametrize("stock", ["", "true"], ids=["our middleware", "the stock instrumentor"])
def test_no_secret_is_ever_sent_stored_or_logged(stock: str, tmp_path: Path) -> None:
    secret = canaries()
    tree = copy_of_the_tree(tmp_path)
    processor_port = free_port()
    settings = {"DJANGO_SETTINGS_MODULE": "tests.consent.canary_settings", "LOG_LEVEL": "DEBUG"}
    with (
        standin_collector(processor_port) as (address, taken),
        running_product(
            tree,
            processor_port=str(processor_port),
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_PYTHON_DJANGO_INSTRUMENT=stock,
            **settings,
        ) as product,
    ):
        ids = _made(tree, settings, secret)
        known = drive(product.url, secret)
        wait_until("the last request's row", lambda: _arrived(product, "/api/users/telemetry/status"))
        # Sent and stored: what was typed left as pseudonyms only, and what happened is there.
        stored = everything_stored(product)
        sent = b"".join(request.SerializeToString() for request in taken)
        assert b"/anything/{name}/" in sent and b"/breaks/{name}/" in sent
        assert b"/anything/{name}/" in stored and b"_OTHER" in stored
        wanted = {**secret, **ids, **known, "forwarded address": FORWARDED, "trace": TRACE_ID, "parent": PARENT_ID}
        places = {"sent": sent, "stored": stored}
        assert found(places, wanted) == []
        assert bytes.fromhex(TRACE_ID) not in sent and bytes.fromhex(PARENT_ID) not in sent
    logged = everything_logged(tree, product.output)
    assert any(b"an.application" in content for content in logged.values()), "the application's own lines are logged"
    assert found(logged, wanted) == []


def _made(tree: Path, settings: dict[str, str], secret: dict[str, str]) -> dict[str, str]:
    """The person whose name, address and organization are secrets; their ids, which are secrets too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DJANGO_"))}
    environment.pop("DATABASE_URL", None)
    environment.pop("SECRET_KEY", None)
    outcome = subprocess.run(
        [
            *(sys.executable, "-c", MAKE_A_PERSON, secret["username"], secret["first_name"], secret["last_name"]),
            *(f"{secret['email']}@example.org", secret["password"], secret["organization"]),
        ],
        cwd=tree,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    user_id, organization_id = outcome.stdout.split()
    return {
        "user id": user_id,
        "user id in hex": user_id.replace("-", ""),
        "organization id": organization_id,
        "organization id in hex": organization_id.replace("-", ""),
    }


def _arrived(product: Product, endpoint: str) -> list[Any]:
    return [row for row in product.rows("analytics_endpoint_usage") if row["endpoint"] == endpoint]

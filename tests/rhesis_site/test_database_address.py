"""Addresses of databases: every part of one is used, or it is refused; no part is dropped or has no effect."""

import pytest
from psycopg.conninfo import make_conninfo

from privacy.kinds import Misread
from rhesis_site.database_address import database, database_or_embedded


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgres://u:p%40%2F%25@h/n", {"PASSWORD": "p@/%", "HOST": "h"}),
        ("postgres://u:p$w#d@h/n", {"PASSWORD": "p$w#d", "HOST": "h"}),
        ("postgres://u:p@[::1]:5432/n", {"HOST": "::1", "PORT": 5432}),
        ("postgres://u:p@%2Frun%2Fpostgresql/n", {"HOST": "/run/postgresql"}),
        ("postgresql://u@h1:5432,h2:5433/n", {"HOST": "h1,h2", "PORT": "5432,5433"}),
        ("postgres://u@h/n?conn_max_age=5", {"CONN_MAX_AGE": 5}),
        ("postgres://u@h/n?ATOMIC_REQUESTS=false&CONN_HEALTH_CHECKS=no", {"ATOMIC_REQUESTS": False}),
        ("postgres://u@h/n?CONN_HEALTH_CHECKS=false", {"CONN_HEALTH_CHECKS": False}),
        ("postgres:///n?host=/run/x", {"HOST": "", "OPTIONS": {"host": "/run/x"}}),
        (
            "postgres://u@h/n?sslmode=verify-full&connect_timeout=5&application_name=a@b%26c",
            {"OPTIONS": {"sslmode": "verify-full", "connect_timeout": 5, "application_name": "a@b&c"}},
        ),
        ("postgres://u@h/n?options=-c%20work_mem%3D8MB", {"OPTIONS": {"options": "-c work_mem=8MB"}}),
    ],
)
def test_every_part_of_an_address_is_used(address: str, expected: dict[str, object]) -> None:
    config = database(address)
    assert {name: config[name] for name in expected} == expected
    make_conninfo(**config["OPTIONS"])


@pytest.mark.parametrize(
    "address",
    [
        "postgres://u:hidden%00word@h/n",
        "postgres://u:hidden\nword@h/n",
        "postgres://u:hidden-word@h/n?sslmode",
        "postgres://u:hidden-word@h/n?sslmode=",
        "postgres://u:hidden-word@h/n?sslmode=hidden-word",
        "postgres://u:hidden-word@h/n?sslmode=require&sslmode=disable",
        "postgres://u:hidden-word@h/n#?sslmode=require",
        "postgres://u:hidden-word@h/n?sslmode=require#hidden-word",
        "postgres://u:hidden-word@h/n?ssl=true",
        "postgres://u:hidden-word@h/n?connect_timeout=hidden-word",
        "postgres://u:hidden-word@h/n?CONN_MAX_AGE=hidden-word",
        "postgres://u:hidden-word@h/n?conn_max_age=5&CONN_MAX_AGE=6",
        "postgres://u:hidden-word@h/n?pool=false",
        "postgres://u:hidden-word@h/n?ATOMIC_REQUESTS=true",
        "postgres://u:hidden-word@h/n?isolation_level=serializable",
        "postgres://u:hidden-word@h/n?server_side_binding=false",
        "postgres://u:hidden-word@h/n?client_encoding=latin1",
        "postgres://u:hidden-word@h/n?password=hidden-word",
        "postgres://u:hidden-word@h/n?host=/run/other",
        "postgres://u:hidden-word@h:hidden-word/n",
        "postgres://u:hidden/word@h/n",
        "postgres://u:hidden?word@h/n",
    ],
)
def test_what_would_be_dropped_or_have_no_effect_is_refused(address: str) -> None:
    with pytest.raises(Misread) as raised:
        database(address)
    assert "hidden" not in str(raised.value)


def test_the_embedded_database_may_be_used_with_the_role_of_a_process() -> None:
    assert database_or_embedded(" embedded ") == {"ENGINE": "embedded_postgres", "NAME": "rhesis"}
    assert database_or_embedded("embedded:site") == {"ENGINE": "embedded_postgres", "NAME": "rhesis", "ROLE": "site"}
    for wrong in ("embedded:", "embedded:owner", "embedded:../password", "embeded:site"):
        with pytest.raises(Misread, match="must be a postgres:// address"):
            database_or_embedded(wrong)

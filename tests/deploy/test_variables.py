"""Every documented variable arrives in the processes of every kind of deployment."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from rhesis_site.declared import EVERY_SETTING
from tests.deploy.image import DEPLOY, ROOT

NAMES = [setting.name for setting in EVERY_SETTING]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
OURS = ["prepare", "site", "processor", "keep"]
# The role of each one's database; `prepare` is the owner.
ROLES = {"site": "site", "processor": "processor", "keep": "keeper"}
ASKED_FOR = {"SECRET_KEY", "TELEMETRY_HASH_KEY", "POSTGRES_PASSWORD", "ALLOWED_HOSTS", "OTEL_API_KEY"}


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Compose's `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}` and `${NAME}`, nested too.

    https://docs.docker.com/reference/compose-file/interpolation/
    """
    innermost = re.compile(r"\$\{(\w+)(?:(:?[-?])([^${}]*))?\}")

    def value(match: re.Match[str]) -> str:
        name, kind, otherwise = match.groups()
        is_there = bool(variables.get(name)) if kind and kind.startswith(":") else name in variables
        assert is_there or kind is None or kind.endswith("-"), f"{name} must be set"
        return variables.get(name, "") if is_there or kind is None else otherwise

    while (changed := innermost.sub(value, text)) != text:
        text = changed
    return text


def container_environment(service: str, file: Mapping[str, str]) -> dict[str, str]:
    """What a process in the container gets, where `file` is the `.env` beside compose.yaml."""
    declared: dict[str, Any] = COMPOSE[service]
    from_files = dict(file) if {"path": ".env", "required": False} in declared.get("env_file", []) else {}
    return from_files | {name: interpolated(str(value), file) for name, value in declared["environment"].items()}


@pytest.mark.parametrize("service", OURS)
@pytest.mark.parametrize("name", NAMES)
def test_compose_hands_on_what_stands_in_the_file_beside_it(name: str, service: str) -> None:
    file = {**dict.fromkeys(ASKED_FOR, "asked-for"), name: "a-value-of-ones-own"}
    value = container_environment(service, file)[name]
    assert value == "a-value-of-ones-own" or (name, value) == ("ALLOWED_HOSTS", "a-value-of-ones-own,localhost")


@pytest.mark.parametrize("service", OURS)
def test_compose_starts_nothing_without_what_a_deployment_must_say(service: str) -> None:
    for name in ASKED_FOR:
        with pytest.raises(AssertionError, match=f"{name} must be set"):
            container_environment(service, dict.fromkeys(ASKED_FOR - {name}, "asked-for"))


def test_compose_gives_each_process_the_address_of_its_role_and_nobody_elses() -> None:
    file = dict.fromkeys(ASKED_FOR, "asked-for")
    addresses = {f"{role.upper()}_DATABASE_URL": f"address-of-the-{role}" for role in ROLES.values()}
    for service in OURS:
        alone, environment = container_environment(service, file), container_environment(service, file | addresses)
        owners = "postgres://rhesis:asked-for@postgres:5432/rhesis"
        assert alone["DATABASE_URL"] == owners
        assert environment["DATABASE_URL"] == (f"address-of-the-{ROLES[service]}" if service in ROLES else owners)
        assert {environment[name] for name in (*addresses, "POSTGRES_PASSWORD")} == {""}


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "NEXT_PUBLIC_OTEL_ENDPOINT"])
def test_compose_leaves_off_what_the_file_leaves_empty(name: str) -> None:
    file = dict.fromkeys(ASKED_FOR, "asked-for")
    assert container_environment("site", file)[name]
    assert container_environment("site", {**file, name: ""})[name] == ""


def test_compose_gives_the_collector_nothing_but_its_own() -> None:
    of_the_collector = set(re.findall(r"^\| `(\w+)`", (DEPLOY / "collector" / "README.md").read_text(), re.M))
    assert "env_file" not in COMPOSE["collector"]
    assert set(COMPOSE["collector"]["environment"]) <= of_the_collector


@pytest.mark.parametrize("path", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda path: path.name)
def test_kubernetes_hands_on_all_of_its_configuration_and_secrets(path: Path) -> None:
    wanted = [{"configMapRef": {"name": "rhesis-telemetry"}}, {"secretRef": {"name": "rhesis-telemetry"}}]
    for document in yaml.safe_load_all(path.read_text()):
        for container in containers(document):
            if container["image"].startswith("rhesis-telemetry"):
                role = ROLES.get(path.stem)
                # Last, so that it takes precedence.
                of_role = [{"secretRef": {"name": f"rhesis-telemetry-{role}", "optional": True}}] if role else []
                assert container["envFrom"] == wanted + of_role
                # Parts that send through the collectors have a key of their own there.
                own = [(each["name"], each["valueFrom"]["secretKeyRef"]["key"]) for each in container.get("env", [])]
                assert own == ([("OTEL_API_KEY", "SITE_API_KEY")] if container["name"] in {"site", "keep"} else [])


def containers(value: Any) -> list[dict[str, Any]]:
    """Every mapping with an image, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in containers(each)]
    if not isinstance(value, dict):
        return []
    return [value] if "image" in value else containers(list(value.values()))


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_units_read_the_one_file_and_then_the_address_of_their_role(path: Path) -> None:
    role = ROLES.get(path.stem.removeprefix("rhesis-"))
    wanted = ["/etc/rhesis-telemetry/environment", *([f"-/etc/rhesis-telemetry/{role}"] if role else [])]
    assert re.findall(r"^EnvironmentFile=(.+)$", path.read_text(), re.M) == wanted


def test_the_example_can_be_read_by_a_shell_and_says_the_same() -> None:
    """The documents let a shell read a copy of it."""
    script = "set -a; . ./.env.example; exec env -0"
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    read = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)
    assert done.stderr == b""
    assert {name: read.get(name) for name in NAMES} == {setting.name: setting.default for setting in EVERY_SETTING}


def test_the_documents_write_addresses_and_secrets_in_single_quotes() -> None:
    """A reader puts an address with & in place of the dots, and a shell would cut it there."""
    assigned = re.compile(r"^.*\b(?:DATABASE_URL|SECRET_KEY|TELEMETRY_HASH_KEY|OTEL_API_KEY)=(?!\s|`|$).*$", re.M)
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *DEPLOY.glob("**/*.md")]
    lines = [line for path in documents for line in assigned.findall(path.read_text())]
    assert lines and [line for line in lines if not re.search(r"='", line)] == []

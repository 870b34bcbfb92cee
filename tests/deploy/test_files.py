"""The files of deploy/ name commands, options, variables and paths that exist, and no secret."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, get_commands, load_command_class

from tests.deploy.image import DEPLOY, ROOT, copied, last_stage, stages

UNITS = sorted((DEPLOY / "systemd").iterdir())
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
ALL_YAML = [DEPLOY / "compose.yaml", DEPLOY / "kustomization.yaml", *KUBERNETES]
DOCKERFILES = [DEPLOY / "Dockerfile", DEPLOY / "collector.Dockerfile"]
SECRETS = {
    "SECRET_KEY",
    "TELEMETRY_HASH_KEY",
    "TELEMETRY_HASH_KEY_PREVIOUS",
    "DATABASE_URL",
    "ANALYTICS_DATABASE_URL",
    "OTEL_API_KEY",
    "POSTGRES_PASSWORD",
}
# Read by gunicorn and by the image of PostgreSQL, not by us.
OF_OTHERS = {"WEB_CONCURRENCY", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
OF_COMPOSE = {f"{role}_DATABASE_URL" for role in ("SITE", "PROCESSOR", "KEEPER")}


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def inside(value: Any) -> list[dict[str, Any]]:
    """Every mapping in a document, at any depth."""
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in inside(each))]
    if isinstance(value, list):
        return [found for each in value for found in inside(each)]
    return []


def commands_in(path: Path) -> list[list[str]]:
    """What stands behind `manage.py` in the file, word by word."""
    if path.suffix == ".yaml":
        found = []
        for mapping in (each for document in documents(path) for each in inside(document)):
            words = [*mapping.get("command", []), *mapping.get("args", [])] if "image" in mapping else []
            joined = " ".join(words) if words[:1] == ["sh"] else shlex.join(words)
            found += re.findall(r"manage\.py ([^&;]+)", joined)
        return [shlex.split(line) for line in found]
    return [shlex.split(line) for line in re.findall(r"^(?:ExecStart|RUN).*manage\.py (.+)$", path.read_text(), re.M)]


WITH_COMMANDS = [path for path in [*UNITS, *ALL_YAML, *DOCKERFILES] if commands_in(path)]


def test_the_commands_were_found() -> None:
    """So that the next test cannot pass by finding nothing."""
    named = {words[0] for path in WITH_COMMANDS for words in commands_in(path)}
    assert named >= {"keep_telemetry", "run_telemetry_processor", "migrate", "collectstatic"}


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_every_command_exists_and_takes_these_options(path: Path) -> None:
    for name, *options in commands_in(path):
        command = load_command_class(get_commands()[name], name)
        command._called_from_command_line = False
        try:
            command.create_parser("manage.py", name).parse_args(options)
        except CommandError as error:
            pytest.fail(f"{name} {options}: {error}")


def variables_in(path: Path) -> dict[str, str]:
    """Those the file sets, with what it sets them to (for systemd: only `Environment=`)."""
    if path.suffix != ".yaml":
        return dict(re.findall(r"^Environment=(\w+)=(.*)$", path.read_text(), re.M))
    found: dict[str, str] = {}
    for mapping in (each for document in documents(path) for each in inside(document)):
        if mapping.get("kind") == "ConfigMap":
            found |= mapping["data"]
        if isinstance(environment := mapping.get("environment"), dict):
            found |= environment
        for entry in mapping.get("env") or []:
            found[entry["name"]] = entry.get("value", "")
    return found


@pytest.mark.parametrize("path", [*UNITS, *ALL_YAML], ids=lambda path: path.name)
def test_every_variable_is_explained(path: Path) -> None:
    ours = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.M))
    of_the_collector = set(re.findall(r"^\| `(\w+)`", (DEPLOY / "collector" / "README.md").read_text(), re.M))
    assert set(variables_in(path)) - ours - of_the_collector - OF_OTHERS - OF_COMPOSE == set()


@pytest.mark.parametrize("path", [*UNITS, *ALL_YAML], ids=lambda path: path.name)
def test_no_secret_stands_in_a_file(path: Path) -> None:
    for name in SECRETS & set(variables_in(path)):
        value = variables_in(path)[name]
        assert value == "" or re.search(r"\$\{[A-Z_]+:\?[^}]+\}", value), (
            f"{name} must come from elsewhere, or be asked for"
        )
    assert not any(document.get("kind") == "Secret" for document in (documents(path) if path.suffix == ".yaml" else []))


@pytest.mark.parametrize("mode", ["one-machine", "gateway"])
def test_collectors_are_given_what_their_configuration_needs(mode: str) -> None:
    text = (DEPLOY / "collector" / f"{mode}.yaml").read_text()
    needed = set(re.findall(r"\$\{env:(\w+)\}", text))
    given = variables_in(DEPLOY / ("compose.yaml" if mode == "one-machine" else "kubernetes/collector.yaml"))
    assert needed - set(given) == set()


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_runs_nothing_as_root_and_reads_secrets_by_reference(path: Path) -> None:
    for document in documents(path):
        assert document["apiVersion"] and document["kind"] and document["metadata"]
        for pod in (each for each in inside(document) if "containers" in each):
            assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
            for container in [*pod["containers"], *pod.get("initContainers", [])]:
                security = container["securityContext"]
                assert security["readOnlyRootFilesystem"] and security["capabilities"] == {"drop": ["ALL"]}
                mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
                claimed = {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
                assert mounted <= {volume["name"] for volume in pod.get("volumes", [])} | claimed


def test_kubernetes_services_and_deployments_select_pods_that_there_are() -> None:
    everything = [document for path in KUBERNETES for document in documents(path)]
    labels = {
        document["spec"]["template"]["metadata"]["labels"]["app"]
        for document in everything
        if document["kind"] in {"Deployment", "StatefulSet"}
    }
    selectors = {
        selector.get("app") or selector["matchLabels"]["app"]
        for document in everything
        if (selector := document["spec"].get("selector") if "spec" in document else None)
    }
    assert selectors == labels == {"site", "processor", "collector"}


def test_kustomization_lists_every_file() -> None:
    (kustomization,) = documents(DEPLOY / "kustomization.yaml")
    named = [*kustomization["resources"], *kustomization["configMapGenerator"][0]["files"]]
    assert all((DEPLOY / name).is_file() for name in named)
    # A job that is made anew for each release cannot be applied.
    assert {path.name for path in KUBERNETES} - {Path(name).name for name in named} == {"prepare.yaml"}


def test_the_job_that_keeps_never_runs_beside_itself() -> None:
    (job,) = documents(DEPLOY / "kubernetes" / "keep.yaml")
    assert (job["kind"], job["spec"]["concurrencyPolicy"]) == ("CronJob", "Forbid")


def test_compose_waits_for_the_database_and_publishes_to_the_machine_alone() -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    services = compose["services"]
    assert set(services) == {"postgres", "prepare", "site", "processor", "collector", "keep"}
    for name in ("site", "processor", "keep"):
        assert services[name]["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published and all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_start_what_there_is(path: Path) -> None:
    text = path.read_text()
    for line in re.findall(r"^ExecStart=(.+)$", text, re.M):
        program, *words = shlex.split(line)
        built = {"/opt/rhesis-telemetry/.venv/bin/python", "/opt/rhesis-telemetry/build/rhesis-collector"}
        assert program in built
        for word in words:
            if word.startswith("/opt/rhesis-telemetry/"):
                assert (ROOT / word.removeprefix("/opt/rhesis-telemetry/")).exists(), word
            elif "/" in word and not word[0].isdigit():
                assert (ROOT / word).exists(), word
    if path.suffix == ".timer":
        assert path.with_suffix(".service").exists() and "WantedBy=timers.target" in text
    else:
        assert "User=rhesis" in text and "NoNewPrivileges=true" in text


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_have_a_version_no_host_and_no_root(path: Path) -> None:
    for image, _ in stages(path):
        is_versioned = re.fullmatch(r"[a-z]+:[\w.-]+", image) and not image.endswith(":latest")
        assert is_versioned or image == "scratch"  # which is no image, but an empty one's name
    _, last = stages(path)[-1]
    assert "USER 10001" in last


def test_static_files_can_be_collected_in_the_image(image: Path) -> None:
    (run,) = (line.removeprefix("RUN ") for line in last_stage() if line.startswith("RUN SECRET_KEY="))
    words = ["env", *shlex.split(run.replace("python ", f"{sys.executable} "))]
    done = subprocess.run(words, cwd=image, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (image / "staticfiles" / "staticfiles.json").exists()
    assert list((image / "staticfiles" / "telemetry").glob("site.*.js")), "browser telemetry is not in it"


def test_what_is_copied_into_the_images_is_there_and_not_ignored() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    wanted = {line.removeprefix("!") for line in lines if line.startswith("!")}
    for _, instructions in stages(DEPLOY / "Dockerfile"):
        for sources, _ in copied(instructions):
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source in wanted or source.partition("/")[0] in wanted, source
    for _, instructions in stages(DEPLOY / "collector.Dockerfile"):
        assert all(
            (DEPLOY / "collector" / source).exists() for sources, _ in copied(instructions) for source in sources
        )


def test_the_collector_is_built_by_the_builder_of_its_release() -> None:
    (builder,) = documents(DEPLOY / "collector" / "builder.yaml")
    assert f"cmd/builder@v{builder['dist']['version']}" in (DEPLOY / "collector.Dockerfile").read_text()

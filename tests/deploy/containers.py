"""Runs compose.yaml's services in containers of the host's network, each listening on an address of its own.

`podman` is what it is tried with. Compose itself is not used: where bridge networks do not work, two services could not
have the same port, and without systemd podman runs no health checks.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from tests.acceptance.product import wait_until
from tests.deploy import image
from tests.deploy.image import DEPLOY, ROOT
from tests.deploy.test_variables import interpolated

# Where each service listens, instead of on every address of its container.
ADDRESSES = {"postgres": "127.0.0.11", "processor": "127.0.0.12", "collector": "127.0.0.13", "site": "127.0.0.14"}
EVERY_ADDRESS = "0.0.0.0"
OF_THE_HOST = ["--network=host", *(f"--add-host={name}:{address}" for name, address in ADDRESSES.items())]
PATIENCE_SECONDS = 1800  # a build on a busy machine


def podman(*words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of podman. Fails with its output if it fails and `ok`."""
    done = subprocess.run(["podman", *words], check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0 or not ok, f"podman {' '.join(words)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done


def build(dockerfile: Path, context: Path, tag: str) -> None:
    """Build an image as compose does. Base images are those of the machine, or pulled."""
    podman("build", "--network=host", f"--file={dockerfile}", f"--tag={tag}", str(context))


class Composition:
    """The services of compose.yaml with `file`, the `.env` beside it."""

    def __init__(self, file: Mapping[str, str]) -> None:
        self.file = dict(file)
        self._services: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self._prefix = f"rhesis-test-{uuid4().hex[:8]}"

    def build(self) -> None:
        build(DEPLOY / "Dockerfile", ROOT, "rhesis-telemetry")
        build(DEPLOY / "collector.Dockerfile", DEPLOY / "collector", "rhesis-collector")

    def name(self, service: str) -> str:
        return f"{self._prefix}-{service}"

    def up(self) -> None:
        """Start every service, each after those it depends on are as far as it wants them."""
        for service in self._in_order():
            self.start(service)

    def start(self, service: str) -> None:
        for other, wanted in self._services[service].get("depends_on", {}).items():
            self._wait(other, wanted["condition"])
        podman("run", "--detach", f"--name={self.name(service)}", *self._options(service), *self._command(service))

    def run(self, service: str, *command: str, **environment: str) -> str:
        """`docker compose run --rm SERVICE COMMAND`; returns what it prints."""
        beside = [f"--env={name}={value}" for name, value in environment.items()]
        return podman("run", "--rm", *beside, *self._options(service), *command).stdout

    def inside(self, service: str, *command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        return podman("exec", self.name(service), *command, ok=ok)

    def stop(self, service: str) -> int:
        """Stop as `docker compose stop` does; returns the exit code."""
        grace = self._services[service].get("stop_grace_period", "10s").removesuffix("s")
        podman("stop", f"--time={grace}", self.name(service))
        code = self._exit_code(service)
        podman("rm", self.name(service))
        return code

    def logs(self) -> str:
        found = [podman("logs", "--tail=12", self.name(service), ok=False) for service in self._services]
        return "\n".join(f"== {each.args[-1]}\n{each.stdout}{each.stderr}" for each in found)

    def down(self) -> None:
        """Remove containers and volumes."""
        for service in self._services:
            podman("rm", "--force", "--time=5", "--volumes", self.name(service), ok=False)
        names = podman("volume", "ls", "--format={{.Name}}", f"--filter=name={self._prefix}").stdout.split()
        if names:
            podman("volume", "rm", "--force", *names)

    def _in_order(self) -> Iterator[str]:
        waiting = dict(self._services)
        while waiting:
            ready = [name for name, each in waiting.items() if not waiting.keys() & each.get("depends_on", {}).keys()]
            assert ready, f"{', '.join(waiting)} wait for each other"
            for name in ready:
                del waiting[name]
                yield name

    def _options(self, service: str) -> list[str]:
        declared = self._services[service]
        options = [*OF_THE_HOST, "--read-only-tmpfs=false"]
        options += [f"--env={name}={value}" for name, value in self._environment(service).items()]
        options += ["--read-only"] * declared.get("read_only", False) + ["--init"] * declared.get("init", False)
        options += [f"--cap-drop={each}" for each in declared.get("cap_drop", [])]
        options += [f"--security-opt={each.removesuffix(':true')}" for each in declared.get("security_opt", [])]
        options += [f"--volume={self._prefix}-{each}" for each in declared.get("volumes", [])]
        for option in ("tmpfs", "user"):
            options += [f"--{option}={declared[option]}"] if option in declared else []
        return [*options, declared["image"]]

    def _environment(self, service: str) -> dict[str, str]:
        declared = self._services[service]
        from_file = self.file if "env_file" in declared else {}
        own = {name: interpolated(str(value), self.file) for name, value in declared.get("environment", {}).items()}
        return {name: self._here(service, value) for name, value in {**from_file, **own}.items()}

    def _command(self, service: str) -> list[str]:
        if service == "postgres":
            return ["-c", f"listen_addresses={ADDRESSES[service]}"]
        default = image.command() if service == "site" else []
        return [self._here(service, word) for word in self._services[service].get("command", default)]

    def _here(self, service: str, text: str) -> str:
        return text.replace(EVERY_ADDRESS, ADDRESSES.get(service, EVERY_ADDRESS))

    def _wait(self, service: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            assert self._exit_code(service) == 0, podman("logs", self.name(service)).stderr
            return
        assert condition == "service_healthy"
        kind, *command = self._services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [word.replace("localhost", ADDRESSES[service]) for word in command]
        if service == "postgres":
            command.append(f"--host={ADDRESSES[service]}")
        wait_until(service, lambda: not self._runs(service) or not self.inside(service, *command, ok=False).returncode)
        assert self._runs(service), f"{service} has ended"

    def _exit_code(self, service: str) -> int:
        """Wait for its end. `podman wait` forgets the code after some minutes."""
        wait_until(f"the end of {service}", lambda: not self._runs(service))
        return int(podman("inspect", "--format={{.State.ExitCode}}", self.name(service)).stdout)

    def _runs(self, service: str) -> bool:
        return podman("inspect", "--format={{.State.Running}}", self.name(service)).stdout.strip() == "true"


@contextmanager
def composition(**file: str) -> Iterator[Composition]:
    """All services, running; their logs are in the error if the block fails."""
    made = Composition(file)
    try:
        made.build()
        made.up()
        yield made
    except Exception as error:
        error.add_note(made.logs())
        raise
    finally:
        made.down()


def capabilities(composed: Composition, service: str) -> tuple[str, str]:
    """Effective capabilities of a service's first process, and whether it can gain any: two fields of /proc."""
    [about] = json.loads(podman("inspect", composed.name(service)).stdout)
    status = Path(f"/proc/{about['State']['Pid']}/status").read_text()
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    return fields["CapEff"], fields["NoNewPrivs"]

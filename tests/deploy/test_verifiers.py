"""What the tools of those who run it say of the files, where the machine has these tools."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.image import DEPLOY

# None is asked for by name in set-up: they come with whole systems, and the other tests do without.
if SYSTEMD := shutil.which("systemd-analyze"):

    def test_systemd_accepts_the_units(tmp_path: Path) -> None:
        for unit in (DEPLOY / "systemd").iterdir():
            text = unit.read_text().replace("/opt/rhesis-telemetry/.venv/bin/python", sys.executable)
            (tmp_path / unit.name).write_text(text.replace("/opt/rhesis-telemetry/build/rhesis-collector", "/bin/true"))
        units = sorted(map(str, tmp_path.iterdir()))
        done = subprocess.run([str(SYSTEMD), "verify", "--man=no", *units], capture_output=True, text=True, check=False)
        ours = [line for line in done.stderr.splitlines() if "rhesis" in line]
        assert (done.returncode, ours) == (0, [])


if KUBECTL := shutil.which("kubectl"):

    def test_kustomize_builds_every_object_in_the_namespace() -> None:
        done = subprocess.run([str(KUBECTL), "kustomize", str(DEPLOY)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        built = list(yaml.safe_load_all(done.stdout))
        kinds = [each["kind"] for each in built]
        assert {"Namespace", "Deployment", "StatefulSet", "CronJob", "Service", "ConfigMap"} <= set(kinds)
        outside = [each for each in built if each["metadata"].get("namespace") != "rhesis-telemetry"]
        assert [each["kind"] for each in outside] == ["Namespace"]


if PROMTOOL := shutil.which("promtool"):

    @pytest.mark.parametrize("name", ["collector", "telemetry"])
    def test_promtool_finds_that_every_alert_fires_and_none_when_all_is_well(name: str) -> None:
        test = DEPLOY / "prometheus" / f"{name}.rules.test.yaml"
        done = subprocess.run([str(PROMTOOL), "test", "rules", test], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

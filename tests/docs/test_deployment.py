"""The files of docs/deploy/, which start workers on other machines."""

import re
from pathlib import Path
from typing import Any

import pytest

from scraper.settings.schema import Settings

FOLDER = Path(__file__).parents[2] / "docs" / "deploy"
DEFAULT = Settings().network.timeout


def documents(name: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    yaml = pytest.importorskip("yaml")
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def test_the_compose_file_stops_workers_late_enough_and_never_restarts_them() -> None:
    """In the Compose file a worker has more time to end than a request may take, and its end is the end."""
    (compose,) = documents("compose.yaml")
    worker = compose["services"]["worker"]
    assert worker["command"][:2] == ["scraper", "crawl"]
    assert float(worker["stop_grace_period"].removesuffix("s")) > DEFAULT
    assert worker["restart"] == "no"
    assert "noeviction" in compose["services"]["redis"]["command"]


def test_the_manifests_run_a_job_that_starts_no_worker_after_the_end() -> None:
    """In the Kubernetes manifests the workers are a Job without completions, which ends with the crawl."""
    found = {(each["kind"], each["metadata"]["name"]): each for each in documents("kubernetes.yaml")}
    job = found["Job", "books"]["spec"]
    pod = job["template"]["spec"]
    assert job["parallelism"] > 1
    assert "completions" not in job
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1, 2]
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] > DEFAULT
    assert pod["containers"][0]["command"][:2] == ["scraper", "crawl"]
    claims = {each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"]}
    assert claims == {name for kind, name in found if kind == "PersistentVolumeClaim"}
    assert found["Service", "redis"]["spec"]["selector"] == {"app": "redis"}


def test_the_unit_restarts_only_what_was_killed() -> None:
    """The systemd unit starts a worker again after a kill, and not after any end of the crawl."""
    unit = (FOLDER / "scraper@.service").read_text(encoding="utf-8")
    values = dict(re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE))
    assert values["Restart"] == "on-abnormal"
    assert values["SuccessExitStatus"] == "130"
    assert float(values["TimeoutStopSec"]) > DEFAULT
    assert values["ExecStart"].endswith("scraper crawl %i")

"""Debian's Prometheus: its promtool judges rules, and the server itself watches real processes on loopback."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from cli.stack import packages, ports
from cli.stack.packages import StackError

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
# Unpacked, not installed: installing it would start a server of the whole machine on machines that do that.
UNPACKED = ROOT / ".run" / "tools" / "prometheus"


def program(name: str) -> str:
    """Path of `prometheus` or `promtool`. Raises StackError naming the package when it cannot be had."""
    if found := shutil.which(name):
        return found
    unpacked = UNPACKED / "usr" / "bin" / name
    with packages.one_at_a_time():
        if not unpacked.exists():
            _unpack()
    return str(unpacked)


def _unpack() -> None:
    if shutil.which("apt-get") is None:
        raise StackError("promtool is missing: install Prometheus (Debian: apt-get install prometheus)")
    UNPACKED.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        packages.apt("update", "-qq")
    packages.apt("download", "-qq", "prometheus", within=UNPACKED)
    [package] = UNPACKED.glob("prometheus_*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, UNPACKED], check=True)


@contextmanager
def watching(folder: Path, targets: dict[str, int]) -> Iterator[str]:
    """The URL of a Prometheus with our rules, that looks at one loopback port a job each second."""
    port = ports.choose(["prometheus"], seed=f"{folder} prometheus")["prometheus"]
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{number}"]}]} for job, number in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(OBSERVABILITY / "rules" / "*.yml")],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    command = [
        program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def firing(url: str) -> set[tuple[str, str]]:
    """Alerts that fire now, each with the job it is about; none while the server still starts."""
    try:
        with urlopen(f"{url}/api/v1/alerts", timeout=2) as answer:  # noqa: S310 (our own loopback address)
            alerts: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
    except OSError:
        return set()
    return {(a["labels"]["alertname"], a["labels"].get("job", "")) for a in alerts if a["state"] == "firing"}


def values(url: str, query: str) -> list[float]:
    """What a query says now, one number a series; nothing while the server starts. Raises ValueError for a bad one."""
    try:
        with urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:  # noqa: S310 (as above)
            return [float(series["value"][1]) for series in json.load(answer)["data"]["result"]]
    except HTTPError as refused:
        if refused.code == HTTPStatus.BAD_REQUEST:
            raise ValueError(f"{query}: {refused.read().decode()}") from refused
        return []
    except OSError:
        return []

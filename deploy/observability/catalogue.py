"""`python -m deploy.observability.catalogue` (`make observability`): docs/metrics.md from what the processes register.

A metric that is not in the page, or is there no more, fails a test; so does an alert or a dashboard that asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from chassis import metrics as chassis
from chassis import tls
from cli.drill import metrics as drill
from gateway import metrics as gateway
from gateway.journal import metrics as journal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
SOURCES: dict[str, tuple[str, ModuleType]] = {
    "证书 · Certificates": ("`chassis/tls.py`: every process with a port, the drill too", tls),
    "服务与旁车 · Services and sidecars": ("`chassis/metrics.py`", chassis),
    "网关 · The gateway": ("`gateway/metrics.py`", gateway),
    "网关的受理日志 · The gateway's journal": ("`gateway/journal/metrics.py`", journal),
    "演练 · The drill": ("`cli/drill/metrics.py`", drill),
}
HEAD = """\
# 指标 · Metrics

Made by `make observability` from what the processes register; do not edit. Names begin with `wangge_` and end in their unit; labels
are few and bounded, never an id or a person. Services and sidecars serve them at `/metrics` of their health port (9115 in
a container), the gateway at `/metrics`, all of them by TLS where they have a certificate. A histogram NAME is asked as `NAME_bucket`, `NAME_sum` and `NAME_count`.

Both processes of a service register all of the second table; relay, outbox and deadlines are the sidecar's, calls and events the
service's, and what a process does not do stays at zero: ask with `job=~".+-sidecar"`.
"""


@dataclass(frozen=True)
class Metric:
    """One family as a page shows it; `series` are the names that a query may use."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str

    @property
    def series(self) -> set[str]:
        if self.kind == "histogram":
            return {f"{self.name}_{part}" for part in ("bucket", "sum", "count")}
        return {self.name}


def metrics_of(module: ModuleType) -> Iterator[Metric]:
    """Every metric that a module makes, in its own order."""
    for name, value in vars(module).items():
        if name.isupper() and hasattr(value, "_documentation"):
            yield _metric(value)


def _metric(value: Any) -> Metric:
    name = value._name + ("_total" if value._type == "counter" else "")
    return Metric(name, value._type, tuple(value._labelnames), value._documentation)


def all_metrics() -> list[Metric]:
    return [metric for _, module in SOURCES.values() for metric in metrics_of(module)]


def page() -> str:
    """The whole of docs/metrics.md."""
    parts = [HEAD]
    for title, (source, module) in SOURCES.items():
        parts.append(f"\n## {title}\n\n{source}\n\n| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
        for metric in metrics_of(module):
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            parts.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

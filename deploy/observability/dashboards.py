"""`python -m deploy.observability.dashboards` (`make observability`): the Grafana dashboards, said as rows of panels.

Written by hand each would be a thousand lines of JSON that nobody reviews.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("grafana") / "dashboards"
WIDTH, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True)
class Panel:
    """One graph or figure: queries by legend; `steps` are (from value, colour).

    `seldom`: its queries find nothing until something happens that a quiet day may not have.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    steps: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    seldom: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page: rows of panels, each row as wide as the page."""

    uid: str
    title: str
    rows: list[list[Panel]] = field(default_factory=list)

    @property
    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for panel in row]


def quantile(share: float, name: str, by: str = "", where: str = "", over: str = "$__rate_interval") -> str:
    """The share of a histogram over the scrape window that Grafana chooses, or a longer one for what is seldom."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({name}_bucket{where}[{over}])))"


def rate(name: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({name}{where}[$__rate_interval]))"


GOOD_HIGH = ((None, "red"), (0.9, "orange"), (0.95, "green"))
BAD_AT_ONE = ((None, "green"), (1, "red"))
SIDECAR = '{job=~".+-sidecar"}'

SLA = Dashboard(
    "wangge-sla",
    "网格 · 115 时效 SLA",
    [
        [
            Panel("推送达标率 · Push within 1 min", {"{{town}}": 'wangge_sla_within_ratio{stage="push"}'}, "percentunit", "stat", GOOD_HIGH),
            Panel("下派达标率 · Assign within 1 min", {"{{town}}": 'wangge_sla_within_ratio{stage="assign"}'}, "percentunit", "stat", GOOD_HIGH),
            Panel("到场达标率 · On scene within 5 min", {"{{town}}": 'wangge_sla_within_ratio{stage="arrive"}'}, "percentunit", "stat", GOOD_HIGH),
        ],
        [
            Panel("各镇全程达标率 · Whole call, by town", {"{{town}}": 'wangge_sla_within_ratio{stage="total"}'}, "percentunit"),
            Panel("24 小时警情数 · Incidents judged in 24 h", {"{{town}}": 'wangge_sla_judged_incidents{stage="push"}'}),
        ],
        [
            Panel("超时与预警 · Targets missed and warned of", {"{{kind}}": "sum by (kind) (increase(wangge_deadline_fired_total[5m]))"}, seldom=True),
            Panel("时限钟误差 · How late the clock fires", {
                "p50": quantile(0.5, "wangge_deadline_lateness_seconds"), "p99": quantile(0.99, "wangge_deadline_lateness_seconds"),
            }, "s", seldom=True),
            Panel("端到端演练 · The drill, end to end", {"{{step}} p90": quantile(0.9, "wangge_drill_seconds", "step", over="5m")}, "s"),
        ],
    ],
)  # fmt: skip

SERVICES = Dashboard(
    "wangge-services",
    "网格 · 服务状况 Services",
    [
        [
            Panel("在线副本 · Replicas up", {"{{job}}": 'sum by (job) (up{job=~"registry.*|dispatch.*|gateway|drill"})'}, kind="stat"),
            Panel("发件箱 · Outbox, messages", {"{{job}}": f"max by (job) (wangge_outbox_depth_messages{SIDECAR})"}),
            Panel("最旧一条 · Outbox, oldest", {"{{job}}": f"max by (job) (wangge_outbox_oldest_age_seconds{SIDECAR})"}, "s"),
        ],
        [
            Panel("请求 · Requests", {"{{route}}": rate("wangge_gateway_http_seconds_count", "route")}, "reqps"),
            Panel("请求用时 · Time of a request, p99", {"{{route}}": quantile(0.99, "wangge_gateway_http_seconds", "route", '{route!="/v1/stream"}')}, "s"),
            Panel("调用结果 · Calls by outcome", {"{{service}} {{outcome}}": rate("wangge_gateway_rpc_seconds_count", "service, outcome")}, "reqps"),
        ],
        [
            Panel("实时流读者 · Readers of the live stream", {"{{instance}}": "wangge_gateway_stream_readers"}),
            Panel("事件处理 · Events handled", {"{{handler}} {{outcome}}": rate("wangge_events_handled_total", "handler, outcome")}, "ops"),
            Panel("已确认消息 · Messages confirmed", {"{{exchange}}": rate("wangge_relay_published_total", "exchange")}, "ops"),
        ],
        [
            Panel("合并的指令 · Commands in one transaction, p90", {"{{job}}": quantile(0.9, "wangge_joined_size_calls", "job")}),
            Panel("报警暂存 · Calls waiting in journals", {"{{instance}}": "wangge_gateway_journal_waiting_calls"}),
            Panel("循环停顿 · Since the loop last came round", {"{{job}}": "max by (job) (wangge_heartbeat_age_seconds)"}, "s"),
            Panel("内存 · Resident memory", {"{{job}}": "max by (job) (process_resident_memory_bytes)"}, "bytes"),
        ],
        [
            Panel("登录 · Sign-ins by outcome", {"{{grant}} {{outcome}}": rate("wangge_gateway_sign_ins_total", "grant, outcome")}, "ops", seldom=True),
            Panel("拒绝 · Denied requests", {"{{asked}} {{code}}": f"topk(10, {rate('wangge_gateway_denied_total', 'asked, code')})"}, "ops", seldom=True),
            Panel("吊销与限流的时效 · Since taken-back tokens and rates were heard", {
                "{{instance}} revocations": "wangge_gateway_revocations_age_seconds", "{{instance}} rates": "wangge_gateway_rates_age_seconds",
            }, "s"),
            Panel("身份提供方公钥 · Fetches of issuers' keys", {"{{issuer}} {{outcome}}": rate("wangge_gateway_issuer_fetches_total", "issuer, outcome")}, "ops", seldom=True),
        ],
    ],
)  # fmt: skip

SERVERS = Dashboard(
    "wangge-servers",
    "网格 · 消息与数据库 Broker and database",
    [
        [
            Panel("死信 · Dead letters", {"{{queue}}": 'sum by (queue) (rabbitmq_queue_messages{queue=~".+\\\\.dead"})'}, kind="stat", steps=BAD_AT_ONE),
            Panel("待取 · Waiting in queues", {"{{queue}}": 'sum by (queue) (rabbitmq_queue_messages_ready{queue=~"rpc-.+|dispatch\\\\..+|registry\\\\..+"})'}),
            Panel("重试中 · Waiting for another try", {"{{queue}}": 'sum by (queue) (rabbitmq_queue_messages{queue=~".+\\\\.retry\\\\..+"})'}),
        ],
        [
            Panel("中继沉默 · For how long nothing was confirmed", {"{{job}}": f"max by (job) (wangge_relay_silent_seconds{SIDECAR})"}, "s"),
            Panel("一批用时 · Claim to commit of a relayed batch", {"p99": quantile(0.99, "wangge_relay_batch_seconds")}, "s"),
            Panel("退回的消息 · Messages returned", {"{{reason}}": rate("wangge_relay_failed_total", "reason")}, "ops", seldom=True),
        ],
        [
            Panel("事务用时 · Time of a transaction", {"p50": quantile(0.5, "wangge_database_transaction_seconds"), "p99": quantile(0.99, "wangge_database_transaction_seconds")}, "s"),
            Panel("冲突重试 · Transactions run again", {"{{sqlstate}}": rate("wangge_database_transaction_retries_total", "sqlstate")}, "ops", seldom=True),
            Panel("数据库不可用 · Given up: the database was away", {"{{job}}": rate("wangge_database_unavailable_total", "job")}, "ops"),
        ],
    ],
)  # fmt: skip

DASHBOARDS = (SLA, SERVICES, SERVERS)


def grafana(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    panels = []
    for at, row in enumerate(dashboard.rows):
        wide = WIDTH // len(row)
        for index, panel in enumerate(row):
            place = {"x": index * wide, "y": at * HEIGHT, "w": wide, "h": HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, place))
    return {
        "uid": dashboard.uid, "title": dashboard.title, "tags": ["wangge"], "schemaVersion": 39, "version": 1,
        "editable": False, "refresh": "10s", "time": {"from": "now-3h", "to": "now"}, "timezone": "browser",
        "panels": panels,
    }  # fmt: skip


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps = [{"value": value, "color": colour} for value, colour in panel.steps]
    return {
        "id": number, "title": panel.title, "type": panel.kind, "gridPos": place, "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}, "overrides": [],
        },
        "targets": [
            {"refId": chr(ord("A") + index), "expr": query, "legendFormat": legend, "datasource": SOURCE}
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }  # fmt: skip


def text(dashboard: Dashboard) -> str:
    return json.dumps(grafana(dashboard), indent=1, ensure_ascii=False) + "\n"


def path(dashboard: Dashboard) -> Path:
    return FOLDER / f"{dashboard.uid}.json"


if __name__ == "__main__":
    for each in DASHBOARDS:
        path(each).write_text(text(each), encoding="utf-8")

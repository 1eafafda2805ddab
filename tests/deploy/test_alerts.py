"""Alerts: valid, tested one by one, each with its page, about metrics and parts that exist; and seen to fire."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from cli.stack.parts import read_parts
from deploy.observability import catalogue, dashboards
from tests.deploy.compose import services
from tests.deploy.prometheus import OBSERVABILITY, ROOT, program

RULES = OBSERVABILITY / "rules" / "wangge.yml"
TESTS = OBSERVABILITY / "rule-tests" / "wangge.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
# Pages that no alert leads to: what a person sets out to do.
TASKS = {"backup-and-restore", "key-rotation", "adding-a-town", "scaling", "draining-a-node", "disaster"}
# Of RabbitMQ's own exporter, and of Prometheus and its client library.
OF_OTHERS = {
    "up",
    "process_resident_memory_bytes",
    "rabbitmq_alarms_free_disk_space_watermark",
    "rabbitmq_alarms_memory_used_watermark",
    "rabbitmq_identity_info",
    "rabbitmq_queue_messages",
    "rabbitmq_queue_messages_acked_total",
    "rabbitmq_queue_messages_ready",
}
NAME = re.compile(r"\b(?:wangge|rabbitmq|process)_[a-z_]+\b|\bup\b")


def alerts() -> dict[str, dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def unknown(queries: list[str]) -> set[str]:
    """Metrics that are asked for and that nobody registers; label values in quotes are no metrics."""
    known = {name for metric in catalogue.all_metrics() for name in metric.series} | OF_OTHERS
    return {name for query in queries for name in NAME.findall(re.sub(r'"[^"]*"', '""', query))} - known


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_agrees_with_the_rules_and_the_targets() -> None:
    promtool("check", "rules", RULES)
    promtool("check", "config", "--syntax-only", OBSERVABILITY / "prometheus.yml")


def test_the_rule_unit_tests_pass() -> None:
    promtool("test", "rules", TESTS)


def test_a_rule_that_never_fires_fails_its_unit_test(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rule-tests").mkdir()
    broken = RULES.read_text(encoding="utf-8").replace("wangge_relay_silent_seconds", "wangge_relay_silence_seconds")
    (tmp_path / "rules" / RULES.name).write_text(broken, encoding="utf-8")
    (tmp_path / "rule-tests" / TESTS.name).write_bytes(TESTS.read_bytes())
    with pytest.raises(AssertionError, match="RelaySilent"):
        promtool("test", "rules", tmp_path / "rule-tests" / TESTS.name)


def test_every_alert_is_seen_to_fire_in_a_unit_test() -> None:
    tested = set(re.findall(r'alertname="(\w+)"', TESTS.read_text(encoding="utf-8")))
    assert tested == set(alerts())


def test_every_alert_leads_to_its_page_and_every_page_belongs_to_one() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - TASKS
    linked = {}
    for name, rule in alerts().items():
        url = str(rule["annotations"]["runbook_url"])  # type: ignore[index]
        linked[Path(url).stem] = name
        assert (ROOT / url).read_text(encoding="utf-8").startswith(f"# {name} · "), name
    assert set(linked) == pages


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_leads_nowhere_that_is_not_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", sorted(alerts()))
def test_a_page_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    text = (ROOT / str(alerts()[name]["annotations"]["runbook_url"])).read_text(encoding="utf-8")  # type: ignore[index]
    for heading in ("**意思 · What it means.**", "**先看 · First look**", "**处置 · Remedy**"):
        _, found, rest = text.partition(heading)
        assert found, heading
        assert len(rest.strip()) > 80


def test_alerts_ask_for_metrics_that_exist() -> None:
    assert unknown([str(rule["expr"]) for rule in alerts().values()]) == set()
    assert unknown(["wangge_outbox_oldest_seconds > 1"]) == {"wangge_outbox_oldest_seconds"}


def test_every_service_and_every_sidecar_is_missed_when_it_is_away() -> None:
    away, sidecars = str(alerts()["PartAway"]["expr"]), str(alerts()["SidecarAway"]["expr"])
    for part in read_parts().parts:
        if part.kind == "service":
            assert f'absent(up{{job="{part.name}"}})' in (sidecars if part.name.endswith("-sidecar") else away)


def test_prometheus_looks_at_every_part_of_the_compose_file() -> None:
    config = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text(encoding="utf-8"))
    looked_at = {job["job_name"]: job["dns_sd_configs"][0]["names"] for job in config["scrape_configs"]}
    parts = {part.name for part in read_parts().parts if part.kind == "service"} | {"drill", "broker"}
    assert looked_at == {name: [name] for name in parts}
    assert parts <= set(services())


def test_the_catalogue_page_is_what_the_processes_register() -> None:
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(), "make observability"


def test_every_module_that_makes_metrics_is_in_the_catalogue() -> None:
    known = {Path(str(module.__file__)) for _, module in catalogue.SOURCES.values()}
    making = {
        path
        for folder in ("chassis", "gateway", "services", "cli")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"(?:Counter|Gauge|Histogram)\(\s*.wangge_", path.read_text(encoding="utf-8"))
    }
    assert making == known


@pytest.mark.parametrize("dashboard", dashboards.DASHBOARDS, ids=lambda each: each.uid)
def test_a_dashboard_is_made_from_its_source_and_asks_for_metrics_that_exist(dashboard: dashboards.Dashboard) -> None:
    assert dashboards.path(dashboard).read_text(encoding="utf-8") == dashboards.text(dashboard), "make observability"
    assert unknown([query for panel in dashboard.panels for query in panel.queries.values()]) == set()
    panels = json.loads(dashboards.text(dashboard))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_every_service_is_on_the_dashboard_of_services() -> None:
    [up] = [panel for panel in dashboards.SERVICES.panels if "Replicas up" in panel.title]
    pattern = re.search(r'job=~"([^"]+)"', next(iter(up.queries.values())))
    assert pattern is not None
    for part in read_parts().parts:
        assert part.kind == "task" or re.fullmatch(pattern[1], part.name), part.name

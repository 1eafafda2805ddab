"""`python -m deploy.observability.resource` (`make observability`): the alerts as a PrometheusRule of the Prometheus Operator.

Prometheus itself reads deploy/observability/rules/wangge.yml; kustomize cannot put one file into another.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "observability" / "rules" / "wangge.yml"
RESOURCE = ROOT / "deploy" / "k8s" / "components" / "watching" / "rules.yaml"
HEAD = """\
# Made by `make observability` from deploy/observability/rules/wangge.yml; a test compares.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: wangge}
spec:
"""


def resource() -> str:
    lines = RULES.read_text(encoding="utf-8").splitlines()
    return HEAD + "".join(f"  {line}\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    RESOURCE.write_text(resource(), encoding="utf-8")

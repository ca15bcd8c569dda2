"""deploy/observability/prometheusrule.yaml, written from alerts.yaml: python -m tests.support.prometheus_rule"""

from __future__ import annotations

import textwrap

from tests.conftest import ROOT

ALERTS = ROOT / "deploy/observability/alerts.yaml"
RULE = ROOT / "deploy/observability/prometheusrule.yaml"
HEAD = """\
# The rules of alerts.yaml for the Prometheus operator: python -m tests.support.prometheus_rule writes this file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: digits
  labels: { app.kubernetes.io/name: digits } # add the label that your Prometheus selects by, such as `release`
spec:
"""


def rendered() -> str:
    groups = ALERTS.read_text()
    return HEAD + textwrap.indent(groups[groups.index("groups:") :], "  ")


if __name__ == "__main__":
    RULE.write_text(rendered())

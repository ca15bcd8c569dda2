"""The report of an audit in Markdown."""

from __future__ import annotations

from app.repository.audit import Audit
from training.audit.sections import Section


def write_markdown(title: str, found: dict[str, Section], summary: Audit) -> str:
    """A summary of one line for each check, then the sections in order."""
    tools = ", ".join(f"{name} {version}" for name, version in summary.tools.items())
    commit = f"commit {summary.commit}" if summary.commit else "code in no repository"
    size = " Measured on few pictures (--quick): the figures say nothing about the version." if summary.quick else ""
    return "\n".join(
        [
            f"# Audit of {title}",
            "",
            f"Written by `python -m training audit` on {summary.date[:10]}, {commit}, with {tools}.{size}",
            "MNIST's test digits and the test sets are reported on here, never chosen by.",
            "",
            "| check | result |",
            "| --- | --- |",
            *(
                f"| [{name}](#{name.lower().replace(' ', '-')}) | {section.headline} |"
                for name, section in found.items()
            ),
            "",
            f"Findings: {'; '.join(summary.findings) or 'none'}.",
            "",
            *(line for name, section in found.items() for line in section_lines(name, section)),
        ]
    )


def section_lines(name: str, section: Section) -> list[str]:
    diagram = [f"![{name}]({section.diagram[0]}.png)", ""] if section.diagram else []
    return [f"## {name}", "", section.text, "", *diagram]

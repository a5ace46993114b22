"""Where rules put what they find."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.source.resolving import Project
from alga_temporal_domain.projects.source.scopes import Entry, Source


@dataclass(slots=True, kw_only=True)
class Report:
    """The findings about one module of `project`."""

    project: Project
    source: Source
    findings: list[Finding] = field(default_factory=list[Finding])

    def refuse(self, node: ast.AST, message: str, rule: Rule = Rule.CONSTRUCT_REFUSED) -> None:
        """Note a fault at the line of `node`, or of what is around it."""
        at: ast.AST | None = node
        while at is not None and not hasattr(at, "lineno"):
            at = self.source.parents.get(at)
        self.findings.append(
            Finding(
                rule=rule,
                message=message[:1].upper() + message[1:] + ".",
                path=self.source.path,
                line=getattr(at, "lineno", None),
            )
        )

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around `node`."""
        return self.source.parents.get(node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node that a rule looks at, with its scope, and where to report."""

    entry: Entry
    report: Report

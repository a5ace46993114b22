"""Where rules put what they find."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.source.resolving import Project
from alga_temporal_domain.projects.source.scopes import Source


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
                message=_sentence(message),
                path=self.source.path,
                line=getattr(at, "lineno", None),
            )
        )

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around `node`."""
        return self.source.parents.get(node)


def _sentence(text: str) -> str:
    first = text.partition(" ")[0]
    prose = first in ("the", "a", "an", "modules", "members", "what")  # not a name of the code
    return f"{text[:1].upper() if prose else text[:1]}{text[1:]}."

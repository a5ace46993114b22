"""Whether a bundle may be activated, as far as its text tells. Nothing of it is run or compiled."""

from __future__ import annotations

from alga_temporal_domain.projects.bundles import Bundle
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.reading import definitions
from alga_temporal_domain.projects.rules.annotations import Annotations, stored_attributes
from alga_temporal_domain.projects.rules.classes import check_class
from alga_temporal_domain.projects.rules.constructs import check_construct
from alga_temporal_domain.projects.rules.imports import check_import
from alga_temporal_domain.projects.rules.naming import check_modules, check_names, check_queue
from alga_temporal_domain.projects.rules.report import Report
from alga_temporal_domain.projects.source.parsing import parse_all
from alga_temporal_domain.projects.source.resolving import Project, project_of
from alga_temporal_domain.projects.source.scopes import Source

MOST_FINDINGS = 500
"""What is told of one bundle; a last finding says how many more there are."""


def check(bundle: Bundle, *, reserved: frozenset[str], queue: str | None) -> list[Finding]:
    """The reasons not to activate `bundle`, by path and line; empty: there is none.

    `reserved`: the names of built-in activities; `queue`: the project's, None: not known yet. It
    never raises on account of what is in the bundle. Names are compared with the manifest as soon
    as every module is Python. A bundle that is too large is not looked at any further.
    """
    findings = [*check_modules(bundle), *check_queue(bundle, queue)]
    trees, faults = parse_all(bundle.files)
    findings.extend(faults)
    if any(fault.rule is Rule.TOO_LARGE for fault in faults):
        return findings
    project = project_of(trees)
    annotations = Annotations(project, stored_attributes(project))
    for source in project.sources.values():
        findings.extend(_of_module(project, source, annotations))
    read = definitions(project)
    findings.extend(read.faults)
    if len(trees) == len(bundle.files):
        findings.extend(check_names(bundle, read, reserved))
    return _first(sorted(dict.fromkeys(findings), key=_order))


def _of_module(project: Project, source: Source, annotations: Annotations) -> list[Finding]:
    report = Report(project=project, source=source)
    for entry in source.entries:
        check_import(entry, report)
        check_construct(entry, report)
        check_class(entry, report)
        annotations.check(entry, report)
    return report.findings


def _first(findings: list[Finding]) -> list[Finding]:
    more = len(findings) - MOST_FINDINGS
    if more <= 0:
        return findings
    said = f"{more} more findings are not told; the rule is that of the next one."
    return [*findings[:-more], Finding(rule=findings[-more].rule, message=said)]


def _order(finding: Finding) -> tuple[str, int, str, str]:
    return (finding.path or "", finding.line or 0, finding.rule, finding.message)

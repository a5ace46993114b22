"""What modules define is read from their text."""

from __future__ import annotations

import pytest

from alga_temporal_domain.projects.bundles import Limits
from alga_temporal_domain.projects.findings import Rule
from alga_temporal_domain.projects.reading import defined, manifest_of

RUN = "\nclass W:\n    @staticmethod\n    async def run() -> None: ...\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from temporalio import workflow\n@workflow.defn", "W"),
        ("from temporalio import workflow as w\n@w.defn()", "W"),
        ("import temporalio.workflow\n@temporalio.workflow.defn(name='x')", "x"),
        ("import temporalio.workflow as w\n@w.defn(name='x-1')", "x-1"),
        ("from temporalio.workflow import defn\n@defn", "W"),
        ("from temporalio.workflow import defn as d\n@d(name='y', sandboxed=True)", "y"),
        ("from lib import again\n@again(name='z')", "z"),
        ("from . import lib\n@lib.workflow.defn", "W"),
    ],
)
def test_workflows_are_read_in_every_form(text: str, name: str) -> None:
    """However `workflow.defn` is imported, name, module and line are known."""
    lib = "from temporalio import workflow\nfrom temporalio.workflow import defn as again\n"
    read = defined({"flows.py": f"{text}{RUN}", "lib.py": lib})
    assert [(one.name, one.path, one.line) for one in read.workflows] == [(name, "flows.py", 3)]
    assert read.activities == read.faults == ()


def test_activities_are_functions_of_a_module() -> None:
    """Sync and async functions are read; methods and inner functions are faults."""
    text = (
        "from temporalio import activity\n\n"
        "@activity.defn\ndef one() -> None: ...\n\n"
        "@activity.defn(name='zwei')\nasync def two() -> None: ...\n\n"
        "class A:\n    @activity.defn\n    def three(self) -> None: ...\n\n"
        "@activity.defn(dynamic=True)\ndef four() -> None: ...\n"
    )
    read = defined({"acts.py": text})
    assert [(one.name, one.line) for one in read.activities] == [("one", 4), ("zwei", 7)]
    assert [(one.rule, one.line) for one in read.faults] == [
        (Rule.CONSTRUCT_REFUSED, 11),
        (Rule.CONSTRUCT_REFUSED, 14),
    ]


def test_a_manifest_is_made_of_what_can_be_read() -> None:
    """Names that no manifest can have and modules that are no Python are left to the gates."""
    files = {
        "a.py": "from temporalio import activity\n@activity.defn(name='no name')\n"
        "def a() -> None: ...\n@activity.defn\ndef b() -> None: ...\n",
        "b.py": "def (",
    }
    manifest = manifest_of(files, Limits(activities=3), "queue")
    assert (manifest.workflows, manifest.activities) == ((), ("b",))
    assert (manifest.queue, manifest.limits.activities) == ("queue", 3)


def test_nothing_is_run() -> None:
    """A definition below what would fail at once is read all the same."""
    text = "raise SystemExit\nfrom temporalio import activity\n@activity.defn\ndef a(): ...\n"
    assert [one.name for one in defined({"a.py": text}).activities] == ["a"]

"""The gates refuse what leads out of a project's code, and let ordinary code pass."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alga_temporal_domain.projects import gates
from alga_temporal_domain.projects.bundles import Bundle, Manifest
from alga_temporal_domain.projects.findings import Finding, Rule
from alga_temporal_domain.projects.source.parsing import parse
from tests.domain.code.importing import bundle_of, imported
from tests.domain.code.ordinary import ORDINARY
from tests.domain.hostile import ACTIVITY, HOSTILE
from tests.domain.samples import sample_bundle


def findings_of(files: dict[str, str]) -> list[Finding]:
    return gates.check(bundle_of(files), reserved=frozenset({"httpRequest"}), queue="q")


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_code_is_refused(name: str) -> None:
    """Each way out is found, by its rule, with the module and a line."""
    hostile = HOSTILE[name]
    findings = findings_of(hostile.files)
    meant = [finding for finding in findings if finding.rule is hostile.rule]
    assert meant, findings
    assert all(finding.message and finding.path for finding in meant)


def test_the_samples_pass() -> None:
    """The documented sample workflows have no finding."""
    assert gates.check(sample_bundle(), reserved=frozenset({"logMessage"}), queue="q") == []


@pytest.mark.parametrize("name", sorted(ORDINARY))
def test_ordinary_code_passes(name: str) -> None:
    """What people write for Temporal has no finding, and can be loaded."""
    bundle = bundle_of(ORDINARY[name])
    assert findings_of(bundle.files) == []
    with imported(bundle) as loaded:
        assert len(loaded.workflows) == len(bundle.manifest.workflows)
        assert len(loaded.activities) == len(bundle.manifest.activities)


def test_every_fault_is_told_in_order() -> None:
    """Faults of all modules and of the manifest are told at once, by path and line."""
    files = {
        "b.py": "import os\nx = eval('1')\n",
        "a.py": f"{ACTIVITY}\nact.__globals__\n",
        "c.py": "def (",
    }
    manifest = Manifest(workflows=("flow",), activities=("act",), queue="other")
    found = gates.check(Bundle(manifest=manifest, files=files), reserved=frozenset(), queue="q")
    assert [(one.rule, one.path, one.line) for one in found] == [
        (Rule.QUEUE_MISMATCH, None, None),
        (Rule.CONSTRUCT_REFUSED, "a.py", 8),
        (Rule.IMPORT_REFUSED, "b.py", 1),
        (Rule.CONSTRUCT_REFUSED, "b.py", 2),
        (Rule.SYNTAX, "c.py", 1),
    ]


def test_a_refusal_says_what_to_use() -> None:
    """The message names what was found and what does the same work."""
    (finding,) = findings_of({"a.py": f"import httpx\n{ACTIVITY}"})
    assert "httpx" in finding.message
    assert "httpRequest" in finding.message


TWICE = ACTIVITY.replace("async def act", "async def other").replace(
    "@a_.defn", "@a_.defn(name='act')"
)


@pytest.mark.parametrize(
    ("files", "workflows", "activities", "rules"),
    [
        ({"a.py": ACTIVITY}, ["flow"], ["act"], [Rule.NAME_MISSING]),
        ({"a.py": ACTIVITY}, [], [], [Rule.NAME_UNDECLARED]),
        ({"a.py": ACTIVITY}, ["act"], [], [Rule.NAME_MISSING, Rule.NAME_UNDECLARED]),
        ({"a.py": ACTIVITY, "b.py": TWICE}, [], ["act"], [Rule.NAME_DUPLICATE]),
        ({"a.py": "x = 1\n"}, [], [], [Rule.NOTHING_DEFINED]),
        (
            {"a.py": ACTIVITY.replace("async def act", "async def httpRequest")},
            [],
            ["httpRequest"],
            [Rule.NAME_RESERVED],
        ),
        ({"a.py": ACTIVITY}, [], ["act", "httpRequest"], [Rule.NAME_MISSING, Rule.NAME_RESERVED]),
        (
            {"a.py": ACTIVITY.replace("@a_.defn", "@a_.defn(name='no name')")},
            [],
            [],
            [Rule.NAME_UNDECLARED],
        ),
    ],
    ids=["missing", "undeclared", "kinds", "twice", "nothing", "reserved", "only-named", "no-name"],
)
def test_names_are_those_of_the_manifest(
    files: dict[str, str], workflows: list[str], activities: list[str], rules: list[Rule]
) -> None:
    """Exactly what is declared is defined, once, and nothing of what is built in."""
    bundle = Bundle(
        manifest=Manifest(workflows=tuple(workflows), activities=tuple(activities)), files=files
    )
    found = gates.check(bundle, reserved=frozenset({"httpRequest"}), queue=None)
    assert sorted(one.rule for one in found) == sorted(rules)


@pytest.mark.parametrize(("written", "project", "told"), [
    (None, "q", False), ("q", "q", False), ("other", "q", True), ("other", None, False),
])  # fmt: skip
def test_the_queue_is_the_projects(written: str | None, project: str | None, *, told: bool) -> None:
    """Code that was written for another queue is not run on this one."""
    manifest = Manifest(workflows=(), activities=("act",), queue=written)
    bundle = Bundle(manifest=manifest, files={"a.py": ACTIVITY})
    found = gates.check(bundle, reserved=frozenset(), queue=project)
    assert [one.rule for one in found] == [Rule.QUEUE_MISMATCH] * told


FRAGMENTS = st.sampled_from(
    [line for files in ORDINARY.values() for text in files.values() for line in text.splitlines()]
    + [line for one in HOSTILE.values() for text in one.files.values() if len(text) < 2000
       for line in text.splitlines()]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(FRAGMENTS, max_size=30).map("\n".join))


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(first=TEXTS, second=TEXTS)
def test_the_gates_always_answer(first: str, second: str) -> None:
    """Whatever the text is, findings are the answer, never an error."""
    files = {"a.py": first, "b/c.py": second}
    found = findings_of(files)
    assert all(one.message for one in found)
    for text in (first, second):
        if isinstance(parse("a.py", text), Finding):
            assert Rule.SYNTAX in {one.rule for one in found}

"""Loading bundles in the process of the tests, which holds more than one of them."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from alga_temporal_domain.projects.bundles import Bundle, Limits
from alga_temporal_domain.projects.loading import BundleFinder, Loaded, load
from alga_temporal_domain.projects.reading import manifest_of


def bundle_of(files: dict[str, str]) -> Bundle:
    """A bundle with the manifest that fits."""
    return Bundle(manifest=manifest_of(files, Limits(), None), files=files)


@contextmanager
def imported(bundle: Bundle) -> Generator[Loaded]:
    """The bundle, importable until the end of the block."""
    try:
        yield load(bundle)
    finally:
        for finder in list(sys.meta_path):
            if isinstance(finder, BundleFinder):
                finder.remove()

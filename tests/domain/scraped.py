"""Metrics as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


class Scraped:
    """What one scrape has shown."""

    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Of the one series with these labels; None without it."""
        found = [each for each in self._samples if (each.name, each.labels) == (name, labels)]
        return found[0].value if found else None

    def labels(self, prefix: str) -> set[str]:
        """The names of labels of all series whose names begin so."""
        return {
            label
            for sample in self._samples
            if sample.name.startswith(prefix)
            for label in sample.labels
        }

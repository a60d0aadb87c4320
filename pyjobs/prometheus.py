"""The library prometheus-client, of the extra `metrics`, and the page that it writes. Only what the
worker's metrics and those of queues share may live here."""

from __future__ import annotations

import importlib
from typing import Any

from pyjobs.errors import MissingExtra
from pyjobs.httpserver import Page

# Seconds: from what an idle worker needs to what somebody should look at.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)


def prometheus() -> Any:
    """Return the library prometheus-client.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("prometheus_client")
    except ImportError:
        raise MissingExtra(
            "metrics need the extra 'metrics': pip install 'pyjobs[metrics]'"
        ) from None


def metrics_page(registries: list[Any], accept: str) -> Page:
    """Return the metrics of some registries as one page, in the format that a client accepts.

    Args:
        registries: the registries, of which no two have a metric of the same name.
        accept: the value of the header `Accept`.
    """
    exposition = importlib.import_module("prometheus_client.exposition")
    encode, content_type = exposition.choose_encoder(accept)
    if len(registries) > 1:
        registries = [_JoinedRegistries(registries)]
    return Page(200, encode(registries[0]), content_type)


class _JoinedRegistries:
    """Collects the metrics of several registries, so that they are one text with one end."""

    def __init__(self, registries: list[Any]) -> None:
        self._registries = registries

    def collect(self) -> Any:
        for registry in self._registries:
            yield from registry.collect()

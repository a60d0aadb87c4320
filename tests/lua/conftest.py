"""The fixture `store` of the tests of scripts: every server, and asyncio on one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from support.servers import VERB_PLACES, Place, place_id
from support.store import Store


@pytest.fixture(params=VERB_PLACES, ids=place_id)
def store(
    request: pytest.FixtureRequest, open_store: Callable[[Place], AbstractContextManager[Store]]
) -> Iterator[Store]:
    """The store of each place where verbs are tested, or of those that `at` names."""
    with open_store(request.param) as store:
        yield store

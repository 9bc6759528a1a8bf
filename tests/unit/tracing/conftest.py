"""Services for the data half of tracing."""

import pytest
from keeping_services import KeepingServices


@pytest.fixture
def services() -> KeepingServices:
    """Fresh ones."""
    return KeepingServices()

"""The release before, as the file `previous-release` names it."""

from __future__ import annotations

import pytest

from tests.upgrade import releases


@pytest.fixture(scope="session")
def previous_release() -> str:
    """Its commit; what needs it is skipped in a clone that does not reach back so far."""
    try:
        return releases.commit_of(releases.previous())
    except releases.NotInThisClone as missing:
        pytest.skip(str(missing))

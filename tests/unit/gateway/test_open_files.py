"""How many readers a gateway can have at once: a reader is an open file."""

from __future__ import annotations

import resource

from gateway.__main__ import MOST_FILES, raise_open_files


def test_the_gateway_takes_as_many_open_files_as_it_may_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert raise_open_files() == min(hard, MOST_FILES) > 512
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(hard, MOST_FILES)
        assert raise_open_files() == min(hard, MOST_FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

"""The page's own policy lets what stands in the page run, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re

from gateway.routes.hardening import NO_STORE, hardened, page_policy
from gateway.standards.docs import page


def test_the_policy_of_the_page_names_what_stands_in_it_by_its_hash() -> None:
    html = page()
    policy = page_policy(html)
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_nothing_in_the_page_needs_what_the_policy_forbids() -> None:
    html = page()
    assert not re.search(r"<[^>]+\s(style|on\w+)=", html)
    assert "javascript:" not in html


def test_a_changed_page_has_another_policy() -> None:
    assert page_policy("<style>a</style><script>b</script>") != page_policy("<style>a</style><script>c</script>")


def test_an_answer_keeps_its_own_word_where_it_has_one() -> None:
    found = hardened([(b"Cache-Control", b"max-age=60")])
    assert NO_STORE not in found
    assert (b"x-content-type-options", b"nosniff") in found

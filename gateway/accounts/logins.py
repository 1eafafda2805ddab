"""Logins: what they may be, and how they are compared."""

from __future__ import annotations

import re
import unicodedata

from chassis.errors import InvalidInput

_LOGIN = re.compile(r"[^\W_][\w.@-]{1,62}[^\W_]")


def folded(text: str) -> str:
    """As it is compared: NFKC, without case."""
    return unicodedata.normalize("NFKC", text).casefold()


def checked(text: str) -> str:
    """As it is kept. Raises InvalidInput."""
    login = folded(text)
    if not _LOGIN.fullmatch(login):
        raise InvalidInput("a login has 3 to 64 letters, digits and . @ _ - between them", field="login", rule="login")
    return login

"""The accounts that the settings ask for."""

from __future__ import annotations

from datetime import timedelta

from gateway.accounts.accounts import Accounts
from gateway.accounts.sealing import Sealing
from gateway.accounts.sessions import Lives
from gateway.accounts.tokens import Terms
from gateway.security.settings import IdentitySettings


def accounts_of(settings: IdentitySettings, agency: str) -> Accounts | None:
    """This county's own accounts; None without a database. `agency` is its domain name, which signs its tokens."""
    if not settings.database_url:
        return None
    sealing = Sealing(settings.identity_key, mode=settings.mode)
    terms = Terms(f"https://{agency}", settings.access_seconds, settings.two_factor_roles)
    lives = Lives(timedelta(seconds=settings.idle_seconds), timedelta(seconds=settings.session_seconds))
    return Accounts(settings.database_url, sealing, terms, lives)

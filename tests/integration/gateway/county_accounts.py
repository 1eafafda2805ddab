"""Accounts of a test: its own database, filled as `wangge accounts` fills it, and the person at the other end."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx

from gateway.accounts import administration, client_administration, totp
from gateway.accounts.database import IdentityDatabase
from gateway.accounts.passwords import _HASHER
from gateway.accounts.sealing import DEVELOPMENT_IDENTITY_KEY, Sealing
from gateway.accounts.tables import account
from gateway.admin import migrate

ANOTHER = "nine tall bicycles sing"
PASSWORD = "korrekt Pferd Batterie"
WORKER = (["dispatcher"], ["999999001"])
HASHED = _HASHER.hash(PASSWORD)


class CountyAccounts:
    """`add` makes an account whose password is PASSWORD; `fresh` ones must change it first."""

    def __init__(self, url: str) -> None:
        self.url = url
        migrate(url)
        self.database = IdentityDatabase(url)
        self.sealing = Sealing(DEVELOPMENT_IDENTITY_KEY, mode="development")

    def run(self, work: Any, *arguments: Any, **named: Any) -> Any:
        return self.database.now(lambda connection: work(connection, *arguments, **named))

    def add(self, login: str, roles: list[str] | None = None, *, fresh: bool = False) -> str:
        found = self.run(administration.add, "test", login, HASHED, WORKER[0] if roles is None else roles, WORKER[1])
        if not fresh:
            self.run(lambda c: c.execute(account.update().where(account.c.id == found).values(must_change=False)))
        return str(found)

    def add_client(self, name: str, scopes: list[str] | None = None, **named: Any) -> str:
        """Its key."""
        made = self.run(client_administration.add, "test", name, ["integration"], ["999999001"], scopes, 30, **named)
        return str(made[1])


class Person:
    """Somebody at a desk, who keeps what the token endpoint gives."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tokens: dict[str, Any] = {}

    def ask(self, grant: str, **fields: str) -> httpx.Response:
        answer = self.post("/v1/auth/token", data={"grant_type": grant, **fields})
        if answer.is_success:
            self.tokens = answer.json()
        return answer

    def post(self, path: str, **options: Any) -> httpx.Response:
        """Without a token."""
        return httpx.post(self.url + path, timeout=20, **options)

    def sign_in(self, login: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        return self.ask("password", username=login, password=password, **fields)

    def refresh(self, token: str | None = None) -> httpx.Response:
        return self.ask("refresh_token", refresh_token=token or self.tokens["refresh_token"])

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return httpx.request(method, self.url + path, headers=headers, timeout=20, **options)

    def status(self) -> int:
        """Of a read that goes to a service."""
        return self.call("GET", "/v1/board").status_code

    def set_up_second_factor(self) -> tuple[bytes, str, list[str]]:
        """The app's secret, the code that confirmed it, and the recovery codes."""
        begun = self.call("POST", "/v1/auth/totp", json={"password": PASSWORD})
        assert begun.status_code == 200, begun.text
        secret = base64.b32decode(begun.json()["secret"])
        code = code_now(secret)
        confirmed = self.call("POST", "/v1/auth/totp/confirm", json={"code": code})
        assert confirmed.status_code == 200, confirmed.text
        return secret, code, confirmed.json()["recovery_codes"]


def code_now(secret: bytes, steps: int = 0) -> str:
    """What the app shows, or will show in so many steps."""
    return totp.code(secret, int(time.time()) // totp.STEP_SECONDS + steps)

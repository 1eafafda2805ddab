"""Refusals of signing in, as OAuth 2 names them (RFC 6749 section 5.2) in the house's problem documents."""

from __future__ import annotations

from typing import Any

from chassis.errors import Forbidden, NotFound, ServiceError, Unauthorised


class InvalidGrant(ServiceError):
    """What was shown opens nothing: said alike of a wrong password, an unknown account and a disabled one."""

    code, status, title = "invalid_grant", 400, "凭据无效 · Credentials not valid"

    def __init__(self, detail: str = "these credentials do not sign anybody in", **options: Any) -> None:
        super().__init__(detail, error="invalid_grant", **options)


class SecondFactorRequired(InvalidGrant):
    """The password is right; a code of the authenticator app (or a recovery code) is needed with it."""

    code, title = "second_factor_required", "需要动态验证码 · Second factor required"


class UnsupportedGrant(ServiceError):
    """There is no such way to sign in here."""

    code, status, title = "unsupported_grant_type", 400, "不支持的授权方式 · Unsupported grant type"


class InvalidClient(Unauthorised):
    """No such API client, or another secret."""

    code, title = "invalid_client", "客户端凭据无效 · Client credentials not valid"


class TooManyAttempts(ServiceError):
    """Too many failures lately; `retry_after_seconds` says when another attempt is looked at."""

    code, status, title, retryable = "too_many_attempts", 429, "尝试次数过多 · Too many attempts", True


class WeakPassword(ServiceError):
    """The password breaks a rule; `rule` names it."""

    code, status, title = "weak_password", 422, "密码强度不足 · Password too weak"


class SetupRequired(Forbidden):
    """Signed in, but the password must be changed or the second factor set up before anything else is done."""

    code, title = "setup_required", "请先修改密码或启用动态验证码 · Set up the account first"


class AccountsOff(NotFound):
    """This gateway has no accounts of its own: it takes tokens of issuers only."""

    code, title = "accounts_off", "未启用内置账号 · No built-in accounts here"

"""Signing in and out of the county's own accounts, and the keys by which others check the tokens."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from uuid import UUID

from starlette.responses import Response
from starlette.types import ASGIApp

from chassis.errors import InvalidInput, from_refusal
from contracts import identity
from contracts.catalogue import check
from contracts.fields import Message
from contracts.refusal import InvalidMessage
from contracts.rights.permissions import VOUCHED
from gateway.accounts.accounts import Accounts
from gateway.accounts.refusals import AccountsOff, UnsupportedGrant
from gateway.routes.body import read_object
from gateway.routes.calling import json_response, path_arguments
from gateway.routes.form import CONTENT_TYPE as FORM
from gateway.routes.form import read_form
from gateway.routes.params import read_query
from gateway.routes.table import Call, PathParam, Route
from gateway.security.proxies import CERTIFICATE
from gateway.security.standing import Standing

OWNER = "gateway"
PERMISSION = VOUCHED
"""Anybody, for what is their own: no role gives or takes that."""

SESSION = PathParam(
    "会话编号 · The session",
    {"type": "string", "format": "uuid", "pattern": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"},
)


async def token(call: Call) -> ASGIApp:
    """Tokens for a password, a refresh token or an API client's key. Raises ServiceError."""
    told = await _form(call, identity.TokenRequest)
    signing_in = _accounts(call).signing_in
    grant = told["grant_type"]
    if grant == "password":
        login, password = _needed(told, "username"), _needed(told, "password")
        return json_response(await signing_in.by_password(login, password, told.get("otp"), _address(call)))
    if grant == "refresh_token":
        return json_response(await signing_in.by_refresh_token(_needed(told, "refresh_token")))
    client_id, secret = _basic(call) or (_needed(told, "client_id"), _needed(told, "client_secret"))
    return json_response(await signing_in.by_client_credentials(client_id, secret))


async def revoke(call: Call) -> ASGIApp:
    """End the session of a refresh token; 200 also when there is none, as RFC 7009 has it."""
    told = await _form(call, identity.RevokeRequest)
    await _accounts(call).self_service.sign_out(told["token"])
    return json_response({})


async def me(call: Call) -> ASGIApp:
    """Who the caller is."""
    read_query(call.request.query_params, ())
    standing = await _standing(call)
    actor = standing.actor
    return json_response(
        {
            "subject": actor.subject,
            "client": actor.client,
            "credential": actor.credential,
            "roles": actor.roles,
            "jurisdictions": actor.jurisdictions,
            "setup_required": standing.setup,
        }
    )


async def password(call: Call) -> ASGIApp:
    """Another password; every other session of the account ends."""
    told = await _body(call, identity.PasswordChange)
    service = _accounts(call).self_service
    await service.change_password(await _standing(call), told["password"], told["new_password"], _address(call))
    return Response(status_code=204)


async def second_factor(call: Call) -> ASGIApp:
    """A secret for an authenticator app."""
    told = await _body(call, identity.SecondFactorStart)
    service = _accounts(call).self_service
    return json_response(await service.begin_totp(await _standing(call), told["password"], _address(call)))


async def confirm_second_factor(call: Call) -> ASGIApp:
    """Put the secret in force; the recovery codes."""
    told = await _body(call, identity.SecondFactorCode)
    codes = await _accounts(call).self_service.confirm_totp(await _standing(call), told["code"])
    return json_response({"recovery_codes": codes})


async def sign_out_everywhere(call: Call) -> ASGIApp:
    """End every session of the account, this one too."""
    told = await _body(call, identity.SessionsEnd)
    service = _accounts(call).self_service
    ended = await service.sign_out_everywhere(await _standing(call), told["password"], _address(call))
    return json_response({"sessions": ended})


async def own_sessions(call: Call) -> ASGIApp:
    """Where the caller is signed in."""
    service = _accounts(call).self_service
    return json_response({"sessions": await service.sessions(await _standing(call))})


async def end_session(call: Call) -> ASGIApp:
    """End one of the caller's sessions; 0 when there is none of that id."""
    told = await _body(call, identity.SessionsEnd)
    service = _accounts(call).self_service
    session_id = UUID(path_arguments(call)["session"])
    ended = await service.end_session(await _standing(call), session_id, told["password"], _address(call))
    return json_response({"sessions": ended})


async def keys(call: Call) -> ASGIApp:
    """The public keys of this county's own tokens."""
    ring = await _accounts(call).keys.ring()
    return json_response(ring.document(), headers={"Cache-Control": "public, max-age=300"})


def _accounts(call: Call) -> Accounts:
    read_query(call.request.query_params, ())
    if call.serving.accounts is None:
        raise AccountsOff("this gateway takes tokens of issuers only")
    return call.serving.accounts


async def _standing(call: Call) -> Standing:
    authorization = await call.route.credentials(call.request)
    return await call.serving.authority.standing(authorization, call.request.scope.get(CERTIFICATE))


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client else ""


async def _form(call: Call, shape: type[Message]) -> dict[str, Any]:
    """The posted form, every field once. Raises InvalidInput, and what reading a form raises."""
    fields = await read_form(call.request)
    for name, values in fields.items():
        if len(values) > 1:
            raise InvalidInput("may be given once", field=name, rule="repeated")
    if shape is identity.TokenRequest and fields.get("grant_type", [""])[0] not in ("", *identity.GRANTS):
        raise UnsupportedGrant(f"grant_type is one of {', '.join(identity.GRANTS)}", error="unsupported_grant_type")
    return _checked(shape, {name: values[0] for name, values in fields.items()})


async def _body(call: Call, shape: type[Message]) -> dict[str, Any]:
    return _checked(shape, await read_object(call.request))


def _checked(shape: type[Message], raw: dict[str, Any]) -> dict[str, Any]:
    try:
        return check(shape(), raw)
    except InvalidMessage as error:
        raise from_refusal(error) from None


def _needed(told: dict[str, Any], name: str) -> str:
    if name not in told:
        raise InvalidInput("needed for this grant_type", code="missing_field", field=name, rule="required")
    return str(told[name])


def _basic(call: Call) -> tuple[str, str] | None:
    """Client and secret of HTTP Basic (RFC 7617); None when the header is absent or of another kind."""
    scheme, _, given = call.request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, colon, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (client_id, secret) if colon else None


ROUTES = (
    Route(
        "POST", "/v1/auth/token", "auth_token", "登录、续期", "Tokens for a password, a refresh token or an API key",
        OWNER, None, token, body=identity.TokenRequest, body_type=FORM, answer=identity.TokenResponse,
        refusals=("400", "401", "404", "422", "429", "503"),
    ),
    Route(
        "POST", "/v1/auth/revoke", "auth_revoke", "退出登录", "Sign out: the session of a refresh token", OWNER, None,
        revoke, body=identity.RevokeRequest, body_type=FORM, refusals=("404", "422", "503"),
    ),
    Route(
        "POST", "/v1/auth/revoke-all", "auth_revoke_all", "退出所有设备", "Sign out everywhere", OWNER, PERMISSION,
        sign_out_everywhere, body=identity.SessionsEnd, answer=identity.Ended, during_setup=True,
        refusals=("404", "422", "429", "503"),
    ),
    Route(
        "GET", "/v1/auth/sessions", "auth_sessions", "已登录设备", "Where one is signed in", OWNER, PERMISSION,
        own_sessions,
        answer=identity.OwnSessions, refusals=("404", "422", "503"),
    ),
    Route(
        "POST", "/v1/auth/sessions/{session}/revoke", "auth_session_revoke", "退出一个设备", "Sign out one session",
        OWNER, PERMISSION, end_session, path_params={"session": SESSION}, body=identity.SessionsEnd,
        answer=identity.Ended, refusals=("404", "422", "429", "503"),
    ),
    Route(
        "GET", "/v1/auth/me", "auth_me", "当前身份", "Who the caller is", OWNER, PERMISSION, me, answer=identity.Myself,
        during_setup=True, refusals=("422",),
    ),
    Route(
        "POST", "/v1/auth/password", "auth_password", "修改密码", "Change the password", OWNER, PERMISSION, password,
        body=identity.PasswordChange, status=204, during_setup=True, refusals=("404", "422", "429", "503"),
    ),
    Route(
        "POST", "/v1/auth/totp", "auth_totp", "启用动态验证码", "Begin to set up a second factor", OWNER, PERMISSION,
        second_factor, body=identity.SecondFactorStart, answer=identity.SecondFactorSecret, during_setup=True,
        refusals=("404", "409", "422", "429", "503"),
    ),
    Route(
        "POST", "/v1/auth/totp/confirm", "auth_totp_confirm", "确认动态验证码", "Put the second factor in force", OWNER,
        PERMISSION, confirm_second_factor, body=identity.SecondFactorCode, answer=identity.RecoveryCodes,
        during_setup=True, refusals=("404", "422", "503"),
    ),
    Route(
        "GET", "/.well-known/jwks.json", "auth_keys", "签名公钥", "Public keys of this county's tokens", OWNER, None,
        keys,
        answer_schema={"type": "object", "required": ["keys"],
                       "properties": {"keys": {"type": "array", "items": {"type": "object"}}}},
        refusals=("404", "503"),
    ),
)  # fmt: skip

"""Signing in: what is posted to /v1/auth/… and what comes back (RFC 6749 tokens, RFC 6238 second factor)."""

from contracts.fields import Choice, Flag, Many, Message, Moment, Part, Text, Whole

GRANTS = ("password", "refresh_token", "client_credentials")
_LONG = 512


class TokenRequest(Message):
    """A form. Which fields are needed depends on `grant_type`."""

    grant_type = Choice("How to sign in", GRANTS, example="password")
    username = Text("Login, for `password`", most=64, example="desk-7", optional=True)
    password = Text("For `password`", most=_LONG, optional=True)
    otp = Text("Code of the authenticator app, or a recovery code", most=32, example="287082", optional=True)
    refresh_token = Text("For `refresh_token`: good once", most=_LONG, optional=True)
    client_id = Text("Name of the API client, for `client_credentials`; or HTTP Basic", most=64, optional=True)
    client_secret = Text("Its key", most=_LONG, optional=True)
    scope = Text("Taken and ignored: rights come from account and client", most=1000, least=0, optional=True)


class TokenResponse(Message):
    """Tokens (RFC 6749 section 5.1)."""

    access_token = Text("For `Authorization: Bearer`", most=8192, example="eyJ…")
    token_type = Choice("Kind of token", ("Bearer",), example="Bearer")
    expires_in = Whole("Life of the access token", least=1, most=900, unit="s", example=300)
    refresh_token = Text("For the next tokens; not for API clients", most=_LONG, optional=True)
    setup_required = Flag(
        "True: the password must be changed or the second factor set up before anything else",
        example=False,
        optional=True,
    )


class RevokeRequest(Message):
    """A form (RFC 7009)."""

    token = Text("The refresh token whose session ends", most=_LONG)
    token_type_hint = Text("Taken and ignored", most=64, optional=True)


class Myself(Message):
    """Who the caller is here."""

    subject = Text("Opaque id", most=64, example="0190a0c2-7e1a-7000-8000-0000000000aa")
    client = Text("Through what", most=64, example="account")
    credential = Text("What proved it: person, client or development", most=16, example="person")
    roles = Many(Text("A role", most=32, example="dispatcher"), "What the caller is", most=64)
    jurisdictions = Many(
        Text("A grid code", most=17, least=0, example="999999001"), "Where; empty: everywhere", most=64
    )
    setup_required = Flag("True: the account must be set up first", example=False)


class PasswordChange(Message):
    """Another password."""

    password = Text("The present one", most=_LONG)
    new_password = Text("12 to 128 characters, any; not common, not the login", most=_LONG)


class SecondFactorStart(Message):
    """The password once more, before a second factor is set up."""

    password = Text("The present one", most=_LONG)


class SessionsEnd(Message):
    """The password once more, before sessions end: whoever found a screen open ends nobody else's."""

    password = Text("The present one", most=_LONG)


class SecondFactorSecret(Message):
    """What the authenticator app is given; in force after a code of it was confirmed."""

    secret = Text("Base32, to be typed in", most=64, example="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    uri = Text("For a QR code", most=400, example="otpauth://totp/…")


class SecondFactorCode(Message):
    """A code made with the new secret."""

    code = Text("Six digits", most=6, least=6, pattern="[0-9]{6}", example="287082")


class RecoveryCodes(Message):
    """Each good once instead of a code, told this once."""

    recovery_codes = Many(
        Text("A recovery code", most=29, example="abcd-efgh-ijkl-mnop-qrst-uvwx"), "Keep them apart", most=20
    )


class OwnSession(Message):
    """A sign-in that goes on."""

    session_id = Text("Its id", most=36, least=36, example="0190a0c2-7e1a-7000-8000-0000000000bb")
    created_at = Moment("Signed in", example="2026-01-02T03:04:05.000000Z")
    used_at = Moment("Last renewed", example="2026-01-02T09:04:05.000000Z")
    current = Flag("True: this one", example=True)


class OwnSessions(Message):
    """Where the caller is signed in."""

    sessions = Many(Part(OwnSession, "A session"), "The last used first", most=10_000)


class Ended(Message):
    """How many sessions were ended."""

    sessions = Whole("Ended now", least=0, most=10**6, example=2)

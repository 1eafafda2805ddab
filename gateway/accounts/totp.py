"""Time-based one-time passwords (RFC 6238 on RFC 4226): SHA-1, six digits, thirty seconds, as every app has them."""

from __future__ import annotations

import base64
import hmac
import secrets
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20
DRIFT = 1
RECOVERY_CODES = 10


def new_secret() -> bytes:
    """160 random bits, as RFC 4226 recommends."""
    return secrets.token_bytes(SECRET_BYTES)


def code(secret: bytes, step: int) -> str:
    """The code of one step."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = mac[-1] & 0x0F
    return str((int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF) % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: bytes, given: str, now: float, after: int) -> int | None:
    """The step whose code was given, one step of drift each way, later than `after`; a code never counts twice."""
    current = int(now) // STEP_SECONDS
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(code(secret, step).encode(), given.encode("utf-8", "replace")) and step > after:
            found = step
    return found


def uri(secret: bytes, login: str, issuer: str) -> str:
    """What an authenticator app reads from a QR code."""
    label = quote(f"{issuer}:{login}", safe="")
    return f"otpauth://totp/{label}?secret={spelled(secret)}&issuer={quote(issuer, safe='')}"


def spelled(secret: bytes) -> str:
    """The secret as a person types it into an app."""
    return base64.b32encode(secret).decode()


def recovery_codes() -> list[str]:
    """Ten codes of 120 bits, each good once, in groups of four: long enough to be kept under a plain hash."""
    texts = [base64.b32encode(secrets.token_bytes(15)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]


def recovery_text(given: str) -> str:
    """A recovery code as it is compared: without the groups and the case it was typed in."""
    return "".join(each for each in given.lower() if each.isalnum())

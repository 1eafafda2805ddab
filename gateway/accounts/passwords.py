"""Passwords: what one must be (NIST SP 800-63B, ASVS 5 V6.2), and Argon2id (RFC 9106) without stopping anybody else.

Long rather than decorated: 12 characters at least, any characters, no expiry. Of the 30,000 passwords used most 229 are
that long: runs of keys, repetitions, and common words with digits behind them are refused by rule, which finds their
relatives too; the others by a list of their hashes.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from chassis.errors import Unavailable
from gateway.accounts.refusals import WeakPassword
from gateway.metrics import PASSWORD_SECONDS

LEAST, MOST = 12, 128
AT_ONCE = 2
MOST_WAITING = 32
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
NOBODYS = _HASHER.hash("nobody's password, checked where there is no account so that the answer takes as long")
_WORDS = (
    "password", "passw0rd", "p@ssw0rd", "p@ssword", "qwertyuiop", "qwerty", "asdfghjkl", "zxcvbnm", "1qaz2wsx",
    "1q2w3e",
    "administrator", "admin", "letmein", "welcome", "iloveyou", "woaini", "changeme", "default", "secret", "wangge",
    "dispatch", "mima", "zhongguo", "china", "110110", "12345", "abc123", "dragon", "monkey", "sunshine", "princess",
    "football", "superman", "网格", "密码", "管理员", "社区", "派出所",
)  # fmt: skip
_RUNS = (
    "0123456789012345678909876543210987654321 abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm "
    "qwertyuiop asdfghjkl zxcvbnm 1qaz2wsx3edc4rfv5tgb6yhn7ujm 1qazxsw23edcvfr45tgbnhy6 zaq1xsw2cde3vfr4bgt5 "
    "1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8o9p0 a1s2d3f4g5h6j7k8l9 1qa2ws3ed4rf5tg6yh7uj8ik qazwsxedcrfvtgbyhnujm "
    "qazxswedcvfrtgbnhyujm zaqwsxcderfvbgtyhn qweasdzxcrtyfghvbn 1234qwerasdfzxcv qawsedrftgyhujikolp"
)
_LISTED = frozenset(Path(__file__).with_name("common_passwords.txt").read_text(encoding="ascii").split())
"""Of each the first 16 hexadecimal digits of its SHA-256, without case: a list of what to try is not handed out."""


def normalised(password: str) -> str:
    """NFKC: the same password typed on another keyboard is the same text."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, login: str) -> None:
    """Raises WeakPassword: too_short, too_long, control, contains_login, repetition, sequence or common."""
    text = normalised(password)
    folded = text.casefold()
    if len(text) < LEAST:
        raise WeakPassword(f"at least {LEAST} characters", field="password", rule="too_short")
    if len(text) > MOST:
        raise WeakPassword(f"at most {MOST} characters", field="password", rule="too_long")
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
        raise WeakPassword("no control characters", field="password", rule="control")
    if len(login) >= 3 and login.casefold() in folded:
        raise WeakPassword("must not contain the login", field="password", rule="contains_login")
    if len(set(folded)) < 6 or re.fullmatch(r"(.{1,6})\1+.{0,5}", folded):
        raise WeakPassword("must not repeat itself", field="password", rule="repetition")
    if _longest_run(folded) * 2 > len(folded):
        raise WeakPassword("must not be a run of keys or digits", field="password", rule="sequence")
    if _is_common(folded) or hashlib.sha256(folded.encode()).hexdigest()[:16] in _LISTED:
        raise WeakPassword("must be more than a common word and digits", field="password", rule="common")


def _is_common(folded: str) -> bool:
    """Whether less than 6 letters remain without common words, digits and signs."""
    rest = folded
    for word in _WORDS:
        rest = rest.replace(word, "")
    return rest != folded and len([each for each in rest if each.isalpha()]) < 6


def _longest_run(folded: str) -> int:
    longest = 0
    for start in range(len(folded)):
        end = start + longest + 1
        while end <= len(folded) and folded[start:end] in _RUNS:
            longest, end = end - start, end + 1
    return longest


class Passwords:
    """Hashes and checks in threads of its own, few at once: each takes 19 MiB and tens of milliseconds of a core."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0

    async def hashed(self, password: str) -> str:
        """The encoded Argon2id hash. Raises Unavailable when too many wait."""
        return str(await self._in_turn(_HASHER.hash, normalised(password)))

    async def fits(self, password: str, encoded: str | None) -> bool:
        """Whether it is the password of that hash; None takes as long and is never right. Raises Unavailable."""
        if len(password) > MOST * 4:
            password = ""
        right = await self._in_turn(_fits, normalised(password), encoded or NOBODYS)
        return bool(right) and encoded is not None

    def stop(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, work: object, *arguments: str) -> object:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("too many are signing in at this moment", rule="sign_in_queue")
        self._waiting += 1
        try:
            with PASSWORD_SECONDS.time():
                return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)  # type: ignore[arg-type]
        finally:
            self._waiting -= 1


def hashed_now(password: str) -> str:
    """The hash, made in this thread: for a command, never for a gateway."""
    return _HASHER.hash(normalised(password))


def _fits(password: str, encoded: str) -> bool:
    try:
        return _HASHER.verify(encoded, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(encoded: str) -> bool:
    """Whether a hash was made with other parameters than today's: hash again when the password is known."""
    return _HASHER.check_needs_rehash(encoded)

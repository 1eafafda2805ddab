"""TLS of a process's own port: a certificate with its key, taken up again when the files are replaced.

cert-manager and every other renewer replace files in place; a process that had to be started again for a new
certificate would one night be forgotten. They are looked at before each handshake: whoever reads when the certificate
ends has just made one. Connections that are open keep theirs.
"""

import ssl
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from cryptography import x509
from prometheus_client import Gauge

from chassis.logs import get_logger
from chassis.settings import EX_CONFIG

# Here and not in chassis/metrics.py, for the drill has this one and none of the others.
CERTIFICATE_ENDS = Gauge(
    "wangge_certificate_ends_timestamp_seconds", "When the certificate of the process's own port ends, 0 without TLS"
)
_log = get_logger()


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of PEM files: the certificate with the chain behind it, and its key."""

    certificate: str
    key: str

    def files(self) -> tuple[tuple[int, int], ...]:
        """Something that is another when a file is another; empty while one is missing."""
        try:
            found = [Path(path).stat() for path in (self.certificate, self.key)]
        except OSError:
            return ()
        return tuple((each.st_mtime_ns, each.st_ino) for each in found)


class Offer:
    """What a server offers: the pair as its files are now, or as they were when they could last be read.

    Raises OSError, ValueError for a pair that cannot be used.
    """

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair
        self._known = pair.files()
        self._context = _context_of(pair)
        self._lock = Lock()

    def newest(self) -> ssl.SSLContext:
        """For one handshake. A pair that cannot be read is told of once, and the old one stays."""
        # A context of its own for each pair: OpenSSL forbids to change one that other threads shake hands with.
        with self._lock:
            found = self._pair.files()
            if found != self._known:
                self._known = found
                self._take_up()
            return self._context

    def _take_up(self) -> None:
        try:
            self._context = _context_of(self._pair)
        except (OSError, ValueError) as error:
            _log.error("certificate cannot be taken up, the old one stays", reason=_reason(error))
        else:
            _log.info("certificate renewed")


def offer_or_exit(pair: KeyPair | None) -> Offer | None:
    """For a process's start: None for clear text; says what is wrong and exits ``EX_CONFIG`` for an unusable pair."""
    if pair is None:
        return None
    try:
        return Offer(pair)
    except (OSError, ValueError) as error:
        sys.stderr.write(
            "证书不可用 · WANGGE_TLS_CERTIFICATE, WANGGE_TLS_KEY: "
            f"{pair.certificate}, {pair.key} cannot be used ({_reason(error)})\n"
        )
        sys.exit(EX_CONFIG)


def _context_of(pair: KeyPair) -> ssl.SSLContext:
    """TLS 1.2 or later (RFC 9325), HTTP/1.1. Raises OSError, ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    leaf = x509.load_pem_x509_certificates(Path(pair.certificate).read_bytes())[0]
    # With a password, though none is right: for a key that is encrypted OpenSSL would ask the terminal, and wait.
    context.load_cert_chain(pair.certificate, pair.key, password="")
    CERTIFICATE_ENDS.set(leaf.not_valid_after_utc.timestamp())
    return context


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or type(error).__name__)

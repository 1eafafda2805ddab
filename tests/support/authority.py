"""A certificate authority of a test's own, which signs and renews where a renewer would."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SOON = dt.timedelta(days=2)
AUTHORITY, LEAF = (x509.BasicConstraints(ca=ca, path_length=None) for ca in (True, False))
SIGNS_OTHERS, SIGNS_HANDSHAKES = (
    x509.KeyUsage(
        digital_signature=not others, key_cert_sign=others, crl_sign=others, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )
    for others in (True, False)
)  # fmt: skip


class Signer:
    """An authority with a certificate of its own (`root`); keys are ECDSA on P-256."""

    def __init__(self, name: str) -> None:
        self.root_key, self._name = new_key(), named(name)
        self.root = self.sign(self._name, self.root_key, AUTHORITY)

    def sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, kind: x509.BasicConstraints = LEAF,
        more: Sequence[x509.ExtensionType] = (), ends: dt.timedelta = SOON,
    ) -> x509.Certificate:  # fmt: skip
        """With what RFC 5280 asks of both kinds, as cert-manager has it: verifiers grow stricter. `ends`: from now."""
        now, public = dt.datetime.now(dt.UTC), key.public_key()
        made = x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number(), now - SOON, now + ends)
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key())
        for extension in (x509.SubjectKeyIdentifier.from_public_key(public), by, *more):
            made = made.add_extension(extension, critical=False)
        for extension in (kind, SIGNS_OTHERS if kind is AUTHORITY else SIGNS_HANDSHAKES):
            made = made.add_extension(extension, critical=True)
        return made.sign(self.root_key, hashes.SHA256())


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def pem(thing: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    """As PEM; a key as PKCS 8 without a password."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(Encoding.PEM)
    return thing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Authority(Signer):
    """Signs certificates for loopback; `certificate` and `key` are the pair, `trusted` is the authority's own."""

    def __init__(self, folder: Path) -> None:
        super().__init__("authority")
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.trusted = folder / "ca.crt"
        self.trusted.write_bytes(pem(self.root))
        self.serial = 0
        self.renew()

    @property
    def settings(self) -> dict[str, str]:
        """What a process is told for its own port."""
        return {"WANGGE_TLS_CERTIFICATE": str(self.certificate), "WANGGE_TLS_KEY": str(self.key)}

    def client(self) -> ssl.SSLContext:
        """Trusts this authority and nobody else."""
        return ssl.create_default_context(cafile=str(self.trusted))

    def renew(self, ends: dt.timedelta = SOON) -> int:
        """A new certificate and key in place of the old ones; its serial number. `ends`: from now, may be past."""
        key = new_key()
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = self.sign(named("part"), key, more=[loopback], ends=ends)
        self.serial = made.serial_number
        for path, thing in ((self.certificate, made), (self.key, key)):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(pem(thing))
            fresh.replace(path)
        return self.serial


def offered(port: int, name: str | None = None) -> int:
    """Serial number of the certificate that a new connection to loopback is shown, with or without a server name."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        anybody.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"").serial_number


def outdated(authority: Authority) -> ssl.SSLContext:
    """A client that speaks TLS 1.1 at most, which its own library would rather not."""
    context = authority.client()
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    # OpenSSL's default level does not even begin a handshake so old, and the refusal would be the client's own.
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context

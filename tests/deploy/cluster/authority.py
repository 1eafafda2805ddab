"""In place of cert-manager: the secrets that its Certificates ask for, signed by an authority of this run."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.deploy.cluster.resources import secret
from tests.deploy.manifests import Manifest, of_kind
from tests.support.authority import Signer, named, new_key, pem

USES = {"server auth": ExtendedKeyUsageOID.SERVER_AUTH, "client auth": ExtendedKeyUsageOID.CLIENT_AUTH}


class Authority(Signer):
    """Signs what Certificates ask for: names and uses."""

    @property
    def trusted(self) -> str:
        """The authority's own certificate as PEM: whoever has it knows what this authority signed."""
        return pem(self.root).decode()

    def secret_of(self, certificate: Manifest) -> Manifest:
        """The secret that one Certificate asks for, with the entries that cert-manager writes."""
        spec = certificate["spec"]
        if spec.get("isCA"):
            return self._secret(spec["secretName"], self.root, self.root_key)
        key = new_key()
        extensions: list[x509.ExtensionType] = [x509.ExtendedKeyUsage([USES[use] for use in spec["usages"]])]
        if names := spec.get("dnsNames"):
            extensions.append(x509.SubjectAlternativeName(list(map(x509.DNSName, names))))
        subject = named(spec.get("commonName", certificate["metadata"]["name"]))
        return self._secret(spec["secretName"], self.sign(subject, key, more=extensions), key)

    def _secret(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Manifest:
        entries = {"ca.crt": self.trusted, "tls.crt": pem(certificate).decode(), "tls.key": pem(key).decode()}
        return secret(name, entries, "kubernetes.io/tls")


def certificates(manifests: list[Manifest], authority: Authority) -> list[Manifest]:
    """A secret for each Certificate of `manifests`."""
    return [authority.secret_of(each) for each in of_kind(manifests, "Certificate").values()]

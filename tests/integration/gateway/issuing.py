"""Issuers for tests: one whose keys the test holds, so that it can sign what no provider would; and a real provider."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

from tests.integration.gateway.running import ROOT, free_port
from tests.support.eventually import eventually

AUDIENCE = "wangge"


def key(kid: str, kind: str = "EC") -> Key:
    """A new private key."""
    parameters = {"kid": kid, "use": "sig"}
    if kind == "EC":
        return ECKey.generate_key("P-256", parameters=parameters)
    return RSAKey.generate_key(2048, parameters=parameters)


def segment(value: Any) -> str:
    """JSON (or bytes as they are) in base64url."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class LoopbackIssuer:
    """Publishes `keys` as a JWK set while its `with` block lasts; `asked` counts how often they were fetched."""

    def __init__(self, *keys: Key) -> None:
        self.keys = list(keys)
        self.asked = 0
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        self.asked += 1
        return {"keys": [each.as_dict(private=False) for each in self.keys]}

    def settings(self, **members: Any) -> dict[str, Any]:
        """Its entry in WANGGE_ISSUERS."""
        return {"issuer": self.url, "audiences": [AUDIENCE], "algorithms": ["ES256", "RS256"], **members}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """A dispatcher of one town, good for five minutes; a change to None leaves the claim out."""
        now = int(time.time())
        usual = {
            "iss": self.url, "aud": AUDIENCE, "sub": "officer-7", "iat": now, "exp": now + 300, "client_id": "desk",
            "roles": ["dispatcher"], "jurisdiction": "999999001",
        }  # fmt: skip
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    def token(self, claims: dict[str, Any] | None = None, signer: Key | None = None, **header: Any) -> str:
        """A token signed by `signer` (its first key); members of `header` replace the usual ones."""
        signer = signer or self.keys[0]
        algorithm = "ES256" if isinstance(signer, ECKey) else "RS256"
        usual = {"alg": algorithm, "typ": "at+jwt", "kid": signer.kid}
        protected = {name: value for name, value in {**usual, **header}.items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        payload = json.dumps(self.claims() if claims is None else claims)
        return jws.serialize_compact(protected, payload, signer, registry=registry)


class Provider:
    """oidc-provider-mock in a process of its own; can be ended and started again with other keys."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> None:
        """Start and wait until its discovery document is there."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "tests.support.oidc_provider", str(self.port)]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        eventually(self._answers, within=30)

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/.well-known/openid-configuration", timeout=5).is_success
        except httpx.TransportError:
            return False

    def sign_in(self, subject: str, **claims: Any) -> dict[str, Any]:
        """What its token endpoint gives for a person, after the code flow."""
        asked = {
            "client_id": "desk",
            "redirect_uri": "http://localhost/back",
            "response_type": "code",
            "scope": "openid",
        }
        with httpx.Client(base_url=self.url, timeout=10) as client:
            client.put(f"/users/{subject}", json=claims).raise_for_status()
            answer = client.post("/oauth2/authorize", params={**asked, "nonce": "n"}, data={"sub": subject})
            code = httpx.URL(answer.headers["location"]).params["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"]}
            answer = client.post("/oauth2/token", data=form, auth=("desk", "any"))
        return dict(answer.raise_for_status().json())

"""A real OpenID provider on loopback: `python -m tests.support.oidc_provider PORT`, until it is ended.

oidc-provider-mock (on Authlib) with Authlib's access tokens of RFC 9068 in place of its opaque ones.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

# Both packages speak of their own next versions at import.
warnings.simplefilter("ignore")
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import flask
import oidc_provider_mock
import werkzeug.serving
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from oidc_provider_mock._storage import User, storage

AUDIENCE = "wangge"
# What Authlib's generator asks a user for; the provider's own tokens do not need it.
User.get_user_id = lambda self: self.sub


class AccessTokens(JWTBearerTokenGenerator):
    """Signed access tokens with the user's claims in them."""

    def get_jwks(self) -> Any:
        return {"keys": [storage.jwk.as_dict(is_private=True)]}

    def get_audiences(self, client: Any, user: Any, scope: Any) -> list[str]:
        return [AUDIENCE]

    def get_extra_claims(self, client: Any, grant_type: Any, user: Any, scope: Any) -> dict[str, Any]:
        return dict(user.claims)


def main(port: int) -> None:
    app = oidc_provider_mock.app()
    tokens = AccessTokens(f"http://127.0.0.1:{port}", expires_generator=lambda *_: 300)

    @app.before_request
    def sign_access_tokens() -> None:
        flask.g._authlib_authorization_server.register_token_generator("default", tokens)

    werkzeug.serving.run_simple("127.0.0.1", port, app, threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

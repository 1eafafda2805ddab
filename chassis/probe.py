"""`python -S -P chassis/probe.py /ready`: what a container asks itself, without a shell or curl in its image.

Exit status 0 when the process beside it answers 200 to that page within three seconds, else 1. It is asked by TLS where
WANGGE_TLS_CERTIFICATE is set. It then has to hold the key of that very certificate (or, while a renewed one cannot be
taken up, of one by the authority in SSL_CERT_FILE), which has not ended. No name is compared, for none is loopback's.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import sys

WITHIN_SECONDS = 3.0


def answers(page: str, port: int, host: str = "127.0.0.1", *, certificate: str = "", authority: str = "") -> bool:
    """Whether that page of this machine says 200; no answer is a no. With a certificate's path: by TLS."""
    connection = _connection(host, port, certificate, authority)
    try:
        connection.request("GET", page)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(host: str, port: int, certificate: str, authority: str) -> http.client.HTTPConnection:
    if not certificate:
        return http.client.HTTPConnection(host, port, timeout=WITHIN_SECONDS)
    # Imported when needed: it takes longer than everything else here, and this runs every few seconds.
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # Lets a certificate that is no authority's be trusted by itself.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    for trusted in filter(None, (certificate, authority)):
        with contextlib.suppress(OSError):  # what cannot be read is no reason to trust anybody
            context.load_verify_locations(trusted)
    return http.client.HTTPSConnection(host, port, timeout=WITHIN_SECONDS, context=context)


def main() -> int:
    """Services say where by WANGGE_HEALTH_PORT, the gateway by WANGGE_HTTP_PORT; 2 when neither does."""
    port = os.environ.get("WANGGE_HEALTH_PORT") or os.environ.get("WANGGE_HTTP_PORT")
    if port is None or len(sys.argv) != 2:
        sys.stderr.write("usage: python chassis/probe.py /ready, with WANGGE_HEALTH_PORT or WANGGE_HTTP_PORT\n")
        return 2
    certificate, authority = (os.environ.get(key, "").strip() for key in ("WANGGE_TLS_CERTIFICATE", "SSL_CERT_FILE"))
    return 0 if answers(sys.argv[1], int(port), certificate=certificate, authority=authority) else 1


if __name__ == "__main__":
    sys.exit(main())

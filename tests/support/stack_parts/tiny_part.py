"""A part as small as a part can be: serves /ready on WANGGE_HEALTH_PORT, ends on SIGTERM; faults by environment.

`WANGGE_TINY_FAULT`: `config` exits 78 at once while the file named in `WANGGE_TINY_FAULT_FILE` exists.
"""

import http.server
import os
import signal
import sys
from pathlib import Path


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
        self.wfile.write(os.environ.get("WANGGE_TOKEN", "").encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    if Path(os.environ.get("WANGGE_TINY_FAULT_FILE", "/nonexistent")).exists():
        print("WANGGE_SOMETHING: missing", file=sys.stderr)
        sys.exit(78)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(os.environ.get("WANGGE_HEALTH_PORT") or os.environ["WANGGE_HTTP_PORT"])
    http.server.HTTPServer(("127.0.0.1", port), Ready).serve_forever()


if __name__ == "__main__":
    main()

"""Toy policy server: it only reports that it is healthy."""

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Healthy(BaseHTTPRequestHandler):
    """Answers 200 to everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


HTTPServer((os.environ.get("ORRERY_POLICY_HOST", "127.0.0.1"), int(os.environ["ORRERY_POLICY_PORT"])), Healthy).serve_forever()

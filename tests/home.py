"""A small HTTP server in the Supervisor's place."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

SERVICE = {"host": "core-mosquitto", "port": 1883, "ssl": False, "protocol": "3.1.1", "username": "addons",
           "password": "sesame", "addon": "core_mosquitto"}  # fmt: skip


class Supervisor:
    """Answers ``GET /services/mqtt`` with ``status`` and ``data``, if the token is right."""

    def __init__(self) -> None:
        self.status = 200
        self.data: object = SERVICE
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                right = self.headers["Authorization"] == "Bearer token" and self.path == "/services/mqtt"
                self.send_response(outer.status if right else 401)
                self.end_headers()
                result = "ok" if outer.status == 200 else "error"
                self.wfile.write(json.dumps({"result": result, "data": outer.data}).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.environment = {
            "SUPERVISOR_TOKEN": "token",
            "SUPERVISOR_URL": f"http://127.0.0.1:{self._server.server_port}",
        }
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

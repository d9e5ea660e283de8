"""HTTP servers on loopback that tests are answered by."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = tuple[int, dict[str, str], object]


class Server:
    """A forge of one function: (method, path with query, headers, JSON body) -> (status, headers, JSON or bytes)."""

    def __init__(self, reply: Callable[[str, str, dict[str, str], object], Reply], *, raw: bool = False) -> None:
        self.seen: list[tuple[str, str, dict[str, str], object]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                content = self.rfile.read(length)
                if len(content) < length:
                    return  # the sender went away between head and body: nothing arrived
                body = content if raw else json.loads(content) if length else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append((self.command, self.path, headers, body))
                status, extra, answered = reply(self.command, self.path, headers, body)
                sent = answered if isinstance(answered, bytes) else json.dumps(answered).encode()
                if "Date" in extra:
                    self.send_response_only(status)
                else:
                    self.send_response(status)
                if "Content-Type" not in extra and not isinstance(answered, bytes):
                    self.send_header("Content-Type", "application/json; charset=utf-8")
                for name, value in extra.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", extra.get("X-Claimed-Length", str(len(sent))))
                self.end_headers()
                if status != 304:
                    self.wfile.write(sent)

            do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - the base class names them

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self.http.shutdown()
        self.http.server_close()

"""Pages served to this machine's own browser, which may write the sheet of reviews.

Only the loopback address is listened on, and only requests that know the token of this start are
answered. `Host` and `Origin` must be this server's own, so that no page of another site can ask,
whatever name it gives the loopback address.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from itc_analysis.errors import ItcError

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
#: Bytes of a review: 200,000 gates have less.
_MOST = 64_000_000

Save = Callable[[str, list[dict[str, Any]]], None]


class ReviewServer(ThreadingHTTPServer):
    """A server for one review.

    Parameters
    ----------
    make_page : callable
        takes a panel and the path that saves it, returns the HTML; called for every request, so
        that a page that is loaded again holds what was saved.
    panels : sequence of str
        the panels.
    save : callable
        takes a panel and its rows; raises `ItcError` when they cannot be saved.
    port : int
        0 for any that is free.
    """

    daemon_threads = True

    def __init__(
        self,
        make_page: Callable[[str, str], str],
        panels: list[str],
        save: Save,
        *,
        port: int = 0,
    ) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.token = secrets.token_urlsafe(24)
        self.make_page, self.panels, self.save = make_page, panels, save

    @property
    def hosts(self) -> set[str]:
        """What a request to this server may name as its host."""
        return {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    def address_of(self, panel: str) -> str:
        """Return the address of a panel's page, which holds the token."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/{panel}.html"


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version, sys_version = "itc-review", ""
    timeout = 60

    def do_GET(self) -> None:
        panel = self._panel(".html")
        if panel is None:
            return
        page = self.server.make_page(panel, f"/{self.server.token}/{panel}")
        self._answer(HTTPStatus.OK, page, "text/html; charset=utf-8")

    def do_POST(self) -> None:
        panel = self._panel("")
        if panel is None:
            return
        origin = self.headers.get("Origin", "")
        if origin not in {f"http://{host}" for host in self.server.hosts}:
            self._refuse(HTTPStatus.FORBIDDEN, "another site may not write a review")
            return
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is wanted")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a list of reviews is smaller")
            return
        try:
            rows = json.loads(self.rfile.read(int(length)))
        except (UnicodeDecodeError, json.JSONDecodeError):
            rows = None
        if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
            self._refuse(HTTPStatus.BAD_REQUEST, "a list of reviews is wanted")
            return
        try:
            self.server.save(panel, rows)
        except (ItcError, OSError) as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
            return
        self._answer(HTTPStatus.OK, "saved", "text/plain; charset=utf-8")

    def _panel(self, suffix: str) -> str | None:
        """Return the panel that is asked for; None when the request was refused."""
        if self.headers.get("Host", "") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers to its own machine only")
            return None
        _, token, name = [*self.path.split("/", 2), "", ""][:3]
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "the address lacks the token that itc review prints")
            return None
        panel = name.removesuffix(suffix) if name.endswith(suffix) else ""
        if panel not in self.server.panels:
            self._refuse(HTTPStatus.NOT_FOUND, "no such panel")
            return None
        return panel

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self.close_connection = True  # a body that was not read must not be taken for a request
        self._answer(status, why, "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name in http.server)
        log.debug(format.replace(self.server.token, "…"), *args)


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and all(isinstance(value, str) for value in row.values())

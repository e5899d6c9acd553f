"""The server of a review: whom it answers, and that a sheet is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from itc_analysis.cohort.sheets.review import list_reviews
from itc_analysis.errors import ItcError
from itc_analysis.flow.review.server import ADDRESS, ReviewServer
from itc_analysis.flow.review.sheet import replace_panel, to_text

ROW = {"panel": "panel_a", "tube": "T1", "gate": "mait", "decision": "accept", "place": "",
       "comment": "", "reviewer": "AB", "gate_digest": "g1"}  # fmt: skip


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "gating" / "review.tsv"


@pytest.fixture
def server(sheet: Path) -> Iterator[ReviewServer]:
    def save(panel: str, rows: list[dict[str, Any]]) -> None:
        replace_panel(sheet, panel, rows)

    with ReviewServer(
        lambda panel, at: f"page of {panel}, saved at {at}", ["panel_a"], save
    ) as made:
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: ReviewServer, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, str]:
    connection = HTTPConnection(ADDRESS, server.server_port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def post(server: ReviewServer, rows: Any, **headers: str) -> tuple[int, str]:
    own = {"Origin": f"http://{ADDRESS}:{server.server_port}", "Content_Type": "application/json"}
    path = f"/{server.token}/panel_a"
    return ask(server, "POST", path, json.dumps(rows), **{**own, **headers})


def test_it_listens_on_the_loopback_address_only(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_page_needs_the_token_of_this_start(server: ReviewServer) -> None:
    path = f"/{server.token}/panel_a.html"
    assert server.address_of("panel_a").endswith(path)
    assert ask(server, "GET", path) == (200, f"page of panel_a, saved at /{server.token}/panel_a")
    for other in ("/panel_a.html", f"/{server.token[:-1]}/panel_a.html", "/", "//", "*"):
        status, text = ask(server, "GET", other)
        assert (status, "lacks the token" in text) == (403, True)
    for other in ("panel_b.html", "panel_a", "../panel_a.html", ""):
        assert ask(server, "GET", f"/{server.token}/{other}")[0] == 404


def test_another_name_of_the_host_is_refused(server: ReviewServer, sheet: Path) -> None:
    """A page of another site whose name was bound to the loopback address."""
    path = f"/{server.token}/panel_a.html"
    assert ask(server, "GET", path, Host=f"localhost:{server.server_port}")[0] == 200
    for host in ("evil.example", f"evil.example:{server.server_port}", ADDRESS, ""):
        assert ask(server, "GET", path, Host=host)[0] == 403
    assert post(server, [ROW], Host="evil.example")[0] == 403
    assert not sheet.exists()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
def test_another_site_writes_nothing(server: ReviewServer, sheet: Path, origin: str) -> None:
    assert post(server, [ROW], Origin=origin)[0] == 403
    assert not sheet.exists()


def test_a_form_of_another_site_writes_nothing(server: ReviewServer, sheet: Path) -> None:
    assert post(server, [ROW], Content_Type="text/plain")[0] == 415
    assert not sheet.exists()


def test_what_is_no_list_of_reviews_is_refused(server: ReviewServer, sheet: Path) -> None:
    for rows in ({"panel": "panel_a"}, ["row"], [{"panel": 3}], None):
        assert post(server, rows)[0] == 400
    assert post(server, [ROW], Content_Length="99999999999")[0] == 413
    assert not sheet.exists()


def test_reviews_are_saved_and_other_panels_kept(server: ReviewServer, sheet: Path) -> None:
    replace_panel(sheet, "panel_b", [{**ROW, "panel": "panel_b"}])
    assert post(server, [ROW, {**ROW, "gate": "inkt"}]) == (200, "saved")
    assert [(row["panel"], row["gate"]) for row in list_reviews(sheet)] == [
        ("panel_a", "inkt"), ("panel_a", "mait"), ("panel_b", "mait"),
    ]  # fmt: skip
    assert post(server, []) == (200, "saved")
    assert [row["panel"] for row in list_reviews(sheet)] == ["panel_b"]


def test_a_faulty_review_leaves_the_sheet_as_it_was(server: ReviewServer, sheet: Path) -> None:
    post(server, [ROW])
    before = sheet.read_bytes()
    status, said = post(server, [{**ROW, "decision": "correct"}])
    assert status == 409
    assert "is corrected without a place" in said
    assert str(sheet.parent) not in said
    status, said = post(server, [{**ROW, "panel": "panel_b"}])
    assert "not of panel 'panel_a'" in said
    assert sheet.read_bytes() == before
    assert list(sheet.parent.iterdir()) == [sheet]


def test_the_sheet_is_the_same_in_whatever_order_it_was_decided(tmp_path: Path) -> None:
    rows = [{**ROW, "tube": tube, "comment": "two\nlines\tand a tab"} for tube in ("T2", "T1")]
    assert to_text(rows) == to_text(reversed(rows))
    assert "two lines and a tab" in to_text(rows)
    with pytest.raises(ItcError):
        replace_panel(tmp_path / "review.tsv", "panel_b", rows)
    assert list(tmp_path.iterdir()) == []

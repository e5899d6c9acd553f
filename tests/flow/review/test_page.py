"""The page in a browser, from disk and without network: keys, pointer, numbers, and the sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from flow.review.made_gates import a_review, make_tables, show
from itc_analysis.cohort.sheets.review import list_reviews, parse_place
from itc_analysis.flow.review.page import build_page
from itc_analysis.flow.review.shown import Tables
from itc_analysis.statistics.binomial import count_limits


@pytest.fixture(scope="module")
def tables() -> Tables:
    return make_tables()


@pytest.fixture
def opened(browser: Browser, tables: Tables, tmp_path: Path) -> Iterator[Page]:
    """Return the page as it opens, with the initials written."""
    yield from open_page(browser, tmp_path, tables)


def open_page(
    browser: Browser, folder: Path, tables: Tables, *reviews: dict, width: int = 1440
) -> Iterator[Page]:
    path = folder / "made.html"
    text = build_page(show(tables, *reviews), sheet="config/gating/review.tsv", note="SIMULATED")
    path.write_text(text, encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url)
            if not request.url.startswith(("file:", "blob:", "data:")) else None)  # fmt: skip
    page.goto(path.as_uri())
    expect(page.locator("#name")).not_to_be_empty()
    page.fill("#reviewer", "AB")
    page.focus("#plot")
    yield page
    assert said == []
    context.close()


def go_to(page: Page, tube: str, gate: str) -> None:
    page.evaluate("(at) => { location.hash = at; }", f"{tube}/{gate}")
    # not wait_for_function: the page lets nobody evaluate text
    expect(page.locator("#name")).to_have_text(f"{gate} in {tube}")
    expect(page.locator("#n-now")).not_to_be_empty()


def settled(page: Page) -> None:
    """Wait until what was drawn last is there."""
    page.evaluate("() => new Promise((done) => setTimeout(done, 60))")


def saved(page: Page, folder: Path) -> list[dict]:
    with page.expect_download() as download:
        page.keyboard.press("s")
    assert download.value.suggested_filename == "review.tsv"
    path = folder / "review.tsv"
    download.value.save_as(path)
    return list_reviews(path)


def number(text: str | None) -> int:
    return int(str(text).split(" (")[0].replace(",", ""))


def test_the_keyboard_alone_is_enough(opened: Page, tmp_path: Path, tables: Tables) -> None:
    first = opened.text_content("#name")
    opened.keyboard.press("a")
    settled(opened)
    assert opened.text_content("#name") != first  # goes on by itself
    opened.keyboard.press("m")
    opened.keyboard.type("a\tdoubtful one, n a f")
    opened.keyboard.press("Escape")
    opened.keyboard.press("f")
    settled(opened)
    opened.keyboard.press("c")
    assert "Move the gate first" in str(opened.text_content("#live"))
    opened.keyboard.press("Shift+ArrowRight")
    opened.keyboard.press("ArrowLeft")
    settled(opened)
    place = float(str(opened.text_content("#place-now")))
    opened.keyboard.press("c")
    settled(opened)
    assert "3 of 10 gates reviewed" in str(opened.text_content("#progress"))
    rows = {row["decision"]: row for row in saved(opened, tmp_path)}
    assert rows["flag"]["comment"] in ("a doubtful one, n a f", "adoubtful one, n a f")
    ((cut,),) = parse_place(rows["correct"]["place"])
    assert cut == pytest.approx(place, abs=1e-4)
    assert cut * 512 == int(cut * 512)
    digests = tables.gates.set_index(["file_id", "population"])["digest"]
    for row in rows.values():
        assert row["gate_digest"] == digests[(row["tube"], row["gate"])]
        assert row["reviewer"] == "AB"


def test_numbers_follow_the_cut(opened: Page, tables: Tables) -> None:
    go_to(opened, "A", "inkt")
    before = number(opened.text_content("#n-now"))
    counts = tables.counts.set_index(["source_id", "population"]).loc[("A", "inkt")]
    assert before == counts["n_events"] == number(opened.text_content("#n-was"))
    opened.focus("#plot")
    seen = [before]
    for _ in range(12):
        opened.keyboard.press("Shift+ArrowLeft")
        settled(opened)
        seen.append(number(opened.text_content("#n-now")))
    assert seen == sorted(seen)
    assert seen[-1] > before
    assert " to " not in str(opened.text_content("#n-now"))  # the count of a cut is exact
    lower, upper = count_limits(seen[-1], int(counts["n_parent"]))
    shown = str(opened.text_content("#limits-now")).replace(" %", "").split(" to ")
    wanted = [100 * limit / counts["n_parent"] for limit in (lower, upper)]
    assert [float(text) for text in shown] == pytest.approx(wanted, rel=5e-3)
    slider = opened.get_attribute("#plot", "aria-valuetext")
    assert f"{seen[-1]:,} events inside" in str(slider)
    opened.keyboard.press("r")
    settled(opened)
    assert number(opened.text_content("#n-now")) == before


def test_a_cut_is_dragged(opened: Page) -> None:
    go_to(opened, "B", "inkt")
    before = number(opened.text_content("#n-now"))
    box = opened.locator("#marks .hit").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    opened.mouse.move(x, y)
    opened.mouse.down()
    opened.mouse.move(x - 150, y, steps=5)
    opened.mouse.up()
    settled(opened)
    assert number(opened.text_content("#n-now")) > before
    assert "not recorded" in str(opened.text_content("#decision"))


def test_gates_are_filtered(opened: Page) -> None:
    opened.select_option("#by-gate", "inkt")
    assert "of 5, the worst" in str(opened.text_content("#progress"))
    opened.select_option("#by-batch", "b2")
    assert "of 2, the worst" in str(opened.text_content("#progress"))
    opened.select_option("#by-batch", "")
    opened.select_option("#by-person", "PC")
    settled(opened)
    assert opened.text_content("#name") == "inkt in C"
    opened.focus("#plot")
    opened.keyboard.press("a")
    opened.select_option("#by-review", "open")
    assert "Shown: 0 of 0" in str(opened.text_content("#progress"))
    opened.keyboard.press("n")  # nothing to go to


def test_many_are_accepted_at_once(opened: Page, tmp_path: Path) -> None:
    opened.keyboard.press("f")
    opened.keyboard.press("p")
    opened.keyboard.press("g")
    expect(opened.locator("#tiles canvas")).to_have_count(10)
    opened.keyboard.press("Shift+A")
    settled(opened)
    assert "10 of 10 gates reviewed" in str(opened.text_content("#progress"))
    decided = sorted(row["decision"] for row in saved(opened, tmp_path))
    assert decided == ["accept"] * 9 + ["flag"]


def test_nobody_decides_without_a_name(opened: Page, tmp_path: Path) -> None:
    opened.fill("#reviewer", "")
    opened.focus("#plot")
    opened.keyboard.press("a")
    assert "Write your initials first" in str(opened.text_content("#live"))
    assert opened.evaluate("document.activeElement.id") == "reviewer"
    assert "0 of 10" in str(opened.text_content("#progress"))


def test_earlier_reviews_are_shown_and_kept(
    browser: Browser, tables: Tables, tmp_path: Path
) -> None:
    reviews = [
        a_review(tables, "A", "inkt", "correct", place="0.5", comment="as drawn <b>"),
        a_review(tables, "B", "inkt", "accept", gate_digest="g0", reviewer="CD"),
        {**a_review(tables, "A", "inkt", "flag"), "panel": "other"},
    ]
    for page in open_page(browser, tmp_path, tables, *reviews):
        assert page.text_content("#name") == "inkt in B"
        assert page.text_content("#decision") == "changed since CD reviewed it"
        assert "1 changed since their review" in str(page.text_content("#progress"))
        go_to(page, "A", "inkt")
        assert page.text_content("#decision") == "corrected by AB"
        assert float(str(page.text_content("#place-now"))) == 0.5
        assert page.input_value("#comment") == "as drawn <b>"
        page.focus("#plot")
        kept = saved(page, tmp_path)
        told = ("panel", "tube", "decision", "gate_digest")
        assert [tuple(row[name] for name in told) for row in kept] == [
            ("made", "A", "correct", reviews[0]["gate_digest"]), ("made", "B", "accept", "g0"),
            ("other", "A", "flag", reviews[2]["gate_digest"]),
        ]  # fmt: skip
        page.keyboard.press("u")
        go_to(page, "B", "inkt")
        page.focus("#plot")
        page.keyboard.press("a")
        kept = saved(page, tmp_path)
        assert [(row["panel"], row["tube"]) for row in kept] == [("made", "B"), ("other", "A")]
        assert kept[0]["gate_digest"] != "g0"


@pytest.mark.parametrize("width", [1440, 390])
def test_it_is_accessible(browser: Browser, tables: Tables, tmp_path: Path, width: int) -> None:
    for page in open_page(browser, tmp_path, tables, width=width):
        for prepare in ("", "?", "g"):
            if prepare:
                page.keyboard.press(prepare)
                settled(page)
            found = Axe().run(page).response["violations"]
            bad = [v["id"] for v in found if v["impact"] in ("moderate", "serious", "critical")]
            assert bad == []
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_the_page_may_run_its_own_script_only(
    browser: Browser, tables: Tables, tmp_path: Path
) -> None:
    """What a comment or a name might smuggle in does not run, and nothing leaves the page."""
    path = tmp_path / "made.html"
    path.write_text(build_page(show(tables), sheet="review.tsv"), encoding="utf-8")
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    ran = page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.smuggled = true";
          document.body.append(script);
          let sent = false;
          try { await fetch("http://127.0.0.1:9/"); sent = true; } catch {}
          return [Boolean(window.smuggled), sent];
        }"""
    )
    page.close()
    assert ran == [False, False]
    refused = [text for text in said if "Content Security Policy" in text]
    assert any("script-src" in text for text in refused)
    assert any("connect-src" in text for text in refused)


def test_names_of_a_study_are_no_code(tables: Tables) -> None:
    evil = {
        **a_review(tables, "A", "inkt", "flag"),
        "comment": "</script><script>alert(1)</script>",
    }
    page = build_page(show(tables, evil), sheet="review.tsv", note="<b>")
    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page
    assert build_page(show(tables, evil), sheet="review.tsv", note="<b>") == page

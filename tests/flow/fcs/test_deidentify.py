"""No identity in the bytes of a copy; the same events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from itc_analysis.cli import main
from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.deidentify import contains, deidentify, identifying_keywords
from itc_analysis.flow.fcs.read import locate_events, read_fcs
from itc_analysis.flow.spillover.compensation import find_spillover

IDENTITIES = ["Dupont", "Élodie", "00123456789", "13-MAR-2008", "CAD76_2008may22"]
PERSONAL = {
    "$SRC": "DUPONT Élodie", "$SMNO": "00123456789", "$OP": "Dupont", "$EXP": (
        "CAD76_2008may22_Treg"
    ),
    "$DATE": "13-MAR-2008", "$BTIM": "17:55:05", "EXPERIMENT NAME": "CAD76_2008may22_Treg",
    "EXPORT USER NAME": "dupont", "PATIENT ID": "00123456789", "$COM": "call Mme Dupont",
    "@SAMPLEID1": "Dupont", "$CYTSN": "SN4711", "$CYT": "LSRFortessa", "$FIL": "dupont_elodie.fcs",
}  # fmt: skip


@pytest.fixture
def personal(build_fcs: Callable[..., Path]) -> Path:
    """Return a file with identities in TEXT, after the data, and in an ANALYSIS segment."""
    events = np.random.default_rng(3).normal(500, 100, (200, 3)).astype("<f4")
    keywords = {
        "$PAR": "3", "$TOT": "200", "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$NEXTDATA": "0",
        "$SPILLOVER": "2,B-A,C-A,1,0.1,0.2,1", "$TIMESTEP": "0.01",
    }  # fmt: skip
    for i, name in enumerate(("Time", "B-A", "C-A"), start=1):
        keywords |= {f"$P{i}N": name, f"$P{i}B": "32", f"$P{i}R": "262144", f"$P{i}E": "0,0"}
    keywords["$P2S"] = "CD3"
    path = build_fcs(keywords | PERSONAL, events.tobytes(), delimiter="|")
    with path.open("ab") as stream:
        stream.write(b"|$RESULT|Dupont Elodie|" + "Élodie".encode("utf-16-le"))
    return path


def data_bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        layout = locate_events(stream, path.name)
        stream.seek(layout.begin)
        return stream.read(layout.n_bytes)


def test_no_identity_is_left_in_the_bytes_and_the_events_are_the_same(
    personal: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "t001.fcs"
    left = deidentify(personal, copy, code="t001", sample_code="s001", identities=IDENTITIES)
    raw = copy.read_bytes().lower()
    for identity in IDENTITIES:
        for encoding in ("utf-8", "latin-1", "utf-16-le"):
            assert identity.lower().encode(encoding) not in raw
    assert data_bytes(copy) == data_bytes(personal)
    assert {"SRC", "OP", "EXP", "DATE", "PATIENT ID", "EXPORT USER NAME", "@SAMPLEID1"} <= set(left)

    before, after = read_fcs(personal), read_fcs(copy)
    np.testing.assert_array_equal(before.events, after.events)
    assert (after.channel_names, after.channel_labels) == (
        before.channel_names,
        before.channel_labels,
    )
    matrices = [find_spillover(file)[1] for file in (before, after)]
    assert matrices[0] is not None
    assert matrices[1] is not None
    np.testing.assert_array_equal(matrices[0].matrix, matrices[1].matrix)
    assert after.keywords["FIL"] == "t001"
    assert after.keywords["SMNO"] == "s001"
    assert after.keywords["CYTSN"] == "cytometer-1"  # which one, but not its serial number
    assert "SN4711" not in after.keywords.values()
    assert identifying_keywords(after.keywords) == ["FIL", "SMNO"]  # study codes


def test_the_file_ends_with_its_events(personal: Path, tmp_path: Path) -> None:
    copy = tmp_path / "t001.fcs"
    deidentify(personal, copy, code="t001")
    assert copy.read_bytes().endswith(data_bytes(personal))


def test_an_identity_in_a_label_is_refused_and_leaves_no_copy(
    build_fcs: Callable[..., Path], tmp_path: Path
) -> None:
    keywords = {
        "$PAR": "1", "$TOT": "2", "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$P1N": "B-A",
        "$P1S": "CD3 Dupont", "$P1B": "32", "$P1R": "1024", "$P1E": "0,0",
    }  # fmt: skip
    path = build_fcs(keywords, np.array([1, 2], "<f4").tobytes())
    with pytest.raises(ItcError, match=r"\$P1S, the value holds an entry") as caught:
        deidentify(path, tmp_path / "t.fcs", code="t", identities=["dupont"])
    assert "upont" not in str(caught.value)
    assert not list(tmp_path.glob("t.fcs*"))


def test_a_text_is_found_across_pieces_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"\0" * ((1 << 20) - 3) + b"dUpOnT" + b"\0" * 100)
    assert contains(path, "Dupont")
    assert not contains(path, "Dupond")


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite bytes of header and TEXT, cut the file, double it, or break an offset."""
    kind = rng.integers(5)
    place = int(rng.integers(0, 1500))
    if kind == 0:
        return content[:place] + rng.bytes(int(rng.integers(1, 9))) + content[place + 8 :]
    if kind == 1:
        return content[: int(rng.integers(0, len(content)))]
    if kind == 2:  # another data set behind the first, as $NEXTDATA allows
        return content + content
    if kind == 3:
        begin = 10 + 8 * int(rng.integers(0, 6))
        return content[:begin] + f"{int(rng.integers(0, 9_000)):8d}".encode() + content[begin + 8 :]
    return content.replace(b"|", b"\x00" if rng.random() < 0.5 else b"/", int(rng.integers(1, 40)))


@pytest.mark.parametrize("seed", range(60))
def test_an_odd_file_is_refused_or_its_copy_holds_no_identity(
    personal: Path, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    content = personal.read_bytes()
    for _ in range(int(rng.integers(1, 4))):
        content = damaged(content, rng)
    odd, copy = tmp_path / "odd.fcs", tmp_path / "copies" / "t001.fcs"
    odd.write_bytes(content)
    copy.parent.mkdir()
    try:
        deidentify(odd, copy, code="t001", sample_code="s001", identities=IDENTITIES)
    except ItcError:
        assert list(copy.parent.iterdir()) == []
        return
    for identity in IDENTITIES:
        assert not contains(copy, identity), identity


def test_the_damage_leaves_some_files_that_are_copied_and_some_that_are_refused(
    personal: Path, tmp_path: Path
) -> None:
    """Otherwise the test above would prove nothing."""
    ends = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        content = personal.read_bytes()
        for _ in range(int(rng.integers(1, 4))):
            content = damaged(content, rng)
        (tmp_path / "odd.fcs").write_bytes(content)
        try:
            deidentify(tmp_path / "odd.fcs", tmp_path / "t.fcs", code="t")
            ends.add("copied")
        except ItcError:
            ends.add("refused")
    assert ends == {"copied", "refused"}


def test_the_command_copies_a_sheet_and_says_what_stayed(
    personal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet, identities = tmp_path / "tubes.tsv", tmp_path / "identities.txt"
    sheet.write_text(f"path\tfile_id\tsample_id\n{personal.name}\tt001\ts001\n", encoding="utf-8")
    identities.write_text("\n".join(IDENTITIES), encoding="utf-8")
    arguments = ["deidentify", "--tubes", str(sheet), "--data-folder", str(personal.parent)]
    arguments += ["--identities", str(identities), "--output-folder", str(tmp_path / "clean")]
    assert main(arguments) == 0
    assert [p.name for p in (tmp_path / "clean").iterdir()] == ["t001.fcs"]
    shown = capsys.readouterr().out
    assert "left behind in 1: PATIENT ID" in shown
    assert "upont" not in shown


@pytest.mark.real_data
def test_every_real_file_that_can_be_read_keeps_its_events(real_data: Path, tmp_path: Path) -> None:
    n_copied = 0
    for path in sorted((real_data / "flow").rglob("*")):
        if path.suffix not in (".fcs", ".B08", ".lmd", ".001") or not path.is_file():
            continue
        copy = tmp_path / "copy.fcs"
        try:
            deidentify(path, copy, code="c")
        except ItcError:
            continue  # not readable in the first place
        n_copied += 1
        assert data_bytes(copy) == data_bytes(path)
        np.testing.assert_array_equal(read_fcs(copy).events, read_fcs(path).events)
    assert n_copied >= 40

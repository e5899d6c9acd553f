from __future__ import annotations

import flowio
import numpy as np
import pytest

import itc_analysis as itc


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return itc.example_fcs(tmp_path_factory.mktemp("fcs"), n_events=1500, seed=4)


def test_events_are_those_that_flowio_reads(path):
    tube = itc.read_fcs(path)
    other = flowio.FlowData(str(path))
    expected = np.reshape(other.events, (-1, other.channel_count))
    # flowio leaves Time in ticks, as it stands in the file
    is_time = [name == "Time" for name in tube.channels["channel"]]
    np.testing.assert_array_equal(
        tube.events.to_numpy()[:, ~np.array(is_time)], expected[:, ~np.array(is_time)]
    )
    assert tube.n_events == len(tube) == other.event_count
    assert tube.keywords["CYT"] == "simulated cytometer"


def test_a_channel_is_found_by_its_name_and_by_its_label(path):
    tube = itc.read_fcs(path)
    np.testing.assert_array_equal(tube.values("CD3"), tube.values("BUV395-A"))
    with pytest.raises(KeyError, match="did you mean 'CD3'"):
        tube.values("cd3")


def test_spillover_has_the_names_of_the_channels(path):
    spillover = itc.read_fcs(path).spillover
    assert spillover is not None
    assert np.diag(spillover).tolist() == [1.0] * len(spillover)
    assert spillover.loc["BV605-A", "BV650-A"] == pytest.approx(0.15)


def test_it_shows_itself_briefly(path):
    tube = itc.read_fcs(path)
    assert repr(tube) == "<FcsTube 'donor_4': 1,500 events x 21 channels>"
    shown = tube._repr_html_()
    assert "BUV395-A" in shown
    assert "and 9 more channels" in shown


def test_events_say_where_they_come_from(path):
    made = itc.read_fcs(path).events.attrs["itc_analysis"]
    assert list(made["inputs"]) == ["donor_4.fcs"]


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(path, tmp_path):
    again = itc.example_fcs(tmp_path, n_events=1500, seed=4)
    assert again.read_bytes() == path.read_bytes()
    assert itc.example_fcs(tmp_path, n_events=1500, seed=5).read_bytes() != path.read_bytes()


def test_an_fmo_tube_lacks_its_antibody(tmp_path, path):
    without = itc.read_fcs(itc.example_fcs(tmp_path, n_events=1500, seed=4, left_out="CD3"))
    assert without.name == "donor_4_without_CD3"
    stained = itc.read_fcs(path)
    assert np.quantile(without.values("CD3"), 0.9) < np.quantile(stained.values("CD3"), 0.5)


def test_a_file_that_is_none_says_so(tmp_path):
    (tmp_path / "text.fcs").write_text("not a cytometer's", encoding="utf-8")
    with pytest.raises(itc.ItcError, match=r"text\.fcs"):
        itc.read_fcs(tmp_path / "text.fcs")

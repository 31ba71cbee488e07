import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from jaxneuro.plotting import _activity_animation as module
from jaxneuro.plotting import activity_animation
from jaxneuro.plotting._palette import BLUE, GREEN, VERMILION

PLACES = np.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
SPIKES = [np.array([2.0]), np.array([3.5]), np.array([])]
TYPES = np.asarray([False, True, False])


def area(frame, colour):
    """How many pixels of a frame have about this colour, without the legend below."""
    image = np.asarray(frame.convert("RGB"), float)[: int(0.9 * frame.height)]
    return int((np.abs(image - 255.0 * np.asarray(to_rgb(colour))).max(-1) < 12.0).sum())


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "new" / "film.gif"
    stimulated = [np.array([]), np.array([]), np.array([1.0])]
    options = {"is_inhibitory": TYPES, "stimulated": stimulated, "title": "three"}
    assert activity_animation(path, PLACES, SPIKES, (0.0, 5.0), **options) == path
    found = []
    with Image.open(path) as film:
        assert film.info["duration"] == 50
        for index in range(film.n_frames):
            film.seek(index)
            found.append(film.convert("RGB"))
    return found


@pytest.mark.parametrize(
    ("colour", "at"), [(VERMILION, 1), (BLUE, 3), (GREEN, 0)], ids=["exc", "inh", "stimulated"]
)
def test_neurons_light_up_in_the_frame_of_their_spike_in_the_colour_of_their_type(
    colour, at, frames
):
    areas = [area(frame, colour) for frame in frames]
    assert len(areas) == 5
    assert areas[at] > 20
    # The others are pale, or fade.
    assert max(areas[:at] + areas[at + 1 :]) < 0.1 * areas[at]


def test_what_is_left_of_a_spike_fades():
    glow = module._glow(np.array([[0], [2], [0], [0], [1]]))
    np.testing.assert_allclose(glow[:, 0], [0.0, 1.0, 0.6, 0.36, 1.0])


def test_frames_cover_the_window():
    np.testing.assert_allclose(module._edges((10.0, 20.0), None), np.arange(10.0, 21.0))
    assert len(module._edges((0.0, 3000.0), None)) == module.MOST_FRAMES + 1
    np.testing.assert_allclose(module._edges((0.0, 1.0), 0.25), [0, 0.25, 0.5, 0.75, 1.0])


def test_films_need_a_known_suffix_and_ffmpeg(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"'film\.avi' is neither a \.gif nor an \.mp4"):
        activity_animation(tmp_path / "film.avi", PLACES, SPIKES, (0.0, 2.0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"writing film\.mp4 needs the program ffmpeg"):
        activity_animation(tmp_path / "film.mp4", PLACES, SPIKES, (0.0, 2.0))
    assert not list(tmp_path.iterdir())


def test_misuse_is_named(tmp_path):
    path = tmp_path / "film.gif"
    with pytest.raises(ValueError, match=r"positions have shape \(3,\); pass x and y"):
        activity_animation(path, PLACES[:, 0], SPIKES, (0.0, 2.0))
    with pytest.raises(ValueError, match="spikes is of 2 neurons, but there are positions of 3"):
        activity_animation(path, PLACES, SPIKES[:2], (0.0, 2.0))
    with pytest.raises(ValueError, match="is_inhibitory is of 2 neurons"):
        activity_animation(path, PLACES, SPIKES, (0.0, 2.0), is_inhibitory=TYPES[:2])
    with pytest.raises(ValueError, match=r"window from 2\.0 to 1\.0 ms has no frames"):
        activity_animation(path, PLACES, SPIKES, (2.0, 1.0))

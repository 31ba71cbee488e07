"""The page of a report: what stands in it, and that it needs nothing else."""

import base64
import io
from html.parser import HTMLParser

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from jaxneuro.cli._html import Picture, Table, write_page

NASTY = "<script>alert('&')</script> \" '"
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tags with their attributes, the text of each tag, and whether all are closed in order."""

    def __init__(self, text):
        HTMLParser.__init__(self)
        self.open, self.tags, self.texts = [], [], {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def attributes(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def write(tmp_path):
    def write(sections, title="Fit"):
        path = tmp_path / "fit.html"
        write_page(path, title, sections)
        return Page(path.read_text(encoding="utf-8"))

    return write


def test_sections_have_headings_links_and_text(write):
    page = write({"Errors": ["one", "two"], "Sweeps": []}, title="AdEx")
    assert page.texts["h1"] == page.texts["title"] == ["AdEx"]
    assert page.texts["h2"] == page.texts["a"] == ["Errors", "Sweeps"]
    assert page.texts["p"] == ["one", "two"]
    sections = [f"#{section['id']}" for section in page.attributes("section")]
    assert sections == [link["href"] for link in page.attributes("a")]
    assert not write({"Errors": []}).attributes("nav")


def test_cells_are_formatted_and_numbers_stand_to_the_right(write):
    rows = [
        ["count", 3, np.float32(0.1), None, True],
        ["rate", np.int64(123456), float("nan"), jnp.asarray(1.23456789), False],
        ["name", -2, 1e-7, float("-inf"), "±"],
    ]
    page = write({"": [Table(["what", "a", "b", "c", "d"], rows, "Errors")]})
    assert page.texts["caption"] == ["Errors"]
    assert page.texts["th"] == ["what", "a", "b", "c", "d", "count", "rate", "name"]
    assert page.texts["td"] == [
        *("3", "0.1", "–", "yes"),
        *("123456", "–", "1.235", "no"),
        *("-2", "1e-07", "–", "±"),
    ]
    to_the_right = [cell.get("class") == "number" for cell in page.attributes("td")]
    assert to_the_right == [True, True, True, False] * 3
    heads = [cell.get("class") == "number" for cell in page.attributes("th")]
    assert heads == [False, True, True, True, False, False, False, False]
    assert page.attributes("div") == [
        {"class": "table", "role": "region", "tabindex": "0", "aria-label": "Errors"}
    ]
    assert not write({"": [Table(["a"], [])]}).attributes("td")


def test_figures_are_within_the_page(write, tmp_path):
    figure = Figure(figsize=(4.0, 2.0))
    figure.subplots().plot([0, 1], [1, 0])
    file = tmp_path / "raster.png"
    figure.savefig(file, dpi=120)
    page = write({"A": [Picture(figure, "a line", "Falls."), Picture(file, "the same")]})
    first, second = page.attributes("img")
    assert (first["alt"], second["alt"]) == ("a line", "the same")
    assert page.texts["figcaption"] == ["Falls."]
    for image in (first, second):
        # At their size on paper: 4 by 2 inches of 96 pixels.
        assert (image["width"], image["height"]) == ("384", "192")
        kind, data = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert imread(io.BytesIO(base64.b64decode(data))).shape == (240, 480, 4)
    assert base64.b64decode(second["src"].split(",")[1]) == file.read_bytes()


def test_everything_is_escaped_and_nothing_is_loaded(write):
    figure = Figure(figsize=(1.0, 1.0))
    parts = [NASTY, Table([NASTY], [[NASTY]], NASTY), Picture(figure, NASTY, NASTY)]
    page = write({NASTY: parts, "other": []}, title=NASTY)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object"}
    for tag in ("title", "h1", "p", "caption", "figcaption"):
        assert page.texts[tag] == [NASTY]
    assert page.texts["th"] == [NASTY, NASTY]
    assert page.texts["h2"][0] == page.texts["a"][0] == NASTY
    assert page.attributes("img")[0]["alt"] == NASTY
    assert page.attributes("div")[0]["aria-label"] == NASTY
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:"))
    (style,) = page.texts["style"]
    assert "url(" not in style
    assert "@import" not in style


def test_a_page_takes_the_place_of_another_and_leaves_no_other_file(write, tmp_path):
    write({"A": ["old"]})
    assert write({"A": ["new"]}).texts["p"] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["fit.html"]


def test_misuse_is_named(write, tmp_path):
    with pytest.raises(ValueError, match="table 'errors': row 2 has 1 cells, but the header has 2"):
        write({"": [Table(["a", "b"], [[1, 2], [3]], "errors")]})
    with pytest.raises(ValueError, match="picture 'raster': it has no alternative text"):
        write({"": [Picture(Figure(), " ", "raster")]})
    other = tmp_path / "trace.csv"
    other.write_text("1,2")
    with pytest.raises(ValueError, match=r"trace\.csv is no PNG file"):
        write({"": [Picture(other, "a trace")]})

"""A report as one HTML page that needs no other file, no network and no script."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._run_folder import write_atomically

if TYPE_CHECKING:
    import matplotlib.figure

DPI = 120
PIXELS_AN_INCH = 96  # in CSS, whatever the screen has
PNG = b"\x89PNG\r\n\x1a\n"
STYLE = """
:root { color-scheme: light; }
body { margin: 2rem auto; padding: 0 1.2rem; max-width: 80rem; color: #222; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { margin-top: 2.4rem; padding-top: 0.6rem; border-top: 1px solid #ddd; font-size: 1.25rem; }
p { max-width: 48rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; padding: 0; list-style: none; }
a { color: #0072b2; }
.table { margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: 0.4rem; color: #555; text-align: left; }
th, td { padding: 0.25rem 0.8rem; border-bottom: 1px solid #e4e4e4; text-align: left;
  white-space: nowrap; }
thead th { border-bottom: 2px solid #888; }
tbody th { font-weight: 600; }
.number { text-align: right; }
figure { margin: 1rem 0; }
figcaption { max-width: 48rem; color: #555; font-size: 0.9rem; }
img { max-width: 100%; height: auto; }
@media print {
  body { margin: 0; padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  figure img { max-height: 24cm; width: auto; }
  .table { overflow: visible; }
  th, td { padding: 0.15rem 0.4rem; white-space: normal; }
}
"""


class Table(NamedTuple):
    """Rows of numbers and text under a header; the first column names the rows.

    **Attributes:**

    - `header`: a heading for each column.
    - `rows`: cells of text, numbers or flags; None and what is not finite are shown as a dash.
    - `caption`: what the table shows.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


class Picture(NamedTuple):
    """A figure within a page.

    **Attributes:**

    - `source`: a matplotlib figure, or the path of a PNG file, which is copied into the page.
    - `alt`: what is to be seen, for those who cannot see it.
    - `caption`: text below.
    """

    source: "matplotlib.figure.Figure | Path"
    alt: str
    caption: str = ""


Part = str | Table | Picture


def write_page(path: Path, title: str, sections: Mapping[str, Sequence[Part]]) -> None:
    """Writes a page of sections, each with a heading and its parts; a text is a paragraph.

    **Arguments:**

    - `path`: of the file; a reader sees the old or the new page, never half.
    - `title`: heading of the page.
    - `sections`: parts by heading, in their order.

    **Raises:** `ValueError` for a row that does not fit its header, a picture without an
    alternative text, and a file that is no PNG.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder, "fit.html")
    ...     write_page(page, "Fit", {"Errors": [Table(["sweep", "mV"], [["0 pA", 1.25]])]})
    ...     "<td class='number'>1.25</td>" in page.read_text(encoding="utf-8")
    True
    """
    links = "".join(
        f"<li><a href='#section-{number}'>{escape(heading)}</a></li>\n"
        for number, heading in enumerate(sections, 1)
    )
    contents = f"<nav aria-label='Sections'><ul>\n{links}</ul></nav>\n" if len(sections) > 1 else ""
    body = "".join(
        f"<section id='section-{number}'>\n<h2>{escape(heading)}</h2>\n"
        + "".join(_part(part) for part in parts)
        + "</section>\n"
        for number, (heading, parts) in enumerate(sections.items(), 1)
    )
    page = (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{contents}<main>\n{body}</main>\n</body>\n</html>\n"
    )
    write_atomically(path, page)


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    return _picture(part) if isinstance(part, Picture) else f"<p>{escape(part)}</p>\n"


def _table(table: Table) -> str:
    for number, row in enumerate(table.rows, 1):
        if len(row) != len(table.header):
            raise ValueError(
                f"table '{table.caption}': row {number} has {len(row)} cells, but the header has "
                f"{len(table.header)}. Pass a cell for each heading, None where there is nothing."
            )
    # Scalars of numpy and jax become Python's; all else stays.
    rows = [[np.asarray(cell).item() for cell in row] for row in table.rows]
    # A column with a number in it stands to the right, its heading and its dashes as well.
    kinds = [
        " class='number'" if any(_is_number(row[column]) for row in rows) else ""
        for column in range(len(table.header))
    ]
    head = "".join(
        f"<th scope='col'{kind}>{escape(name)}</th>"
        for name, kind in zip(table.header, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>\n" for row in rows)
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    # What scrolls has to be reached by the keyboard.
    name = escape(table.caption or "table")
    return (
        f"<div class='table' role='region' tabindex='0' aria-label='{name}'>\n<table>\n{caption}"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def _cells(row: Sequence[Any], kinds: Sequence[str]) -> str:
    first, *others = zip(row, kinds, strict=True)
    cells = [f"<th scope='row'{first[1]}>{_format(first[0])}</th>"]
    return "".join(cells + [f"<td{kind}>{_format(cell)}</td>" for cell, kind in others])


def _is_number(cell: Any) -> bool:
    return isinstance(cell, (int, float)) and not isinstance(cell, bool)


def _format(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.4g}" if isinstance(cell, float) else escape(str(cell))


def _picture(picture: Picture) -> str:
    if not picture.alt.strip():
        raise ValueError(
            f"picture '{picture.caption}': it has no alternative text. Say in `alt` what is to be "
            "seen."
        )
    content = _read_png(picture.source)
    # The first chunk of a PNG begins with its width and height.
    width, height = (
        round(int.from_bytes(content[start : start + 4]) * PIXELS_AN_INCH / DPI)
        for start in (16, 20)
    )
    data = base64.b64encode(content).decode("ascii")
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>\n" if picture.caption else ""
    return (
        f"<figure>\n<img src='data:image/png;base64,{data}' alt='{escape(picture.alt)}' "
        f"width='{width}' height='{height}'>\n{caption}</figure>\n"
    )


def _read_png(source: "matplotlib.figure.Figure | Path") -> bytes:
    if isinstance(source, Path):
        content = source.read_bytes()
    else:
        buffer = io.BytesIO()
        source.savefig(buffer, format="png", dpi=DPI)
        content = buffer.getvalue()
    if not content.startswith(PNG):
        raise ValueError(f"{source} is no PNG file. Pass one, or a matplotlib figure.")
    return content

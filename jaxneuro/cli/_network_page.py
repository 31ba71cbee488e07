"""The report of a simulated network as one HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._html import Part, Picture, Table, write_page
from ._network_build import Built
from ._network_figures import Drawn

MEASURES = {
    "size": "neurons",
    "rate_hz": "rate (Hz)",
    "isi_cv": "CV of intervals",
    "silent_fraction": "part that is silent",
}


def write_network_page(
    folder: Path,
    built: Built,
    summary: Mapping[str, Any],
    drawn: Sequence[Drawn],
    film: Path | None,
) -> None:
    """Writes `network.html` into the folder of a run, with the figures of the run in it."""
    sections: dict[str, list[Part]] = {
        "Statistics": [_about(summary), _statistics(summary), *_warnings(summary)],
        "Connections": [_synapses(built)] if built.joined else ["There are none."],
    }
    for one in drawn:
        picture = Picture(folder / "figures" / f"{one.name}.png", one.alt, one.caption)
        sections.setdefault(one.heading, []).append(picture)
    if film is not None:
        sections["Film"] = [f"The activity as a film is in {film.relative_to(folder)}."]
    write_page(
        folder / "network.html", f"A network of {', '.join(summary['populations'])}", sections
    )


def _about(summary: Mapping[str, Any]) -> str:
    start, stop = summary["measured_ms"]
    return (
        f"{stop:g} ms were simulated at dt {summary['dt']:g} ms with seed {summary['seed']} on "
        f"{summary['device']}, in {summary['wall_seconds']:.1f} s with all figures. Statistics are "
        f"of the spikes from {start:g} ms on."
    )


def _statistics(summary: Mapping[str, Any]) -> Table:
    parts = summary["populations"] | summary["groups"]
    rows = [
        [name, *(one[key] for key in MEASURES), one.get("spikes"), one.get("model")]
        for name, one in parts.items()
    ]
    caption = (
        "Populations and their parts. The CV is the mean over the neurons with at least three "
        "spikes; all spikes of the run are counted."
    )
    return Table(["", *MEASURES.values(), "spikes", "model"], rows, caption)


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['not_finite']} of {one['size']} neurons of {name} did not stay finite."
        for name, one in summary["populations"].items()
        if one["not_finite"]
    ]


def _synapses(built: Built) -> Table:
    rows = []
    for name, joined in built.joined.items():
        edge = built.network.edges[name]
        delay = edge.delay if joined.delays is None else float(joined.delays.mean())
        targets = built.network.nodes[built.network.target(name).node].size
        each = joined.synapses / targets
        rows.append([name, edge.source, edge.target, joined.synapses, each, joined.weight, delay])
    header = ["", "from", "to", "synapses", "for each target", "mean weight", "mean delay (ms)"]
    return Table(header, rows, "Projections; a dash is a delay of one step.")

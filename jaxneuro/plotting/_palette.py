# Colours that stay apart for colour-blind readers: Okabe & Ito (2008),
# https://jfly.uni-koeln.de/color. Yellow is left out: it is too faint for lines on white.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PINK = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREY = "#999999"
CYCLE = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY)
EXCITATORY, INHIBITORY = VERMILION, BLUE


def colours(count: int) -> list[str]:
    """Colours of `count` ordered things: distinct ones while there are enough, else a scale."""
    return list(CYCLE[:count]) if count <= len(CYCLE) else _scale(count, 0.9)


def population_colours(count: int) -> list[str]:
    """Colours of populations or receptors, of which the first two mostly excite and inhibit."""
    return [EXCITATORY, INHIBITORY, *colours(count)[2:]] if count > 1 else colours(count)


def shades(count: int) -> list[str]:
    """Colours of `count` values of one quantity, dark to light, that can be read as text too."""
    return _scale(count, 0.72)


def _scale(count: int, end: float) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    viridis = colormaps["viridis"]
    return [to_hex(viridis(end * i / max(1, count - 1))) for i in range(count)]

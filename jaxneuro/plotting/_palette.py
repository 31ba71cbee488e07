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


def colours(count: int) -> list[str]:
    """Colours of `count` ordered things: distinct ones while there are enough, else a scale."""
    if count <= len(CYCLE):
        return list(CYCLE[:count])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps["viridis"]
    return [to_hex(scale(0.9 * i / (count - 1))) for i in range(count)]

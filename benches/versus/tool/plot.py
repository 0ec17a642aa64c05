"""A line plot as SVG."""

import math
from html import escape

WIDTH, HEIGHT = 860, 480
LEFT, RIGHT, TOP, BOTTOM = 80, 170, 50, 60
# Told apart by people who see colours differently, too.
COLOURS = ["#0072b2", "#56b4e9", "#009e73", "#222222", "#d55e00", "#e69f00", "#cc79a7"]
INK, FAINT = "#333333", "#dddddd"


def plot(title, x_name, y_name, series):
    """The x axis is logarithmic, the y axis begins at zero. `series`: name, colour's number and points of each line."""
    points = [point for _, _, line in series for point in line]
    if not points:
        return ""
    x_most = max(x for x, _ in points)
    step = nice_step(max(y for _, y in points))
    y_most = step * math.ceil(max(y for _, y in points) / step)

    def place(x, y):
        across = math.log(x) / math.log(x_most) if x_most > 1 else 0
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / y_most * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(WIDTH / 2, 26, title, size=17),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_name),
        text(LEFT, TOP - 12, y_name),
    ]
    for n in range(round(y_most / step) + 1):
        _, y = place(1, n * step)
        out.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{FAINT}"/>')
        out.append(text(LEFT - 8, y + 4, f"{n * step:,.10g}", "end"))
    mark = 1
    while mark <= x_most:
        x, y = place(mark, 0)
        out.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{x:.1f}" y2="{y + 5:.1f}" stroke="{INK}"/>')
        out.append(text(x, y + 20, f"{mark:,}"))
        mark *= 10 if x_most > 5000 else 4
    ends = []
    for name, number, line in series:
        colour = COLOURS[number % len(COLOURS)]
        placed = [place(x, y) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in placed]
        ends.append((placed[-1][1], placed[-1][0], name, colour))
    lowest = TOP - 20
    # Names at the ends of their lines, moved apart where they would overlap.
    for y, x, name, colour in sorted(ends):
        lowest = max(lowest + 16, y + 4)
        out.append(text(WIDTH - RIGHT + 10, lowest, name, "start", colour=colour))
    return "\n".join([*out, "</svg>", ""])


def nice_step(most):
    """A step of 1, 2 or 5 times a power of ten, of which about six make the axis."""
    rough = most / 6
    power = 10 ** math.floor(math.log10(rough))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= rough)


def text(x, y, content, anchor="middle", size=13, colour=INK):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{escape(content)}</text>'

"""The tables."""

import statistics

from .contenders import name
from .rows import MEMORY, SIDES


def lines(rows):
    """The lines of the tables of figures, as key, title and unit."""
    listed = [(row.key, row.title, row.unit) for row in rows]
    listed += [
        (f"{key}-{side}", f"{title}, {side}", "bytes") for key, (title, _, _) in MEMORY.items() for side in SIDES
    ]
    return listed


def cpu_lines(rows):
    """The lines of the tables of processor time."""

    def title(row):
        if row.unit == "bandwidth":
            return f"{row.title}, for 1 GiB"
        return f"{row.title}, for 100,000 calls"

    return [(f"cpu-{row.key}", title(row), "cpu" if row.unit == "bandwidth" else "cpu of 100,000") for row in rows]


def show(value, unit):
    if unit == "cpu of 100,000":
        return show(value * 1e5, "seconds")
    if unit in ("seconds", "cpu"):
        for name, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{value / 1e-9:.3g} ns"
    if unit == "rate":
        return f"{value:,.0f}/s"
    if unit == "bandwidth":
        return f"{value / 2**30:.2f} GiB/s"
    return f"{value / 1024:.2f} KiB"


def median(cell):
    return statistics.median(cell.values) if cell and cell.values else None


def best(cell, unit):
    """The fastest round, or the smallest."""
    if not cell or not cell.values:
        return None
    return max(cell.values) if unit in ("rate", "bandwidth") else min(cell.values)


def cell_text(cell, unit):
    if cell is None:
        return "–"
    if not cell.values:
        return cell.errors[0] if cell.errors else "–"
    text = f"{show(median(cell), unit)} ({show(min(cell.values), unit)} … {show(max(cell.values), unit)})"
    return text + (f", {len(cell.errors)} failed" if cell.errors else "")


def times_better(value, other, unit):
    """How many times as good as the other: as fast, or as small."""
    if not value or not other:
        return "–"
    return f"{value / other:.2f}" if unit in ("rate", "bandwidth") else f"{other / value:.2f}"


def table(heads, body):
    out = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    out += ["| " + " | ".join(line) + " |" for line in body]
    return "\n".join(out)


def report(cells, rows, modes, contenders):
    """Two tables a mode: figures, and how they stand to go-plugin's."""
    heads = ["row", *(name(c) for c in contenders)]
    parts = [
        ("Time and memory", lines(rows)),
        ("Processor time of both sides", cpu_lines(rows)),
    ]
    out = []
    for mode in modes:
        for part, listed in parts:
            medians, ratios = [], []
            for key, title, unit in listed:
                found = [cells.get((str(mode), key, c)) for c in contenders]
                if not any(cell and (cell.values or cell.errors) for cell in found):
                    continue
                medians.append([title, *(cell_text(cell, unit) for cell in found)])
                base = median(cells.get((str(mode), key, "gg")))
                ratios.append([title, *(times_better(median(cell), base, unit) for cell in found)])
            if not medians:
                continue
            out.append(f"## {part}: {mode.title()}\n\nMedian (least … most).\n\n{table(heads, medians)}")
            if "gg" in contenders:
                out.append(f"How many times as good as go-plugin; above 1 is better.\n\n{table(heads, ratios)}")
    return "\n\n".join(out)


def goal_table(goals):
    body = [[g.row, g.where, g.target, g.reached, g.best, g.cpu, g.verdict] for g in goals]
    return "## Goals, plugwire R→R unless said otherwise\n\n" + table(
        ["row", "where", "goal", "reached, medians", "best rounds", "processor time", "verdict"], body
    )

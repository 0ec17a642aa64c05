"""Calls a second and memory against the number of callers and of streams, as plots."""

import json
import os
import statistics

from .contenders import CONTENDERS, HERE, TWO
from .host import Failed
from .measure import progress
from .plot import plot
from .rows import CALLERS, STREAMERS

CALLER_STEPS = [2**n for n in range(13)]
HELD_STEPS = [1, 10, 30, 100, 300, 1000, 2000, 4000, 7000, 10000]
MILLIS = 150


def run(measuring, about):
    who = [c for c in measuring.options.contenders if c in CALLERS]
    callers = calls_by_callers(measuring, who)
    pending = by_held(measuring, who, "hold-calls")
    streams = by_held(measuring, [c for c in who if c in STREAMERS], "hold-streams")
    figures = {
        "calls-by-callers": ("Calls a second, by callers", "callers", "calls/s", callers),
        "memory-by-pending-calls": ("Memory of both sides, by pending calls", "pending calls", "MiB", pending["memory"]),
        "calls-by-streams": ("Calls a second of 64 callers, beside idle streams", "idle streams", "calls/s", streams["calls"]),
        "memory-by-streams": ("Memory of both sides, by idle streams", "idle streams", "MiB", streams["memory"]),
    }
    progress("")
    plots = os.path.join(HERE, "plots")
    os.makedirs(plots, exist_ok=True)
    for name, (title, x, y, series) in figures.items():
        named = {CONTENDERS[contender]: points for contender, points in series.items() if points}
        with open(os.path.join(plots, f"{name}.svg"), "w") as file:
            file.write(plot(title, x, y, named))
        print(f"{title}\n")
        for contender, points in named.items():
            print(f"  {contender:15}", "  ".join(f"{x:g}: {y:.4g}" for x, y in points))
        print()
    with open(os.path.join(plots, "growth.json"), "w") as file:
        series = {name: {"title": title, "x": x, "y": y, "series": points} for name, (title, x, y, points) in figures.items()}
        # One point a line, for readable differences.
        json.dump({"about": about, **series}, file, indent=None, separators=(",", ": "))
        file.write("\n")


def calls_by_callers(measuring, contenders):
    """For each number of callers all contenders in turn; medians of the rounds."""
    series = {contender: [] for contender in contenders}
    hosts = {}
    try:
        for step in CALLER_STEPS:
            rates = {contender: [] for contender in contenders}
            for number in range(measuring.options.rounds + 1):
                progress(f"growth: {step} callers, round {number}")
                for contender in contenders:
                    if contender not in hosts and number > 1:
                        continue  # It failed at this step.
                    try:
                        if contender not in hosts:
                            hosts[contender] = measuring.start(contender, TWO)
                        answer = hosts[contender].ask("callers", step, MILLIS)
                    except Failed as failed:
                        print(f"{contender}, {step} callers: {failed}")
                        if contender in hosts:
                            hosts.pop(contender).kill()
                    else:
                        if number:
                            rates[contender].append(answer["ops"] / answer["ns"] * 1e9)
            for contender, found in rates.items():
                if found:
                    series[contender].append((step, statistics.median(found)))
    finally:
        for host in hosts.values():
            host.close()
    return series


def by_held(measuring, contenders, ask):
    """Memory, and calls a second beside it, while more and more is kept open."""
    memory, calls = {c: [] for c in contenders}, {c: [] for c in contenders}
    for contender in contenders:
        try:
            host = measuring.start(contender, TWO)
        except Failed as failed:
            print(f"{contender}: {failed}")
            continue
        try:
            held = 0
            for step in HELD_STEPS:
                progress(f"growth: {contender}, {ask} {step}")
                host.ask(ask, step - held)
                held = step
                host.ask("settle")
                memory[contender].append((step, sum(host.resident()) / 1024))
                rates = [host.ask("callers", 64, 100) for _ in range(measuring.options.rounds)]
                calls[contender].append((step, statistics.median(r["ops"] / r["ns"] * 1e9 for r in rates)))
        except Failed as failed:
            print(f"{contender}, {ask} {held}: {failed}")
        finally:
            host.kill()
    return {"memory": memory, "calls": calls}

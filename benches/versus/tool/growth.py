"""Calls a second and memory against the number of callers and of streams, as plots."""

import json
import os
import statistics

from .contenders import HERE, TWO, name, parts
from .host import Failed
from .measure import progress
from .plot import plot
from .rows import CALLERS, STREAMERS

CALLER_STEPS = [2**n for n in range(13)]
HELD_STEPS = [1, 10, 30, 100, 300, 1000, 2000, 4000, 7000, 10000]
MILLIS = 150


def run(measuring, about):
    who = [c for c in measuring.options.contenders if parts(c)[0] in CALLERS]
    callers = calls_by_callers(measuring, who)
    streamers = [c for c in who if parts(c)[0] in STREAMERS]
    pending = by_held(measuring, who, "hold-calls", memory)
    streams = by_held(measuring, streamers, "hold-streams", memory)
    beside = by_held(measuring, streamers, "hold-streams", calls)
    figures = {
        "calls-by-callers": ("Calls a second, by callers", "callers", "calls/s", callers),
        "memory-by-pending-calls": ("Memory of both sides, by pending calls", "pending calls", "MiB", pending),
        "calls-by-streams": ("Calls a second of 64 callers, beside idle streams", "idle streams", "calls/s", beside),
        "memory-by-streams": ("Memory of both sides, by idle streams", "idle streams", "MiB", streams),
    }
    progress("")
    plots = os.path.join(HERE, "plots")
    os.makedirs(plots, exist_ok=True)
    for figure, (title, x, y, series) in figures.items():
        drawn = [(name(c), who.index(c), points) for c, points in series.items() if points]
        with open(os.path.join(plots, f"{figure}.svg"), "w") as file:
            file.write(plot(title, x, y, drawn))
        print(f"{title}\n")
        for contender, _, points in drawn:
            print(f"  {contender:15}", "  ".join(f"{x:g}: {y:.4g}" for x, y in points))
        print()
    with open(os.path.join(plots, "growth.json"), "w") as file:
        json.dump({"about": about, **{figure: series for figure, (_, _, _, series) in figures.items()}}, file)
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
                        fail(hosts, contender, f"{step} callers: {failed}")
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


def by_held(measuring, contenders, ask, look):
    """What `look` sees of each host while all of them keep more and more open."""
    series = {contender: [] for contender in contenders}
    hosts = {}
    try:
        for before, step in zip([0, *HELD_STEPS], HELD_STEPS):
            progress(f"growth: {ask} {step}")
            for contender in contenders:
                if contender not in hosts and before:
                    continue  # It failed at an earlier step.
                try:
                    if contender not in hosts:
                        hosts[contender] = measuring.start(contender, TWO)
                    hosts[contender].ask(ask, step - before)
                except Failed as failed:
                    fail(hosts, contender, f"{ask} {step}: {failed}")
            for contender, value in look(measuring, hosts).items():
                series[contender].append((step, value))
    finally:
        # Not asked to end: what they keep would only be in their way.
        for host in hosts.values():
            host.kill()
    return series


def memory(_, hosts):
    """MiB of both sides. Nothing else is asked of these hosts: some keep memory for every call they ever made."""
    found = {}
    for contender in list(hosts):
        try:
            hosts[contender].ask("settle")
            found[contender] = sum(hosts[contender].resident()) / 1024
        except Failed as failed:
            fail(hosts, contender, str(failed))
    return found


def calls(measuring, hosts):
    """Calls a second of 64 callers, all contenders in turn."""
    rates = {contender: [] for contender in hosts}
    for _ in range(measuring.options.rounds):
        for contender in list(hosts):
            try:
                answer = hosts[contender].ask("callers", 64, MILLIS)
                rates[contender].append(answer["ops"] / answer["ns"] * 1e9)
            except Failed as failed:
                fail(hosts, contender, f"64 callers: {failed}")
    return {contender: statistics.median(found) for contender, found in rates.items() if found}


def fail(hosts, contender, text):
    print(f"\n{name(contender)}, {text}")
    if contender in hosts:
        hosts.pop(contender).kill()

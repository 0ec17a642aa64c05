"""What is measured."""

import os
from dataclasses import dataclass, field

from .contenders import CONTENDERS, FLOORS, HERE

USERS = os.path.join(HERE, "users.json")

GOPLUGINS = {"rr", "rg", "gr", "gg", "crate"}
CALLERS = set(CONTENDERS) - set(FLOORS)
STREAMERS = GOPLUGINS | {"remoc"}


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    # What the host is asked, and the number that goes with it.
    ask: str
    n: int = 0
    # seconds: time of one; rate: how many a second; bandwidth: bytes a second.
    unit: str = "seconds"
    who: frozenset = frozenset(CALLERS)
    # Measured in every mode, not only in the two main ones.
    everywhere: bool = False
    millis: int = 100
    file: str = ""
    # Whether the two processes spend their time on nothing but what is counted.
    cpu_counts: bool = True
    # What it takes turns with in each round: what differs by little has to be compared in the same moments.
    by_turns: str = ""

    def value(self, answer):
        if "median" in answer:
            return answer["median"] / 1e9
        seconds = answer["ns"] / 1e9
        if self.unit == "seconds":
            return seconds / answer["ops"]
        if self.unit == "rate":
            return answer["ops"] / seconds
        return answer["bytes"] / seconds

    def cpu(self, answer, spent):
        """Seconds of processor time for one, or for a GiB, of the nanoseconds `spent`."""
        of = answer["bytes"] / 2**30 if self.unit == "bandwidth" else answer["ops"]
        return spent / 1e9 / of


def rows(gibibyte):
    """All timed rows; `gibibyte` is how much goes through a stream."""
    everyone = frozenset(CONTENDERS)
    goplugins = frozenset(GOPLUGINS)
    streamers = frozenset(STREAMERS)
    reva = [
        Row(f"reva-{name}", f"reva: {name}", name, file=USERS if name == "OnLoad" else "")
        for name in ("OnLoad", "GetUser", "GetUserByClaim", "GetUserGroups", "FindUser")
    ]
    return [
        Row("launch", "launch to first reply", "launch", who=everyone, cpu_counts=False),
        Row("call-string", "call with a string", "call-string", who=everyone, everywhere=True),
        Row(
            "call-typed",
            "the same by a typed client",
            "call-typed",
            who=frozenset({"rr"}),
            by_turns="call-by-hand",
        ),
        Row("call-user", "call with a User", "call-user", everywhere=True),
        Row("callers-8", "8 callers", "callers", 8, "rate"),
        Row("callers-64", "64 callers", "callers", 64, "rate", everywhere=True),
        Row("callers-512", "512 callers", "callers", 512, "rate"),
        Row("dispense", "dispense", "dispense", who=goplugins),
        Row("callback", "fresh callback, one call", "callback", who=streamers),
        Row("cancel", "a dropped call, to the drop of its method", "cancel", who=frozenset({"rr", "tarpc"}), cpu_counts=False),
        Row("pingpong", "64 bytes there and back, on one stream", "pingpong", who=streamers | frozenset(FLOORS)),
        Row("reader", "1 GiB through a reader", "reader", gibibyte, "bandwidth", streamers | frozenset(FLOORS)),
        Row("writer", "1 GiB through a writer", "writer", gibibyte, "bandwidth", streamers | frozenset(FLOORS)),
        Row("streams-64", "64 streams at once", "streams-64", gibibyte // 64, "bandwidth", streamers | {"tokio"}),
        Row("items", "numbers as items of a stream", "items", 1_000_000, "rate", streamers - {"crate"}),
        Row("texts", "64-byte texts as items of a stream", "texts", gibibyte // 1024, "bandwidth", streamers - {"crate"}),
        Row("chunks", "64 bytes a write, on one stream", "chunks", gibibyte // 1024, "bandwidth", frozenset({"rr"})),
        Row("idle", "1 busy beside 1,000 idle", "idle", 1000, cpu_counts=False),
        *reva,
    ]


# Memory: what the host is asked to keep open, and who can.
HELD = 10_000
MEMORY = {
    "memory-stream": ("memory per idle stream", "hold-streams", frozenset(STREAMERS)),
    "memory-call": ("memory per pending call", "hold-calls", frozenset(CALLERS)),
}
SIDES = ["host", "plugin"]


# How often a row and what it takes turns with are asked in a round, and for how many milliseconds.
#
# The median of many short turns says more than that of few long ones which take as long: on two cores the placement of
# threads changes the time of a call by half, every few milliseconds.
TURNS, TURN = 400, 2
# Behind the row's key: the figures of what it took turns with, and how each turn stood to its neighbour.
BESIDE, RATIO = "-beside", "-ratio"


@dataclass
class Cell:
    """The figures of one contender in one row and mode."""

    values: list = field(default_factory=list)
    errors: list = field(default_factory=list)

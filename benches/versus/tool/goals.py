"""What is to be reached, checked on the medians of the run at hand."""

from dataclasses import dataclass

from .contenders import ONE, TWO, name, parts
from .report import best, lines, median
from .rows import BESIDE, RATIO

MAIN = [(ONE, "one core"), (TWO, "two cores")]
# Those whose users would otherwise be better off, and who are to be beaten in each row.
PEERS = ["gg", "crate", "tarpc", "remoc"]


@dataclass
class Goal:
    row: str
    where: str
    target: str
    reached: str
    # The same ratio of each one's best round, which other load on the machine moves less.
    best: str
    # The same ratio of processor time, which other load moves least; it is not what the goal is about.
    cpu: str
    verdict: str


class Goals:
    def __init__(self, cells, rows, options):
        self.cells = cells
        self.rows = rows
        self.options = options
        self.units = {key: unit for key, _, unit in lines(rows)}
        self.titles = {key: title for key, title, _ in lines(rows)}
        self.goals = []

    def get(self, mode, key, contender):
        return median(self.cells.get((str(mode), key, contender)))

    def best(self, mode, key, contender):
        return best(self.cells.get((str(mode), key, contender)), self.units.get(key, "seconds"))

    def ratio(self, mode, key, of, to, sign, limit):
        """Compares two medians; `sign` is how the ratio has to stand to the limit."""
        a, b = self.get(mode, key, of), self.get(mode, key, to)
        where = dict(MAIN)[mode]
        title = self.titles.get(key, key)
        target = f"{sign} {limit:g} × {name(to)}"
        if a is None or b is None:
            self.goals.append(Goal(title, where, target, "–", "–", "–", "not measured"))
            return
        ratio = a / b
        reached = ratio <= limit if sign == "≤" else ratio >= limit
        fastest = self.best(mode, key, of) / self.best(mode, key, to)
        verdict = "pass" if reached else "FAIL"
        self.goals.append(
            Goal(title, where, target, f"{ratio:.2f} ×", f"{fastest:.2f} ×", self.cpu(mode, key, of, to, sign), verdict)
        )

    def cpu(self, mode, key, of, to, sign):
        a, b = self.get(mode, f"cpu-{key}", of), self.get(mode, f"cpu-{key}", to)
        if not a or not b:
            return "–"
        return f"{a / b if sign == '≤' else b / a:.2f} ×"

    def all(self):
        if self.options.load == "none":
            self.quiet()
        else:
            self.loaded()
        self.settings()
        return self.goals

    def loaded(self):
        """Beside other work: ahead of every peer in every row."""
        for mode in self.options.modes:
            for peer in PEERS:
                self.every_row("rr", peer, mode)
            for contender in ("rg", "gr"):
                self.every_row(contender, "gg", mode)

    def settings(self):
        """The default of `busy_poll`, against each setting of it that is tried."""
        for contender in self.options.contenders:
            base, micros = parts(contender)
            if micros is not None and micros.isdigit() and base in self.options.contenders:
                for mode in self.options.modes:
                    self.every_row(base, contender, mode, 1.1)

    def quiet(self):
        self.ratio(ONE, "call-string", "rr", "tokio", "≤", 1.3)
        self.ratio(ONE, "call-string", "rr", "gg", "≤", 0.45)
        self.ratio(TWO, "call-string", "rr", "gg", "≤", 0.5)
        self.ratio(TWO, "call-string", "rr", "crate", "≤", 1)
        self.ratio(TWO, "call-string", "rr", "tarpc", "≤", 1)
        for mode, _ in MAIN:
            self.ratio(mode, "callers-64", "rr", "gg", "≥", 6)
            self.ratio(mode, "callers-64", "rr", "tarpc", "≥", 3)
            for key in ("reader", "writer"):
                self.ratio(mode, key, "rr", "gg", "≥", 2.5)
                self.ratio(mode, key, "rr", "tokio", "≥", 0.6)
            for key in ("callback", "dispense"):
                self.ratio(mode, key, "rr", "gg", "≤", 0.2)
            self.ratio(mode, "launch", "rr", "gg", "≤", 0.5)
            for peer in ("gg", "crate", "remoc"):
                self.ratio(mode, "pingpong", "rr", peer, "≤", 1)
            for row in self.rows:
                if row.key.startswith("reva"):
                    self.ratio(mode, row.key, "rr", "gg", "≤", 0.5)
        self.items()
        self.idle_stream()
        for contender in ("rg", "gr"):
            for mode, _ in MAIN:
                self.every_row(contender, "gg", mode)
        for mode, where in MAIN:
            self.typed(mode, where)

    def typed(self, mode, where):
        """A typed client against the same call written by hand, each turn against its neighbour."""
        target = "≤ 1.03 × by hand"
        ratio = self.get(mode, "call-typed" + RATIO, "rr")
        if ratio is None:
            self.goals.append(Goal("typed interface", where, target, "–", "–", "–", "not measured"))
            return
        keys = ["call-typed", "call-typed" + BESIDE]
        fastest = [self.best(mode, key, "rr") for key in keys]
        busy = [self.get(mode, f"cpu-{key}", "rr") for key in keys]
        fastest, cpu = (f"{ours / beside:.2f} ×" for ours, beside in (fastest, busy))
        verdict = "pass" if ratio <= 1.03 else "FAIL"
        self.goals.append(Goal("typed interface", where, target, f"{ratio:.2f} ×", fastest, cpu, verdict))

    def items(self):
        for mode, where in MAIN:
            self.ratio(mode, "items", "rr", "remoc", "≥", 1)
            texts, raw = self.get(mode, "texts", "rr"), self.get(mode, "chunks", "rr")
            reached = None if texts is None or raw is None else texts / raw
            self.absolute("64-byte texts as items", where, "≥ 0.5 × 64 bytes a write", reached, "{:.2f} ×", 0.5)
        reached = self.get(TWO, "items", "rr")
        self.absolute("numbers as items", "two cores", "≥ 1,000,000 a second", reached, "{:,.0f}", 1e6)

    def absolute(self, row, where, target, value, form, least):
        reached = "–" if value is None else form.format(value)
        verdict = "not measured" if value is None else "pass" if value >= least else "FAIL"
        self.goals.append(Goal(row, where, target, reached, "–", "–", verdict))

    def idle_stream(self):
        for side in ("host", "plugin"):
            value = self.get(TWO, f"memory-stream-{side}", "rr")
            reached = "–" if value is None else f"{value / 1024:.2f} KiB"
            verdict = "not measured" if value is None else "pass" if value <= 4096 else "FAIL"
            self.goals.append(Goal(f"idle stream, {side}", "two cores", "≤ 4 KiB", reached, "–", "–", verdict))

    def every_row(self, contender, other, mode, limit=1):
        """Every timed row, at most so many times as slow as another contender."""
        slower, at_best, by_cpu, compared = [], [], [], 0
        for row in self.rows:
            a, b = self.get(mode, row.key, contender), self.get(mode, row.key, other)
            if a is None or b is None:
                continue
            compared += 1
            times = a / b if row.unit == "seconds" else b / a
            if times > limit:
                slower.append(f"{row.title} {times:.2f} ×")
            a, b = self.best(mode, row.key, contender), self.best(mode, row.key, other)
            times = a / b if row.unit == "seconds" else b / a
            if times > limit:
                at_best.append(f"{row.title} {times:.2f} ×")
            a, b = self.get(mode, f"cpu-{row.key}", contender), self.get(mode, f"cpu-{row.key}", other)
            if a and b and a > b * limit:
                by_cpu.append(f"{row.title} {a / b:.2f} ×")
        title = f"{name(contender)}, every row"
        where = dict(MAIN).get(mode, str(mode))
        target = f"no slower than {name(other)}" if limit == 1 else f"≤ {limit:g} × {name(other)}"
        if not compared:
            self.goals.append(Goal(title, where, target, "–", "–", "–", "not measured"))
            return
        reached, fastest, busier = (
            ", ".join(worse) if worse else f"none of {compared} worse" for worse in (slower, at_best, by_cpu)
        )
        verdict = "FAIL" if slower else "pass"
        self.goals.append(Goal(title, where, target, reached, fastest, busier, verdict))

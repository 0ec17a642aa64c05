"""The rounds: for each row all contenders in turn, so that what else the machine does hits all."""

import statistics
import sys
from collections import defaultdict

from .contenders import ONE, TWO, environment, parts
from .host import Failed, Host, Lacks
from .rows import BESIDE, HELD, MEMORY, RATIO, SIDES, TURN, TURNS, Cell

# After so many failures a contender is not asked again for a row.
PATIENCE = 2


class Measuring:
    """Figures by mode, row and contender."""

    def __init__(self, programs, log, sockets, options):
        self.programs = programs
        self.log = log
        self.sockets = sockets
        self.options = options
        self.cells = defaultdict(Cell)

    def cell(self, mode, row, contender):
        return self.cells[str(mode), row, contender]

    def start(self, contender, mode):
        return Host(self.programs.command(contender, mode), self.log, self.sockets, environment(contender))

    def timed(self, rows):
        for mode in self.options.modes:
            wanted = [row for row in rows if row.everywhere or mode in (ONE, TWO) or self.options.all]
            hosts = {}
            try:
                for number in range(self.options.rounds + 1):
                    progress(f"{mode}: round {number} of {self.options.rounds}")
                    for row in wanted:
                        self.turn(mode, row, hosts, number)
            finally:
                for host in hosts.values():
                    host.close()

    def turn(self, mode, row, hosts, number):
        """One row, each contender once. Round 0 warms up; who is first changes by round."""
        contenders = [c for c in self.options.contenders if parts(c)[0] in row.who]
        shift = number % max(len(contenders), 1)
        for contender in contenders[shift:] + contenders[:shift]:
            cell = self.cell(mode, row.key, contender)
            if len(cell.errors) >= PATIENCE:
                continue
            try:
                if contender not in hosts:
                    hosts[contender] = self.start(contender, mode)
                host = hosts[contender]
                found = self.by_turns(mode, row, contender, host, number) if row.by_turns else [self.asked(row, host)]
            except Lacks:
                cell.errors = ["–"] * PATIENCE
            except Failed as failed:
                cell.errors.append(str(failed))
                # The connection may be of no more use, so the next row gets another one.
                if contender in hosts:
                    hosts.pop(contender).kill()
            else:
                for suffix, (value, cpu) in zip(("", BESIDE), found):
                    if number:
                        self.cell(mode, row.key + suffix, contender).values.append(value)
                        if row.cpu_counts:
                            self.cell(mode, f"cpu-{row.key}{suffix}", contender).values.append(cpu)

    def asked(self, row, host, ask=None, millis=None):
        """The figure of one row, and its processor time."""
        before = host.cpu()
        answer = host.ask(ask or row.ask, row.n, millis or row.millis, row.file)
        return row.value(answer), row.cpu(answer, host.cpu() - before)

    def by_turns(self, mode, row, contender, host, number):
        """The medians of a row and of what it takes turns with. How each turn stands to its neighbour is kept, too."""
        pairs = []
        for turn in range(TURNS):
            pair = [(0, row.ask), (1, row.by_turns)]
            found = {way: self.asked(row, host, ask, TURN) for way, ask in (pair if turn % 2 else pair[::-1])}
            pairs.append((found[0], found[1]))
        if number:
            ratios = [ours[0] / beside[0] for ours, beside in pairs]
            self.cell(mode, row.key + RATIO, contender).values.extend(ratios)
        return [tuple(map(statistics.median, zip(*way))) for way in zip(*pairs)]

    def memory(self):
        """Each in fresh processes: allocators keep what they have had."""
        times = 1 if self.options.quick else 3
        for number in range(times):
            progress(f"memory: round {number + 1} of {times}")
            for key, (_, ask, who) in MEMORY.items():
                for contender in self.options.contenders:
                    if parts(contender)[0] in who:
                        self.memory_of(key, ask, contender)

    def memory_of(self, key, ask, contender):
        cells = [self.cell(TWO, f"{key}-{side}", contender) for side in SIDES]
        try:
            host = self.start(contender, TWO)
        except Failed as failed:
            for cell in cells:
                cell.errors.append(str(failed))
            return
        try:
            host.ask("call-string", millis=50)
            host.ask(ask, 64)
            host.ask("settle")
            before = host.resident()
            host.ask(ask, HELD)
            host.ask("settle")
            for cell, less, more in zip(cells, before, host.resident()):
                cell.values.append((more - less) * 1024 / HELD)
        except Failed as failed:
            for cell in cells:
                cell.errors.append(str(failed))
        finally:
            # Not asked to end: the held calls would only be in its way.
            host.kill()


def progress(text):
    print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

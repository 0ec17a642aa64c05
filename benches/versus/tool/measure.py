"""The rounds: for each row all contenders in turn, so that what else the machine does hits all."""

import sys
from collections import defaultdict

from .contenders import ONE, TWO
from .host import Failed, Host, Lacks
from .rows import HELD, MEMORY, SIDES, Cell

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
        return Host(self.programs.command(contender, mode), self.log, self.sockets)

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
        contenders = [c for c in self.options.contenders if c in row.who]
        shift = number % max(len(contenders), 1)
        for contender in contenders[shift:] + contenders[:shift]:
            cell = self.cell(mode, row.key, contender)
            if len(cell.errors) >= PATIENCE:
                continue
            try:
                if contender not in hosts:
                    hosts[contender] = self.start(contender, mode)
                host = hosts[contender]
                before = host.cpu()
                answer = host.ask(row.ask, row.n, row.millis, row.file)
                spent = host.cpu() - before
            except Lacks:
                cell.errors = ["–"] * PATIENCE
            except Failed as failed:
                cell.errors.append(str(failed))
                # The connection may be of no more use, so the next row gets another one.
                if contender in hosts:
                    hosts.pop(contender).kill()
            else:
                if number:
                    cell.values.append(row.value(answer))
                    if row.cpu_counts:
                        self.cell(mode, f"cpu-{row.key}", contender).values.append(row.cpu(answer, spent))

    def memory(self):
        """Each in fresh processes: allocators keep what they have had."""
        times = 1 if self.options.quick else 3
        for number in range(times):
            progress(f"memory: round {number + 1} of {times}")
            for key, (_, ask, who) in MEMORY.items():
                for contender in self.options.contenders:
                    if contender in who:
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

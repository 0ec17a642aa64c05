"""What else the machine does while the rows are measured."""

import os
import subprocess
from contextlib import contextmanager

# Key, and what it is.
LOADS = {
    "none": "nothing else",
    "one": "a spinning process a core, less one core",
    "nice": "a spinning process a core, all at nice 19",
}


def commands(load, rust):
    """The spinning processes of a load. Each ends by itself once the process whose id it is given is not its parent."""
    spin = [rust, "spin", str(os.getpid())]
    cores = len(os.sched_getaffinity(0))
    if load == "one":
        return [spin] * max(cores - 1, 1)
    if load == "nice":
        return [["nice", "-n", "19", *spin]] * cores
    return []


@contextmanager
def loaded(load, rust, log):
    """Runs the load beside what is done within, which gives the process ids."""
    spinning = []
    try:
        for command in commands(load, rust):
            spinning.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        yield [process.pid for process in spinning]
        ended = [process.returncode for process in spinning if process.poll() is not None]
        if ended:
            raise RuntimeError(f"a spinning process ended (status {ended[0]}): the machine was not loaded all the time")
    finally:
        for process in spinning:
            process.kill()
            process.wait()

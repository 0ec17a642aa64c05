"""Who takes part, in which modes, and how each is started."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Key, and the name in the tables.
CONTENDERS = {
    "rr": "plugwire R→R",
    "rg": "plugwire R→G",
    "gr": "plugwire G→R",
    "gg": "go-plugin G→G",
    "crate": "goplugin crate",
    "tarpc": "tarpc",
    "remoc": "remoc",
    "tokio": "floor: tokio",
    "std": "floor: std",
}
FLOORS = ["tokio", "std"]
# Those that speak go-plugin's protocol with plugwire on a side, on which a setting can be tried: `rr@0`.
PLUGWIRE = ["rr", "rg", "gr"]
IN_RUST = {"crate": "goplugin", "tarpc": "tarpc", "remoc": "remoc", "tokio": "floor-tokio", "std": "floor-std"}


# Other codecs that can be tried, as in `tarpc@msgpack`.
CODECS = {"rr": ["rich", "msgpack"], "tarpc": ["msgpack"]}


def parts(contender):
    """The contender itself, and what is tried on it: microseconds of `busy_poll`, as in `rr@0`, or a codec."""
    base, at, setting = contender.partition("@")
    return base, setting if at else None


def known(contender):
    base, setting = parts(contender)
    if setting is None:
        return base in CONTENDERS
    return base in PLUGWIRE and setting.isdigit() or setting in CODECS.get(base, [])


def name(contender):
    base, setting = parts(contender)
    if setting is None:
        return CONTENDERS[base]
    return CONTENDERS[base] + (f", busy_poll {setting} µs" if setting.isdigit() else f", {setting}")


def environment(contender):
    """What a host and its plugin find in their environment beside the driver's."""
    _, setting = parts(contender)
    if setting is None:
        return {}
    return {"VERSUS_BUSY_POLL_US" if setting.isdigit() else "VERSUS_CODEC": setting}


@dataclass(frozen=True)
class Mode:
    """Everything on one core or on two, tokio's runtime, and where the host calls from."""

    cores: str
    runtime: str
    caller: str

    def __str__(self):
        return f"{self.cores}-{self.runtime}-{self.caller}"

    def title(self):
        cores = "everything on one core" if self.cores == "one" else "unpinned"
        runtime = "current-thread" if self.runtime == "current" else "multi-thread"
        caller = "caller in a spawned task" if self.caller == "spawned" else "caller in main"
        return f"{cores}, {runtime}, {caller}"


MODES = {
    str(mode): mode
    for mode in (
        Mode(cores, runtime, caller)
        for cores in ("one", "two")
        for runtime in ("current", "multi")
        for caller in ("spawned", "main")
    )
}
# Where every row is measured; the other modes have the calls only.
ONE = MODES["one-current-spawned"]
TWO = MODES["two-multi-spawned"]


@dataclass(frozen=True)
class Programs:
    rust: str
    go_host: str
    go_plugin: str

    def command(self, contender, mode):
        """A host with its plugin."""
        contender, _ = parts(contender)
        rust_plugin = [self.rust, "plugin", IN_RUST.get(contender, "plugwire"), mode.runtime]
        rust_host = [self.rust, "host", IN_RUST.get(contender, "plugwire"), mode.runtime, mode.caller]
        plugin = [self.go_plugin] if contender in ("rg", "gg") else rust_plugin
        host = [self.go_host] if contender in ("gr", "gg") else rust_host
        pin = ["taskset", "-c", "0"] if mode.cores == "one" else []
        return [*pin, *host, *plugin]


def build():
    """Builds both languages' programs, as their users do: `--release`, and Go's defaults."""
    print("building", file=sys.stderr)
    command = ["cargo", "build", "--release", "--message-format=json-render-diagnostics"]
    lines = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in lines.splitlines()]
    rust = [m["executable"] for m in messages if m.get("executable")][-1]
    go = os.path.join(os.path.dirname(rust), "go", "")
    os.makedirs(go, exist_ok=True)
    subprocess.run(["go", "build", "-o", go, "./cmd/..."], cwd=os.path.join(HERE, "go"), check=True)
    return Programs(rust, go + "versushost", go + "versusplugin")

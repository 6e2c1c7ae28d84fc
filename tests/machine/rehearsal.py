"""The service on a real systemd: installed, started, reloaded, killed, hung and upgraded, in a Debian of its own.

``python -m tests.machine.rehearsal FOLDER`` as root, with ``systemd-container`` and ``mmdebstrap`` installed. FOLDER
keeps the Debian between runs. Some minutes; not among the tests, since not every machine may boot another.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services.conftest import LoopThread, Registry, Sink, _start, packument, taken_over

TOP = Path(__file__).parents[2]
MIGRATIONS = "monitor/store/migrations/versions"
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates,tzdata"
SECRET = "Hook-secret-4f1c2d"
STATE = "/var/lib/private/weaklink"

CONFIG = """
[database]
url = "sqlite:////var/lib/weaklink/weaklink.db"
[registries.npm]
url = "{registry}"
searches_per_minute = 0
[schedule]
packages = "2s"
[web]
listen = "127.0.0.1:8339"
[[watch]]
name = "shop"
packages = ["npm:left-pad"]
[[channel]]
name = "team"
url = "{sink}/${{HOOK}}"
[[route]]
match = {{ severity = ">=low" }}
channels = ["team"]
group_wait = "1s"
"""

CREDENTIAL = """
[Service]
LoadCredential=HOOK:/etc/weaklink/HOOK
"""

DROP_IN = f"""{CREDENTIAL}
# Sooner than in earnest, so that the rehearsal is short.
WatchdogSec=10
RestartSec=1
"""


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def until(what: str, condition: Callable[[], Any], seconds: float = 300) -> Any:
    """What the condition gives once it gives something."""
    began = time.monotonic()
    while not (found := condition()):
        if time.monotonic() - began > seconds:
            raise SystemExit(f"NOT {what}")
        time.sleep(0.2)
    print(f"  {time.monotonic() - began:5.1f} s  {what}", flush=True)
    return found


def held(what: str, holds: bool) -> None:
    if not holds:
        raise SystemExit(f"NOT {what}")
    print(f"           {what}", flush=True)


class Machine:
    """A Debian with systemd as its first process, in namespaces of its own but for the network."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._leader = ""

    @contextmanager
    def booted(self) -> Iterator[None]:
        command = ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", "--register=no", "--keep-unit"]
        with (self.root.parent / "console.log").open("w") as console:
            spawned = subprocess.Popen([*command, "--console=passive"], stdout=console, stderr=console)
        try:
            children = Path(f"/proc/{spawned.pid}/task/{spawned.pid}/children")
            self._leader = until("the machine has a first process", lambda: children.read_text().split())[0]
            until("and is up", lambda: self.asked("systemctl", "is-system-running") in {"running", "degraded"})
            yield
        finally:
            self.asked("systemctl", "poweroff")
            try:
                spawned.wait(30)
            except subprocess.TimeoutExpired:
                spawned.kill()

    def asked(self, *command: str, inside: str = "") -> str:
        """What a command says inside; ``inside`` names a process whose view of the files it has, and its user."""
        whose = ["nsenter", "-t", self._leader, "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        if inside:
            user = self.asked("stat", "-c", "%u", f"/proc/{inside}")
            whose += ["nsenter", "-t", inside, "-m", "-S", user, "-G", user, "--"]
        done = subprocess.run([*whose, *command], text=True, capture_output=True, check=False)
        return (done.stdout or done.stderr).strip()

    def property(self, name: str, unit: str = "weaklink") -> str:
        return self.asked("systemctl", "show", "--value", "--property", name, unit)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.root / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
        file.chmod(mode)
        file.write_text(text)

    def journal(self) -> list[dict[str, Any]]:
        """What the service wrote, with the priority that journald gave it."""
        lines = self.asked("journalctl", "--unit", "weaklink", "--output", "json", "--no-pager").splitlines()
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in entries if one.get("_TRANSPORT") == "stdout"]

    def events(self, event: str) -> list[dict[str, Any]]:
        told = [json.loads(one["MESSAGE"]) for one in self.journal() if one["MESSAGE"].startswith("{")]
        return [one for one in told if one["event"] == event]


def wheels(tree: Path, into: Path) -> None:
    """The program of a tree and all that it needs, as this machine's pip gets it."""
    shutil.rmtree(into, ignore_errors=True)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", into, f"{tree}[postgresql]")


def older_tree(folder: Path) -> Path:
    """The program as it was before its newest migration."""
    newest = max((TOP / MIGRATIONS).glob("0*.py"))
    added = run("git", "log", "-1", "--format=%H", "--diff-filter=A", "--", newest, cwd=TOP)
    tree = folder / "older"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    archive = folder / "older.tar"
    run("git", "archive", "--output", archive, f"{added}~1", cwd=TOP)
    run("tar", "-xf", archive, "-C", tree)
    return tree


def debian_archive(folder: Path) -> Path:
    """A small Debian with systemd and Python, kept in the folder."""
    archive = folder / "debian.tar"
    if not archive.exists():
        sources = sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))
        run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={PACKAGES}", "bookworm", archive, *sources)
    return archive


def debian(folder: Path) -> Path:
    root = folder / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    run("tar", "-xpf", debian_archive(folder), "-C", root)
    return root


def install(machine: Machine, found: Path) -> None:
    """As docs/operations.md says, from wheels instead of an index."""
    shutil.rmtree(machine.root / "wheels", ignore_errors=True)
    shutil.copytree(found, machine.root / "wheels")
    inside = ["chroot", machine.root, "env", "-i", "PATH=/usr/bin:/bin", "HOME=/root"]
    if not (machine.root / "opt/weaklink").exists():
        run(*inside, "python3", "-m", "venv", "/opt/weaklink")
    pip = ["/opt/weaklink/bin/pip", "install", "--quiet", "--no-index", "--find-links", "/wheels"]
    # Two builds of one version: the program goes first, so that what it needs is that of the newer one.
    run(*inside, *pip, "--force-reinstall", "--no-deps", "weaklink")
    run(*inside, *pip, "weaklink[postgresql]")


def rehearse(machine: Machine, registry: Registry, sink: Sink, newer: Path) -> None:
    def ready() -> bool:
        return machine.property("ActiveState") == "active"

    def pid() -> str:
        return machine.property("MainPID")

    print("older build")
    machine.asked("systemctl", "start", "weaklink")
    until("READY came from the daemon itself (Type=notify)", ready)
    until("its first check is recorded", lambda: any(path == "/left-pad" for path, _ in registry.requests))
    machine.asked("systemctl", "stop", "weaklink")
    held("it stopped by itself", machine.property("Result") == "success")

    print("upgraded")
    install(machine, newer)
    machine.asked("systemctl", "start", "weaklink")
    until("READY", ready)
    done = until("the migration ran", lambda: machine.events("database brought up to date"))
    held(done[-1]["done"], "the old database is kept" in done[-1]["done"])
    held("what the journal has is JSON", all(json.loads(one["MESSAGE"])["event"] for one in machine.journal()[-2:]))

    print("credential")
    registry.documents["/left-pad"] = taken_over()
    until("the channel's secret came by LoadCredential", lambda: sink.received)
    held("the message went to the secret address", {path for path, _ in sink.received} == {f"/hook/{SECRET}"})
    (change,) = [one for one in machine.events("change") if one["kind"] == "publisher-changed"]
    (told,) = until("its delivery is in the journal", lambda: machine.events("message delivered"))
    held(f"under the same check: {change['check']}", told["checks"] == [change["check"]])
    held("and the secret is not", SECRET not in machine.asked("journalctl", "--output=json", "--no-pager"))

    print("reload")
    registry.documents["/right-pad"] = packument("right-pad")
    good = (machine.root / "etc/weaklink/weaklink.toml").read_text()
    machine.write("/etc/weaklink/weaklink.toml", good.replace('"npm:left-pad"', '"npm:left-pad", "npm:right-pad"'))
    held("reloaded", not machine.asked("systemctl", "reload", "weaklink"))
    until("the edit was taken up", lambda: machine.events("configuration taken up"))
    until("and what it added is checked", lambda: any(path == "/right-pad" for path, _ in registry.requests))
    machine.write("/etc/weaklink/weaklink.toml", good.replace("packages =", "pakages ="))
    machine.asked("systemctl", "reload", "weaklink")
    until("a bad edit was rejected", lambda: machine.events("configuration rejected"))
    rejected = [one for one in machine.journal() if '"configuration rejected"' in one["MESSAGE"]]
    held("which the journal has at priority 3", {one["PRIORITY"] for one in rejected} == {"3"})
    held("and the daemon runs on", ready())
    machine.write("/etc/weaklink/weaklink.toml", good)

    print("confinement")
    held("exposure " + machine.asked("systemd-analyze", "security", "weaklink", "--no-pager").splitlines()[-1], True)
    held("no capability", "0000000000000000" in machine.asked("grep", "CapBnd", f"/proc/{pid()}/status"))
    found = machine.asked("find", "/", "-xdev", "-type", "d", "-writable", inside=pid()).splitlines()
    writable = sorted(line for line in found if line.startswith("/") and not line.startswith("/proc"))
    held(f"writable besides its state, of its own (PrivateTmp): {writable}", writable == ["/tmp", "/var/tmp"])
    listed = machine.asked("sh", "-c", "cd /var/lib/weaklink && touch x && rm x && ls", inside=pid())
    held("its own state is", "weaklink.db" in listed)
    held("the file of the secret is not readable", "denied" in machine.asked("cat", "/etc/weaklink/HOOK", inside=pid()))

    print("kill -9")
    first = pid()
    machine.asked("sh", "-c", f"kill -9 {first}")
    until("another process is READY", lambda: ready() and pid() not in {first, "0"})

    print("a daemon that hangs (SIGSTOP)")
    second = pid()
    machine.asked("sh", "-c", f"kill -STOP {second}")
    until("the watchdog ended it, and another is READY", lambda: ready() and pid() not in {second, "0"})
    said = machine.asked("journalctl", "--unit", "weaklink", "--no-pager", "--output", "cat")
    held("systemd says why", "Watchdog timeout" in said)
    held("restarts counted: " + machine.property("NRestarts"), machine.property("NRestarts") == "2")

    print("backup")
    machine.asked("systemctl", "start", "weaklink-backup")
    held("the oneshot ended well", machine.property("Result", "weaklink-backup") == "success")
    kept = machine.asked("ls", f"{STATE}/backups")
    held(f"a copy is there: {kept}", "weaklink" in kept)
    machine.asked("systemctl", "enable", "--now", "weaklink-backup.timer")
    held("the timer waits", "weaklink-backup.timer" in machine.asked("systemctl", "list-timers", "--no-pager"))

    print("stop")
    machine.asked("systemctl", "stop", "weaklink")
    held("in order: " + machine.events("stopped")[-1]["event"], machine.property("Result") == "success")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = Machine(debian(folder))
    wheels(older_tree(folder), folder / "wheels-older")
    wheels(TOP, folder / "wheels")
    install(machine, folder / "wheels-older")
    for unit in (TOP / "systemd").glob("weaklink*"):
        machine.write(f"/etc/systemd/system/{unit.name}", unit.read_text())
    machine.write("/etc/systemd/system/weaklink.service.d/rehearsal.conf", DROP_IN)
    machine.write("/etc/systemd/system/weaklink-backup.service.d/rehearsal.conf", CREDENTIAL)
    machine.write("/etc/weaklink/HOOK", SECRET, 0o600)
    servers, registry, sink = LoopThread(), Registry(), Sink()
    registry.documents["/left-pad"] = packument()
    _, registry_port = servers.run(_start(registry.serve))
    _, sink_port = servers.run(_start(sink.serve))
    urls = {"registry": f"http://127.0.0.1:{registry_port}/", "sink": f"json://127.0.0.1:{sink_port}/hook"}
    machine.write("/etc/weaklink/weaklink.toml", CONFIG.format(**urls))
    with machine.booted():
        try:
            rehearse(machine, registry, sink, folder / "wheels")
        except SystemExit:
            print(machine.asked("journalctl", "--no-pager", "--lines=40"))
            raise
    print("all of it held")


if __name__ == "__main__":
    os.umask(0o022)
    main(Path(sys.argv[1]).resolve())

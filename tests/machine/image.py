"""The image, built and run: as nobody, on a root file system that cannot be written, with no capability.

``python -m tests.machine.image FOLDER [BASE]`` as root, with podman installed. Without BASE it is built on the Debian
that ``tests.machine.rehearsal`` keeps in FOLDER, so that no registry of images is needed. ``PODMAN`` may hold another
way to call podman, such as ``podman --runtime runc``. Not among the tests, since not every machine has podman.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.machine.rehearsal import TOP, debian_archive, held, run, until

PODMAN = shlex.split(os.environ.get("PODMAN", "podman"))
NAME = "weaklink-image-try"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
INDEX = "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"
SECRET = "Hook-secret-4f1c2d"

CONFIG = """
[database]
url = "sqlite:////var/lib/weaklink/weaklink.db"
[[watch]]
name = "shop"
packages = ["npm:left-pad"]
[[channel]]
name = "team"
url = "json://127.0.0.1:9/${hook}"
"""


def podman(*words: str | Path) -> str:
    return run(*PODMAN, *words)


def base(folder: Path) -> str:
    """Our own Debian as an image, which trusts whom this machine trusts."""
    podman("import", "--quiet", debian_archive(folder), "localhost/weaklink-base:bare")
    build = folder / "base"
    build.mkdir(exist_ok=True)
    shutil.copy(CERTIFICATES, build)
    recipe = f"FROM localhost/weaklink-base:bare\nCOPY {CERTIFICATES.name} {CERTIFICATES}\n"
    (build / "Containerfile").write_text(recipe)
    podman("build", "--quiet", "--isolation=chroot", "--tag=localhost/weaklink-base", build)
    return "localhost/weaklink-base"


def build(folder: Path, on: str) -> None:
    index = folder / "pip.conf"
    index.write_text(INDEX)
    options = ("--quiet", "--isolation=chroot", "--network=host", "--format=docker", "--tag=localhost/weaklink")
    told = (f"--secret=id=pip.conf,src={index}", f"--build-arg=BASE={on}")
    podman("build", *options, *told, f"--file={TOP / 'container' / 'Containerfile'}", TOP)


def try_out(folder: Path) -> None:
    state, secrets = folder / "state", folder / "secrets"
    for one in (state, secrets):
        shutil.rmtree(one, ignore_errors=True)
        one.mkdir(parents=True)
    os.chown(state, 10001, 10001)
    (secrets / "hook").write_text(SECRET)
    (folder / "weaklink.toml").write_text(CONFIG)
    confined = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--network=none"]
    volumes = [
        f"--volume={state}:/var/lib/weaklink",
        f"--volume={folder}/weaklink.toml:/etc/weaklink/weaklink.toml:ro",
        f"--volume={secrets}:/run/secrets:ro",
    ]
    podman("rm", "--force", "--ignore", NAME)
    podman("run", "--detach", f"--name={NAME}", *confined, *limits, *volumes, "localhost/weaklink")

    def said() -> list[dict[str, Any]]:
        told = run("sh", "-c", shlex.join([*PODMAN, "logs", NAME]) + " 2>&1").splitlines()
        return [json.loads(line) for line in told if line.startswith("{")]

    until("it runs, and says so in JSON", lambda: any(one["event"] == "the pages are served" for one in said()))
    asked = shlex.join([*PODMAN, "healthcheck", "run", NAME]) + " && echo healthy; true"
    until("it is healthy", lambda: run("sh", "-c", asked).split() == ["healthy"])
    held("it is nobody: " + podman("exec", NAME, "id", "-u"), podman("exec", NAME, "id", "-u") == "10001")
    tried = "for d in / /tmp /etc /opt/weaklink /usr /home .; do touch $d/x 2>/dev/null && echo $d; done; true"
    held("only its state can be written", podman("exec", NAME, "sh", "-c", tried).split() == ["."])
    powers = podman("exec", NAME, "grep", "-E", "CapEff|NoNewPrivs", "/proc/1/status").split()
    held(f"it has no powers: {powers}", powers == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1"])
    held("no secret of the build is in the image", "pip.conf" not in podman("exec", NAME, "ls", "/etc").split())
    (image,) = json.loads(podman("image", "inspect", "localhost/weaklink"))
    held(f"its size: {image['Size'] / 1e6:.0f} MB", True)
    podman("stop", "--time=20", NAME)
    held("it stops by itself", podman("inspect", "--format={{.State.ExitCode}}", NAME) == "0")
    held("and says so", said()[-1]["event"] == "stopped")
    podman("rm", NAME)


def main(folder: Path, on: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    build(folder, on or base(folder))
    try_out(folder / "image")
    print("all of it held")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])

"""What tests of workers need: their processes, a network that waits, and all that one process and many write alike."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from foolscape.records.places import WORKERS

NOT_COMPARED = ("timings.jsonl", "report.html", ".lock", WORKERS)

DRIVER = "FOOLSCAPE_TEST_DRIVER"
"""The variable that tells a network which process is no worker."""

MORTAL = """
import os, signal, time
from pathlib import Path
HERE = Path(__file__).parent

def mortal():
    class Mortal(Net):
        def forward(self, images):
            deadly = HERE / "deadly"
            if os.environ["FOOLSCAPE_TEST_DRIVER"] != str(os.getpid()):
                while images.requires_grad and (HERE / "hold").exists():
                    time.sleep(0.01)
                if deadly.exists() and abs(float(images.detach().double().mean()) - float(deadly.read_text())) < 1e-6:
                    os.kill(os.getpid(), signal.SIGKILL)
            raises = HERE / "raises"
            if images.requires_grad and raises.exists():
                if abs(float(images.detach().double().mean()) - float(raises.read_text())) < 0.004:
                    raise RuntimeError("this image is too much for it")
            return super().forward(images)
    return Mortal()
"""
"""Source of a network that ends a worker at the image whose mean the file `deadly` holds, and waits there with an
attack while there is a file `hold`; anywhere it raises in an attack on an image whose mean is about that in
`raises`."""


def figures(out: Path) -> dict[str, bytes]:
    """All that one process and many write alike; the rows as a set."""
    found = {
        str(path.relative_to(out)): re.sub(rb'"started": "[^"]*"', b"", path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in NOT_COMPARED
    }
    found["rows.jsonl"] = b"\n".join(sorted(found["rows.jsonl"].split(b"\n")))
    return found


def children(pid: int | None = None) -> list[int]:
    """The processes that a process, or this one, has started and that have not ended."""
    try:
        tasks = list(Path(f"/proc/{pid or os.getpid()}/task").iterdir())
        return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())
    except OSError:
        return []


def worker_pids() -> list[int]:
    """The workers of this machine: they are forked from a server, which this process has started."""
    return sorted(worker for server in children() for worker in children(server))


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it is true; fails after a generous time."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)

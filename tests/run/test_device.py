"""The device of a run, and the process made ready for it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from foolscape.run.settings.device import ready_device

_FAULTS = """
import ctypes, resource, torch
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: a huge page would count as one
from foolscape.run.settings.device import ready_device
{ready}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({rounds}):
    blocks = [torch.ones(1 << 20) for _ in range(16)]
    del blocks
before = faults()
for _ in range(20):
    blocks = [torch.ones(1 << 20) for _ in range(16)]
    del blocks
print(faults() - before)
"""


def _faults(ready: str, rounds: int) -> int:
    """Page faults of a fresh process that drops and makes sixteen blocks of 4 MiB twenty times, after some `rounds`."""
    code = _FAULTS.format(ready=ready, rounds=rounds)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_auto_is_a_device_that_works() -> None:
    device = ready_device("auto")
    assert torch.zeros(1, device=device).device.type == device.type


def test_numbers_too_small_for_full_precision_cost_nothing() -> None:
    try:
        ready_device("cpu")
        assert float(torch.tensor([1e-39]) * 1) == 0
    finally:
        torch.set_flush_denormal(False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted where glibc may be")
def test_memory_that_an_iteration_frees_is_there_for_the_next() -> None:
    # By its defaults glibc gives back everything every time (327,000 faults) or, where something small lies above the
    # blocks, about one block of the sixteen (17,000); which of them is chance. A process made ready
    # has from 0 to 5,120, by chance, too (18 tries, AMD EPYC).
    few = 8192
    if _faults("", rounds=1) < 2 * few:
        pytest.skip("this C library keeps freed memory by itself")
    # The second round finds the heap as it stays, whatever was imported before.
    assert _faults("ready_device('cpu')", rounds=2) < few

"""benchmarks/synchronisations.py: what it counts is there, and an iteration makes the host wait once at most."""

import pytest
import torch


def test_what_a_gpu_would_wait_for_is_counted() -> None:
    from counting import DEVICE, counted
    from foolscape.sending import numbers_on, sent

    with counted() as count:
        here = torch.tensor([1.0, 2.0])
        there = here.to(DEVICE)
        for waits in (
            lambda: there.sum().item(),
            lambda: bool((there > 1).any()),
            lambda: there.tolist(),
            lambda: there.cpu(),
            lambda: here.to(DEVICE, non_blocking=True),  # out of memory that is not pinned
            lambda: torch.tensor([1.0], device=DEVICE),
            lambda: there.new_tensor([1.0]),
            lambda: there[there > 1],
            lambda: there[[0]],
            lambda: there.nonzero(),
            lambda: torch.unique(there),
        ):
            before = count.waits.total()
            waits()
            assert count.waits.total() == before + 1
        before = count.waits.total()
        assert (numbers_on(DEVICE, [3, 4], torch.float32) + there).cpu().tolist() == [4, 6]
        assert (numbers_on(DEVICE, [3, 3], torch.float32) * sent(here, DEVICE)).cpu().tolist() == [3, 6]
        assert count.waits.total() == before + 2  # what is read, alone
        with pytest.raises(RuntimeError, match="on the device and on the CPU"):
            there + here


def test_operations_are_counted_and_their_results_are_right() -> None:
    from counting import DEVICE, counted

    with counted() as count:
        images = torch.tensor([1.0, -2.0]).to(DEVICE).requires_grad_(True)
        before = count.operations
        value = (images * images).sum()
        assert count.operations == before + 2
        (gradient,) = torch.autograd.grad(value, images)
        assert gradient.device == DEVICE
        assert gradient.cpu().tolist() == [2, -4]


@pytest.mark.parametrize(("task", "batch"), [("segmentation", 1), ("segmentation", 3), ("detection", 2), ("video", 1)])
def test_an_iteration_of_any_attack_waits_for_the_device_once_at_most(
    task: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import synchronisations

    monkeypatch.setattr(synchronisations, "STEPS", 3)
    monkeypatch.setattr(synchronisations, "LENGTHS", {"worst-case": {"budget": 25}, "fgsm": {}})
    chosen = [case for case in synchronisations.cases() if case.task == task]
    found = synchronisations.measure(chosen, [batch], lambda _: None)
    assert {one.name.split()[0] for one in found} == {a.name for a in synchronisations.CATALOG if task in a.tasks}
    assert all(one.iterations for one in found)
    over = {one.name: one.places for one in found if one.most > 1}
    if task == "detection":
        # Of NMS the host must know how many boxes it keeps.
        assert "attacks/parts/nms_objective.py" in " ".join(over.pop("dag --variant released"))
    assert over == {}

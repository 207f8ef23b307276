"""The other libraries' attacks as contenders, each driven as its own user would have to for dense scores.

Every function imports its library when it is called, by name, so that none of them is needed to run the others. What
had to be worked around stands in the notes. Figures and behaviour: measured with the versions that
`requirements-peers.txt` pins.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, autograd
from torch.nn import functional

from comparison.contender import Absent, Contender, Task
from foolscape.attacks.parts.targets import permuted
from foolscape.problem import IGNORE
from foolscape.seeds import generator_for

CROSS_ENTROPY_VOID = -100
"""The label that PyTorch's cross-entropy leaves out unless it is told another."""

DAG_STEP = 0.003
"""The longest step that adv-lib's authors took for DAG, of [0, 1] (0.001 and 0.003 in the code of ALMA prox); the
default of 0.5 is the paper's 0.5 of 255 read as a share of the range."""


def torchattacks() -> list[Contender | Absent]:
    """PGD and MI-FGSM, whose cross-entropy happens to take dense scores."""
    library = import_module("torchattacks")

    def attack(make: Callable[..., Any], task: Task) -> Tensor:
        able = make(task.network, eps=task.eps.unit, alpha=task.step, steps=task.budget)
        attacked: Tensor = able(task.images, task.labels_with(CROSS_ENTROPY_VOID))
        return attacked

    note = "a void label of 255 crashes it: relabelled to -100"
    return [
        Contender("torchattacks PGD", "torchattacks", lambda task: attack(library.PGD, task), note=note),
        Contender("torchattacks MI-FGSM", "torchattacks", lambda task: attack(library.MIFGSM, task), note=note),
        Absent(
            "torchattacks APGD",
            "takes the coordinates of pixels for numbers of images: an IndexError, or 24 GiB for 2 images of 128x128",
        ),
    ]


def foolbox() -> list[Contender | Absent]:
    """PGD with a loss of our own, since its cross-entropy refuses more than two dimensions."""
    library, eagerpy = import_module("foolbox"), import_module("eagerpy")
    base: Any = library.attacks.LinfProjectedGradientDescentAttack

    class Dense(base):  # type: ignore[misc]
        def get_loss_fn(self, model: Any, labels: Any) -> Callable[[Any], Any]:
            def loss(inputs: Any) -> Any:
                scores = model(inputs).raw
                return eagerpy.astensor(
                    functional.cross_entropy(scores, labels.raw, ignore_index=IGNORE, reduction="sum")
                )

            return loss

    def attack(task: Task) -> Tensor:
        model = library.PyTorchModel(task.network, bounds=(0, 1), device=task.images.device)
        able = Dense(rel_stepsize=task.step / task.eps.unit, steps=task.budget)
        criterion = library.Misclassification(task.labels)
        attacked: Tensor = able.run(model, task.images, criterion, epsilon=task.eps.unit)
        return attacked

    note = "a subclass with a dense loss, called by its inner method: the outer one compares one answer per image"
    return [Contender("foolbox PGD", "foolbox", attack, note=note)]


def captum() -> list[Contender | Absent]:
    """PGD with a dense loss."""
    library = import_module("captum.robust")

    def loss(scores: Tensor, labels: Tensor) -> Tensor:
        pixels = functional.cross_entropy(scores, labels, ignore_index=IGNORE, reduction="none")
        return pixels.flatten(1).sum(1)

    def attack(task: Task) -> Tensor:
        able = library.PGD(task.network, loss, lower_bound=0, upper_bound=1)
        attacked: Tensor = able.perturb(
            task.images,
            radius=task.eps.unit,
            step_size=task.step,
            step_num=task.budget,
            target=task.labels,
            random_start=True,
        )
        return attacked

    note = "a loss per image, summed: gradients below 1e-6 count as none, which those of a mean over pixels are"
    return [Contender("captum PGD", "captum", attack, note=note)]


def art() -> list[Contender | Absent]:
    """PGD with an estimator of our own, since the library has none for segmentation."""
    evasion = import_module("art.attacks.evasion")
    estimators = import_module("art.estimators.estimator")
    kinds: Any = (estimators.LossGradientsMixin, estimators.BaseEstimator)

    class Segmentation(*kinds):  # type: ignore[misc]
        """The least that PGD asks for: the gradient of a loss, from arrays to an array."""

        def __init__(self, task: Task) -> None:
            super().__init__(model=task.network, clip_values=(0.0, 1.0))
            self.device = task.images.device

        @property
        def input_shape(self) -> tuple[int, ...]:
            raise NotImplementedError

        def predict(self, x: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

        def fit(self, x: Any, y: Any, **kwargs: Any) -> None:
            raise NotImplementedError

        def loss_gradient(self, x: Any, y: Any, **kwargs: Any) -> Any:
            del kwargs
            images = _tensor(x, self.device).requires_grad_(True)
            loss = functional.cross_entropy(
                self.model(images), _tensor(y, self.device), ignore_index=IGNORE, reduction="sum"
            )
            return autograd.grad(loss, images)[0].cpu().numpy()

    def attack(task: Task) -> Tensor:
        able = evasion.ProjectedGradientDescent(
            Segmentation(task),
            eps=task.eps.unit,
            eps_step=task.step,
            max_iter=task.budget,
            num_random_init=0,
            batch_size=len(task.images),
            verbose=False,
        )
        return _tensor(able.generate(task.images.cpu().numpy(), task.labels.cpu().numpy()), task.images.device)

    note = (
        "an estimator of 20 lines that gives the gradient of a dense loss; arrays go to numpy and back at every step; "
        "starts at the clean image, since a random start is refused for all but classifiers"
    )
    return [Contender("ART PGD", "ART", attack, note=note)]


def _tensor(array: Any, device: torch.device) -> Tensor:
    there: Tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device)
    return there


def cospgd() -> list[Contender | Absent]:
    """SegPGD and CosPGD: the library has the steps, its user writes the loop."""
    steps = import_module("cospgd").functions

    def cosine(scores: Tensor, labels: Tensor, loss: Tensor, task: Task, taken: int) -> Tensor:
        del taken
        scaled: Tensor = steps.cospgd_scale(scores, labels, loss, num_classes=len(task.classes))
        return scaled.mean()

    def turning(scores: Tensor, labels: Tensor, loss: Tensor, task: Task, taken: int) -> Tensor:
        scaled: Tensor = steps.segpgd_scale(scores, labels, loss, taken, task.budget)
        return scaled

    def attack(scale: Callable[..., Tensor], task: Task) -> Tensor:
        void = len(task.classes)
        labels = task.labels_with(void)
        images: Tensor = steps.init_linf(task.images, task.eps.unit)
        for taken in range(task.budget):
            images = images.detach().requires_grad_(True)
            scores = task.network(images)
            loss = functional.cross_entropy(scores, labels, ignore_index=void, reduction="none")
            (gradient,) = autograd.grad(scale(scores, labels, loss, task, taken), images)
            images = steps.step_inf(images, task.eps.unit, gradient, task.images, task.step, targeted=False)
        return images

    note = "the loop is the user's; void has to be a number that the library takes for the last class, with no loss"
    return [
        Contender("cospgd SegPGD", "cospgd", lambda task: attack(turning, task), note=note),
        Contender("cospgd CosPGD", "cospgd", lambda task: attack(cosine, task), note=note),
    ]


def adv_lib() -> list[Contender | Absent]:
    """The dense attacks, all of which look for a small change by themselves."""
    dense = import_module("adv_lib.attacks.segmentation")

    def given(task: Task) -> dict[str, Any]:
        return {"inputs": task.images, "labels": task.labels_with(0), "masks": task.counted}

    def dag(task: Task) -> Tensor:
        attacked: Tensor = dense.dag(task.network, **given(task), max_iter=task.budget, γ=DAG_STEP)
        return attacked

    def alma_prox(task: Task) -> Tensor:
        attacked: Tensor = dense.alma_prox(task.network, **given(task), num_steps=task.budget)
        return attacked

    def pdpgd(task: Task) -> Tensor:
        attacked: Tensor = dense.pdpgd(task.network, **given(task), norm=float("inf"), num_steps=task.budget)
        return attacked

    def asma(task: Task) -> Tensor:
        generators = [generator_for(task.seed, "attack", name) for name in task.names]
        wanted = permuted(len(task.classes))(task.labels_with(0).cpu(), generators).to(task.labels.device)
        asked = {**given(task), "labels": wanted}
        attacked: Tensor = dense.asma(task.network, **asked, targeted=True, num_steps=task.budget)
        return attacked

    return [
        Contender(
            "adv-lib DAG",
            "adv-lib",
            dag,
            bounded=False,
            note=f"step {DAG_STEP} as its authors, default 0.5; the clean image comes back where under 99 % are fooled",
        ),
        Contender("adv-lib ALMA prox", "adv-lib", alma_prox, bounded=False, note="made for 500 steps"),
        Contender("adv-lib PDPGD", "adv-lib", pdpgd, bounded=False, note="made for 500 steps"),
        Contender(
            "adv-lib ASMA",
            "adv-lib",
            asma,
            bounded=False,
            note="towards permuted classes: without a target it brings back what is wrong; made for 1,000 steps, L2",
        ),
        Absent("adv-lib PGD, APGD", "reshape one answer per image: dense labels end in a RuntimeError"),
    ]


SEA = Absent(
    "SEA (robust-segmentation)",
    "no licence and no package; foolscape fixed ensemble follows the protocol of its paper",
)

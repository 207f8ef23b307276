"""How a gradient becomes a step: direction per pixel, with batch-first state where there is memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from foolscape.attacks.parts.constraints import Constraint
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.problem import Problem

State = tuple[Tensor, ...]
"""What an update remembers; every tensor is batch-first, so that images can leave and join.

What an update decides by on the host it keeps on the CPU: read from the device, it would have to be waited for.
"""


@dataclass(frozen=True)
class StepContext:
    """What an update knows of the iterates when it takes a step.

    Attributes:
        images: (B, 3, H, W), the iterates.
        clean: (B, 3, H, W), as they came in.
        gradient: (B, 3, H, W), of the objective there; zero for an attack that takes none.
        objective: its value of them, and which targets are active.
        taken: steps taken so far.
        generators: an image's source of randomness.
        fooled: whether no more targets are active than may be; empty for an attack without a `ladder`.
        sizes: of the iterates' changes, in levels; empty for an attack without a `ladder`.
    """

    images: Tensor
    clean: Tensor
    gradient: Tensor
    objective: ObjectiveValue
    taken: tuple[int, ...]
    generators: tuple[torch.Generator, ...]
    fooled: tuple[bool, ...] = ()
    sizes: tuple[float, ...] = ()


class Update(Protocol):
    """Computes the next iterates."""

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """Fresh state for the images of `problem`; `generators` holds one per image."""
        ...

    def target_weights(
        self, objective: ObjectiveValue, taken: tuple[int, ...], state: State
    ) -> tuple[Tensor | None, State]:
        """(B, *N): how much the objective of each target counts in the gradient; None: all alike; and the next state.

        `taken` are the steps so far. The gradient is that of the weighed sum, the weights taken as constants.
        """
        del objective, taken
        return None, state

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """The next iterates, inside the constraint, and the next state; `step` is the attack's, in [0, 1]."""
        ...


class Direction(Update, Protocol):
    """An update that steps along a direction of largest change 1, which it makes of the gradient."""

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """(B, 3, H, W) direction to step along, and the next state."""
        ...

    def step(self, context: StepContext, constraint: Constraint, step: float, state: State) -> tuple[Tensor, State]:
        """One step along the direction, projected, and the next state."""
        direction, state = self.direction(context.gradient, context.objective, state)
        return constraint.project(torch.add(context.images, direction, alpha=step), context.clean), state


@dataclass(frozen=True)
class Sign(Direction):
    """The sign of the gradient: FGSM, PGD."""

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """No state."""
        del problem, generators
        return ()

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """sign(g)."""
        del objective
        return gradient.sign(), state


@dataclass(frozen=True)
class MaxAbs(Direction):
    """The gradient divided by its largest magnitude: DAG, r' = gamma r / ||r||_inf (Xie et al. 2017, section 3.2).

    A gradient that is zero everywhere stays zero; the released code divides by zero there.
    """

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """No state."""
        del problem, generators
        return ()

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """g / max|g|, per image."""
        del objective
        largest = gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
        return gradient / largest.clamp_(min=torch.finfo(gradient.dtype).tiny), state


@dataclass(frozen=True)
class UnitL2(Direction):
    """The gradient divided by its Euclidean length: PGD under an L2 bound."""

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """No state."""
        del problem, generators
        return ()

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """g / ||g||_2, per image."""
        del objective
        length = torch.linalg.vector_norm(gradient, dim=(1, 2, 3), keepdim=True)
        return gradient / length.clamp_(min=torch.finfo(gradient.dtype).tiny), state


@dataclass(frozen=True)
class Momentum(Direction):
    """The sign of an accumulated gradient: MI-FGSM, g <- mu g + grad / ||grad||_1 (Dong et al. 2018, eq. 6-7).

    Attributes:
        decay: mu; the paper uses 1.
    """

    decay: float = 1.0

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """A zero momentum."""
        del generators
        return (torch.zeros_like(problem.images),)

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """sign(mu g + grad / ||grad||_1)."""
        del objective
        size = torch.linalg.vector_norm(gradient, ord=1, dim=(1, 2, 3), keepdim=True)
        momentum = self.decay * state[0] + gradient / size.clamp_(min=torch.finfo(gradient.dtype).tiny)
        return momentum.sign(), (momentum,)


@dataclass(frozen=True)
class Annealed(Direction):
    """MI-FGSM's direction, with steps that shrink along half a cosine.

    Long steps find a good face of the bound, short ones refine the iterate on it. APGD (Croce and Hein 2020) adapts its
    step size instead, for which twenty steps are too few.

    Attributes:
        steps: over which the step shrinks.
        last: the last step, as a part of the first.
        momentum: of the direction.
    """

    steps: int
    last: float = 0.05
    momentum: Momentum = Momentum(0.75)

    def start(self, problem: Problem, generators: Sequence[torch.Generator]) -> State:
        """The momentum's, and no step taken."""
        return *self.momentum.start(problem, generators), problem.images.new_zeros(len(problem))

    def direction(self, gradient: Tensor, objective: ObjectiveValue, state: State) -> tuple[Tensor, State]:
        """The momentum's direction, 1 long at first and `last` in the end."""
        *before, taken = state
        direction, after = self.momentum.direction(gradient, objective, tuple(before))
        done = (taken / max(self.steps - 1, 1)).clamp(max=1)
        length = self.last + (1 - self.last) * (1 + (torch.pi * done).cos()) / 2
        return direction * length.view(-1, 1, 1, 1), (*after, taken + 1)

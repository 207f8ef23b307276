"""The public attacks as they are called; written by tools/write_attack_types.py."""

from typing import Literal

from foolscape.attacks.registry import Attack, Recipe
from foolscape.pixels import Levels

class _AlmaProx(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        step: Levels | str = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

alma_prox: _AlmaProx

class _Annealed(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        loss: str | None = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
        resample_candidates: int | None = ...,
    ) -> Recipe: ...

annealed: _Annealed

class _Apgd(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float = ...,
        loss: str | None = ...,
        schedule: Literal["constant", "shrinking"] = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

apgd: _Apgd

class _Ara(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        variant: Literal["corrected", "released", "levelled"] = ...,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

ara: _Ara

class _Dag(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        variant: Literal["paper", "released"] = ...,
        eps: Levels | str | None = ...,
        step: Levels | str = ...,
        steps: int | None = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        quantise_steps: bool = ...,
        resample_candidates: int | None = ...,
    ) -> Recipe: ...

dag: _Dag

class _DagMin(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

dag_min: _DagMin

class _Fgsm(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        loss: str | None = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
        resample_candidates: int | None = ...,
    ) -> Recipe: ...

fgsm: _Fgsm

class _MiFgsm(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        loss: str | None = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
        resample_candidates: int | None = ...,
    ) -> Recipe: ...

mi_fgsm: _MiFgsm

class _Pgd(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        loss: str | None = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
        resample_candidates: int | None = ...,
    ) -> Recipe: ...

pgd: _Pgd

class _PgdMin(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        loss: str | None = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

pgd_min: _PgdMin

class _Segpgd(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        step: Levels | str | None = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        transforms: str | None = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

segpgd: _Segpgd

class _Square(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

square: _Square

class _SquareLabels(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        steps: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

square_labels: _SquareLabels

class _WorstCase(Attack):
    def __call__(  # type: ignore[override]
        self,
        *,
        eps: Levels | str = ...,
        budget: int = ...,
        norm: Literal["linf", "l2"] = ...,
        stop: float | None = ...,
        schedule: Literal["constant", "shrinking"] = ...,
        quantise_steps: bool = ...,
    ) -> Recipe: ...

worst_case: _WorstCase

"""The types of options that several attacks have: what each means is said here once, its default by each attack."""

from __future__ import annotations

from typing import Annotated, Literal

from foolscape.option import Help
from foolscape.pixels import Levels

EPS = Levels.parse("8/255")
"""The bound of attacks under one, unless the user says otherwise."""

HALF = Levels.parse("0.5/255")
"""Of a level: what a step of DAG is long."""

Eps = Annotated[Levels, Help("bound on the change, such as 8/255", unset="none")]
Largest = Annotated[Levels, Help("largest bound that is tried")]
Step = Annotated[Levels, Help("size of a step, such as 0.5/255")]
Steps = Annotated[int, Help("most steps", least=1)]
Norm = Annotated[Literal["linf", "l2"], Help("norm of the bound")]
Stop = Annotated[
    float,
    Help(
        "largest share of the pixels that may be left when an image is done",
        least=0,
        below=1,
        value="a share of the pixels",
    ),
]
Loss = Annotated[str, Help("loss to maximise, such as masked-ce, js or cospgd; or file.py:function")]
Schedule = Annotated[
    Literal["constant", "shrinking"], Help("schedule of the bound, which may shrink to it in stages from twice as much")
]
TransformList = Annotated[
    str, Help("transforms for changes that fool other networks too: any of di,ti,si,vt, by commas", unset="none")
]
QuantiseSteps = Annotated[bool, Help("look at every step as the 8-bit image it would be")]
ResampleCandidates = Annotated[
    int, Help("find a detector's candidates anew every so many steps", least=1, unset="never")
]
Budget = Annotated[int, Help("gradients per image", least=1)]

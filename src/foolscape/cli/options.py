"""The options that several commands of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foolscape.cli.manners import FailOn as _FailOn

Out = Annotated[
    Path | None,
    typer.Option(
        help="Directory for everything the run writes. Without it, runs/NAME-N: the newest unfinished run of the same "
        "settings, else the next N."
    ),
]
New = Annotated[
    bool, typer.Option("--new", help="Without --out: begin the next N even where an unfinished run could go on.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print errors, the result and the verdict alone.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print the summary as JSON to standard output, all else to standard error.")
]
Footnotes = Annotated[bool, typer.Option("--footnotes", help="Print the conventions below the tables, as on the page.")]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="End with 3 at the first image, frame or annotation that cannot be used, instead of counting it.",
    ),
]
FailUnder = Annotated[
    str | None,
    typer.Option(
        help="Exit with 5 where less than this is left of a score under attack, such as mIoU=40; several by commas."
    ),
]
FailOn = Annotated[
    _FailOn | None, typer.Option(help="Exit with 4 where the verdict is not trusted; undecided: or not decided.")
]
Model = Annotated[list[str] | None, typer.Option(help="Spec of a model; repeat for several.")]
Data = Annotated[str | None, typer.Option(help="Spec of the images, such as folder:DIR or camvid:DIR.")]
Config = Annotated[Path | None, typer.Option(help="YAML file of settings; options given here win.")]
Split = Annotated[str | None, typer.Option(help="Split of the data set.")]
Size = Annotated[str | None, typer.Option(help="HEIGHTxWIDTH to resize to; attack and metric work there.")]
Attack = Annotated[
    str | None,
    typer.Option(
        help="An attack of `foolscape list attacks`, also with options, pgd?eps=8/255&steps=20; file.py:function; or "
        "none. Left out: worst-case within 8/255."
    ),
]
Variant = Annotated[str | None, typer.Option(help="Another published form of the attack.")]
Loss = Annotated[
    str | None,
    typer.Option(help="Loss to maximise, such as masked-ce, js or cospgd; or file.py:function."),
]
Schedule = Annotated[str | None, typer.Option(help="Of the bound of apgd: constant, or shrinking from twice as much.")]
Budget = Annotated[int | None, typer.Option(help="Gradients per image that worst-case may take.")]
Transforms = Annotated[
    str | None,
    typer.Option(help="For changes that fool other networks too: any of di,ti,si,vt, by commas."),
]
Ensemble = Annotated[
    list[str] | None,
    typer.Option(help="Networks to fool by one change, as A+B or all, by spec or short name; repeat for several."),
]
Eps = Annotated[
    str | None, typer.Option(help="Bound on the change, such as 8/255; the largest tried by dag-min and pgd-min.")
]
Step = Annotated[str | None, typer.Option(help="Size of a step, such as 0.5/255.")]
Steps = Annotated[int | None, typer.Option(help="Most steps; without --attack the budget of gradients.")]
Norm = Annotated[str | None, typer.Option(help="Norm of the bound: linf or l2.")]
Stop = Annotated[float | None, typer.Option(help="Share of pixels that may be left when an image is done.")]
Limit = Annotated[int | None, typer.Option(help="Only the first N images.")]
Ids = Annotated[str | None, typer.Option(help="Only these images, separated by commas.")]
Batch = Annotated[str | None, typer.Option(help="Images per call of the model, or auto: found by trying.")]
Precision = Annotated[
    str | None, typer.Option(help="Of the attack's gradients: float32 or bf16. What it reached is counted in float32.")
]
Compile = Annotated[bool | None, typer.Option(help="Let torch.compile make the network's forward pass.")]
MemoryFormat = Annotated[str | None, typer.Option(help="contiguous or channels_last.")]
Attention = Annotated[
    str | None,
    typer.Option(help="Kernel of scaled dot-product attention: auto, or math where others' gradient is wrong."),
]
Probes = Annotated[
    int | None, typer.Option(help="On how many images other attacks are tried, for the verdict; by default at least 4.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Device = Annotated[str | None, typer.Option(help="Device as PyTorch names it, or auto.")]
Classes = Annotated[Path | None, typer.Option(help="File with the names of the output channels.")]
Input = Annotated[
    str | None,
    typer.Option(
        help="How every model of yours wants its images and counts classes, by commas: bgr, 255, 1/255, -1..1, "
        "imagenet, undo-imagenet, offset=1, and boxes as xywh, cxcywh, yxyx, shares. Short for ?input=bgr&range=255."
    ),
]
Goal = Annotated[
    str | None, typer.Option(help="Of an attack on a detector: untargeted, mislabel, vanish, vanish-only or fabricate.")
]
OnlyClass = Annotated[str | None, typer.Option(help="The one class of a detector to attack.")]
QuantiseSteps = Annotated[
    bool | None, typer.Option(help="Look at every step as the 8-bit image it would be; dag does by default.")
]
ResampleCandidates = Annotated[int | None, typer.Option(help="Find a detector's candidates anew every N steps.")]
Window = Annotated[int | None, typer.Option(help="How many frames of a clip the attack looks at.")]
Sampling = Annotated[
    str | None, typer.Option(help="Which frames an attack on a clip looks at: first, spread, or random at every step.")
]
LabelsFrom = Annotated[
    str | None, typer.Option(help="truth or prediction: what an attack on a clip takes for right in later frames.")
]
AttackPixels = Annotated[
    str | None, typer.Option(help="all or objects: which pixels of later frames an attack on a clip wants wrong.")
]
Task = Annotated[str | None, typer.Option(help="segmentation, detection or video, where the model does not tell.")]

FormerText = Annotated[str | None, typer.Option(hidden=True)]
FormerNumber = Annotated[int | None, typer.Option(hidden=True)]
FormerSwitch = Annotated[bool | None, typer.Option(hidden=True)]
"""Options by their former names, see `run.settings.former_names`."""

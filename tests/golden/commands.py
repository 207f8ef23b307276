"""The commands: every attack, task and kind of run, on few small bundled scenes."""

from typing import Final

_SEGMENTATION: Final = "run --model bundled:scenes-unet --data scenes: --split test --limit 2 --size 64x96 --probes 1"
_DETECTION: Final = "run --model bundled:scenes-detector --data scenes: --split test --limit 2 --probes 1"
_CLIPS: Final = "run --model bundled:scenes-tracker --data scenes: --split test --limit 1 --size 64x96 --probes 0"

COMMANDS: Final = {
    "dag": f"{_SEGMENTATION} --model bundled:scenes-dilated --attack dag --steps 12",
    "dag-released": f"{_SEGMENTATION} --attack dag --variant released --steps 6 --eps 8/255",
    "dag-permuted": f"{_SEGMENTATION} --attack dag --norm l2 --eps 200/255 --steps 6",
    "fgsm": f"{_SEGMENTATION} --attack fgsm --eps 4/255",
    "pgd": f"{_SEGMENTATION} --attack pgd --eps 4/255 --steps 5 --batch 2",
    "pgd-l2": f"{_SEGMENTATION} --attack pgd --norm l2 --eps 200/255 --step 50/255 --steps 5 --objective js",
    "mi-fgsm": f"{_SEGMENTATION} --attack mi-fgsm --eps 4/255 --steps 5 --boost di,ti,si,vt",
    "apgd": f"{_SEGMENTATION} --attack apgd --eps 2/255 --steps 12 --schedule shrinking --objective masked-ce",
    "segpgd": f"{_SEGMENTATION} --attack segpgd --eps 4/255 --steps 5",
    "annealed": f"{_SEGMENTATION} --attack annealed --eps 4/255 --steps 5 --objective cospgd",
    "square": f"{_SEGMENTATION} --attack square --eps 8/255 --steps 30",
    "worst-case": f"{_SEGMENTATION} --attack worst-case --eps 2/255 --budget 30",
    "dag-min": f"{_SEGMENTATION} --attack dag-min --steps 10",
    "pgd-min": f"{_SEGMENTATION} --attack pgd-min --steps 6",
    "alma-prox": f"{_SEGMENTATION} --attack alma-prox --steps 20",
    "clean": f"{_SEGMENTATION} --attack none",
    "detection-dag": f"{_DETECTION} --attack dag --steps 10",
    "detection-worst-case": f"{_DETECTION} --attack worst-case --eps 2/255 --budget 30",
    "detection-vanish": f"{_DETECTION} --attack pgd --eps 4/255 --steps 5 --goal vanish --victim person",
    "detection-fabricate": f"{_DETECTION} --attack mi-fgsm --eps 4/255 --steps 5 --goal fabricate --probes 0",
    "detection-pgd-min": f"{_DETECTION} --attack pgd-min --steps 5 --probes 0",
    "clips-ara": f"{_CLIPS} --attack ara --variant levelled --steps 6",
    "clips-ara-released": f"{_CLIPS} --attack ara --variant released --steps 4",
    "clips-annealed": f"{_CLIPS} --attack annealed --eps 4/255 --steps 4",
    "clips-worst-case": f"{_CLIPS} --attack worst-case --eps 4/255 --budget 25",
    "transfer": (
        "transfer --model bundled:scenes-unet --model bundled:scenes-dilated --model bundled:scenes-detector "
        "--data scenes: --split test --limit 2 --attack mi-fgsm --eps 4/255 --steps 4 --probes 0 --ensemble all"
    ),
    "universal": (
        "universal --model bundled:scenes-unet --transfer-to bundled:scenes-dilated --data scenes: --train-split train "
        "--test-split test --target hide:person --train-limit 6 --limit 4 --epochs 1 --size 64x96"
    ),
    "universal-boxes": (
        "universal --model bundled:scenes-detector --data scenes: --train-split train --test-split test "
        "--target hide:person --train-limit 4 --limit 3 --epochs 1"
    ),
    "harden": (
        "harden --model bundled:scenes-unet --data scenes: --train-split train --test-split test --train-limit 4 "
        "--batch 2 --test-limit 2 --epochs 1 --size 64x96 --crop 64x64 --attack pgd --steps 2 --eps 2/255"
    ),
}  # fmt: skip
"""By name: what is typed after `foolscape`, but for --out."""

QUICK: Final = ("pgd", "detection-fabricate")
"""Those that every run of the tests makes."""

"""Every attack on every bundled network."""

from pathlib import Path

import pytest

from foolscape.attacks.catalog import CATALOG
from foolscape.models.bundled.load import NAMES

from .made import do_run

# Random search takes more queries than there is time for; it has tests of its own.
SEGMENTING = [attack for attack in CATALOG if "segmentation" in attack.tasks and attack.name != "square"]
CASES = [(attack.name, variant) for attack in SEGMENTING for variant in attack.variants]


# Gradient and wiring are those of the network, whatever attacks it.
pytestmark = pytest.mark.usefixtures("examined_once")


@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize(("attack", "variant"), CASES)
def test_every_attack_harms_every_bundled_model_and_its_controls_do_not(
    tmp_path: Path, model: str, attack: str, variant: str
) -> None:
    # DAG's own 200 steps of half a level take too long here; larger ones come as far in fewer.
    own: dict[str, dict[str, object]] = {
        "dag": {"steps": 40, "step": "2/255"},
        "fgsm": {},
        "square-labels": {"steps": 300},
        "worst-case": {"budget": 60},
        "dag-min": {"steps": 40, "step": "4/255"},
        "pgd-min": {"steps": 30},
        "alma-prox": {"steps": 30, "step": "4/255"},
    }
    settings = own.get(attack, {"steps": 20})
    summary = do_run(
        tmp_path / "out",
        models=[f"bundled:{model}"],
        data="scenes:",
        size="80x128",
        batch=2,
        limit=2,
        probes=0,
        attack=attack,
        variant=variant,
        **settings,
    )
    (scores,) = (m["conditions"] for m in summary["models"])
    clean, attacked, permuted, noise = (
        scores[c]["pixel_accuracy"] for c in ("clean", "adversarial", "permuted", "noise")
    )
    assert clean > 85
    # The robust network is there to be harmed less; what its controls do must stay apart from that all the same.
    harm, apart = (5, 4) if model == "scenes-robust" else (15, 10)
    assert attacked < clean - harm
    assert permuted > attacked + apart
    assert noise > attacked + apart

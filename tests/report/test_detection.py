"""The report of a detector: scores, the fate of its boxes, pictures."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from foolscape.metrics.box_counts import READABLE
from foolscape.metrics.boxes import Truth
from foolscape.records.reader import read_run
from foolscape.report import latex, markdown, print_tables, write_panel
from foolscape.report.pictures.gallery import gallery, views
from foolscape.report.tables.boxes import box_tables
from foolscape.report.tables.headline import aftermath, headline, overview
from foolscape.report.tables.run import scores, tables
from foolscape.report.tables.table import TIMES
from foolscape.report.tasks.detection import RECORD

from ..written import typed, write_truth
from .fake_detection import COLOURS
from .fake_run import HOSTILE
from .page import page_of

Make = Callable[..., Path]


def _summary(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    return found


def _rewrite(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every row of a run."""
    path = directory / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        change(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _pictures(directory: Path) -> list[np.ndarray]:
    """The pictures of the page, six to a case."""
    sources = [value for tag, name, value in page_of(directory).attributes if (tag, name) == ("img", "src")]
    files = (base64.b64decode(source.split(",", 1)[1]) for source in sources)
    return [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files]


def _has(pixels: np.ndarray, label: int) -> bool:
    return bool((pixels == COLOURS[label]).all(axis=2).any())


def test_scores_of_a_detector(detect: Make) -> None:
    summary = _summary(detect())
    table = scores(typed(summary))
    assert [row[1].value for row in table.rows] == ["AP %", "AP50 %", "AP75 %", "mAP VOC07 %", "mAP VOC %"]
    measured = summary["models"][0]["conditions"]["adversarial"]
    cell = table.rows[0][3]
    assert cell.value == f"{measured['AP']:.2f}"
    assert measured["ci95"]["AP"] == [None, None]  # of so few images
    assert cell.detail == ("no interval",)
    assert table.rows[1][2].value == "100.00"


def test_every_number_says_its_convention(detect: Make) -> None:
    text = re.sub(r"\\", "", markdown(_summary(detect(only_class="car", goal="vanish"))))
    for word in ("AP:", "AP50:", "AP75:", "mAP VOC07:", "mAP VOC:", "Kept:", "Mislabelled:", "Vanished:", "Fabricated:",
                 "Preserved:", "AP50 of a class", "Success:", f"from a score of {READABLE} on", "x2 - x1"):  # fmt: skip
        assert word in text, word


def test_boxes_per_image(detect: Make) -> None:
    (table,) = box_tables(typed(_summary(detect())))
    # Images of one, two and three objects; one object of the last is left alone.
    values = {row[1].value: [cell.value for cell in row[2:]] for row in table.rows}
    assert values == {
        "kept": ["2.00", "0.33", "2.00", "2.00"],
        "mislabelled": ["0.00", "1.67", "0.00", "0.00"],
        "vanished": ["0.00"] * 4,
        "fabricated": ["0.00"] * 4,
    }
    assert table.rows[0][2].detail == ("of 2.00",)


def test_boxes_of_the_attacked_class(detect: Make) -> None:
    summary = _summary(detect(goal="vanish", only_class="car"))
    whole, of_class = box_tables(typed(summary))
    assert [cell.value for cell in whole.rows[2][2:]] == ["0.00", "1.00", "0.00", "0.00"]
    assert of_class.title == "What became of the class car"
    assert [cell.value for cell in of_class.rows[2][1:]] == ["vanished", "0.00", "1.00", "0.00", "0.00"]
    assert [cell.value for cell in of_class.rows[4][1:]] == ["others kept %", "100.0", "100.0", "100.0", "100.0"]
    found = {
        row[0].value: row[0].detail
        for table in tables(typed(summary))
        if "by class" in table.title
        for row in table.rows
    }
    assert found == {"car": ("attacked",), "bicycle": (), "person": ()}


@pytest.mark.parametrize(
    ("goal", "sentence", "fate"),
    [
        ("untargeted", "objects are no longer taken for what they are.", "Per image, of 2.0 objects 2.0 are kept"),
        ("mislabel", "objects are taken for another class.", "; 1.7 are mislabelled (0.0 before)."),
        ("vanish", "objects are no longer found.", "; 1.7 vanish (0.0 before)."),
        ("fabricate", "boxes are found where nothing is.", "; 1.0 boxes are fabricated (0.0 before)."),
    ],
)
def test_every_goal_in_words(detect: Make, goal: str, sentence: str, fate: str) -> None:
    summary = _summary(detect(goal=goal))
    assert headline(typed(summary), typed(summary).models[0], {}).startswith(f"DAG ({goal}) ")
    assert box_tables(typed(summary))[0].notes[0] == f"Goal {goal}: {sentence}"
    assert fate in aftermath(typed(summary), typed(summary).models[0])


def test_a_victim_in_words(detect: Make) -> None:
    summary = _summary(detect(goal="vanish", only_class="car", models=("a", "b")))
    assert overview(typed(summary)).startswith("Under DAG (vanish car), AP50 of 2 models went from 100.0 to ")
    assert box_tables(typed(summary))[0].notes[0] == (
        "Goal vanish: objects of class car are no longer found, and those of other classes stay as they are."
    )
    assert aftermath(typed(summary), typed(summary).models[0]) == (
        "Per image, of 1.0 objects of class car 0.0 are kept (1.0 before); 1.0 vanish (0.0 before). "
        "Of the other classes' objects 100.0 % are kept (100.0 % before)."
    )


def test_the_page_of_a_detector(detect: Make) -> None:
    page = page_of(detect(failures=[{"id": "0003", "model": None, "reason": "truncated file"}]))
    for text in ("DAG (mislabel) cut AP50 from 100.0 to", "are mislabelled", "What became of the boxes",
                 "AP50 by class", "truncated file", "lost 2 of 2 found objects", "lost 2 of 3 found objects",
                 f"Boxes from a score of {READABLE} on", "behind the 100 highest scores"):  # fmt: skip
        assert text in page.text, text
    assert re.search(rf"change {TIMES} [\d.]+, about mid-grey", page.text)
    assert page.tags.count("img") == 3 * 6
    order = [page.text.index(f"{count} kept, {rest} mislabelled, 0") for count, rest in ((0, 1), (0, 2), (1, 2))]
    assert order == sorted(order)  # weakest first
    assert page.text.count("lost 1 of 1 found object") == 1


def test_boxes_are_drawn_before_and_after(detect: Make) -> None:
    directory = detect(size=(120, 160))
    _, _, _, clean, truth, attacked = _pictures(directory)[:6]  # one car, taken for a bicycle
    assert [_has(clean, 0), _has(truth, 0), _has(attacked, 0)] == [True, True, False]
    assert [_has(clean, 1), _has(truth, 1), _has(attacked, 1)] == [False, False, True]
    run = read_run(directory)
    legend = gallery(run, run.record.models[0]).legend
    assert [swatch.name for swatch in legend] == ["car", "bicycle", "person"]  # no sign is in any picture


def test_boxes_below_the_readable_score_are_not_drawn(detect: Make) -> None:
    directory = detect(ids=("one",))

    def fade(row: dict[str, Any]) -> None:
        row["measured"]["scores"] = [READABLE - 0.01 for _ in row["measured"]["scores"]]

    _rewrite(directory, fade)
    _, _, _, clean, truth, attacked = _pictures(directory)
    assert [_has(clean, 0), _has(truth, 0), _has(attacked, 1)] == [False, True, False]
    assert "0 kept, 0 mislabelled, 1 vanished" in page_of(directory).text


def test_worst_and_best_cases(detect: Make) -> None:
    page = page_of(detect(ids=[f"image-{n}" for n in range(9)]))
    assert page.tags.count("article") == 6
    assert page.text.index("Broke most") < page.text.index("image-0") < page.text.index("Held best")


def test_images_without_objects_stand_last(detect: Make) -> None:
    directory = detect()

    def empty(row: dict[str, Any]) -> None:
        if row["id"] == "é":
            row["measured"] = {key: [] for key in row["measured"]}

    _rewrite(directory, empty)
    nothing = np.zeros((0, 4)), np.zeros(0, np.int64), *(np.zeros(0, np.bool_),) * 2, np.zeros(0)
    write_truth(directory, "detection", "é", Truth(*nothing))
    run = read_run(directory)
    (view,) = (
        view
        for view in views(directory, run.rows, run.record.models[0], run.record.attack, run.record.layout)
        if view.judged.id == "é"
    )
    assert RECORD.drawing.standing(view)[0] == float("inf")
    ((_, cases),) = gallery(run, run.record.models[0]).groups
    assert [case.id for case in cases] == ["a b/1.png", "0003", "é"]


def test_without_labels(detect: Make) -> None:
    page = page_of(detect(reference="clean prediction"))
    assert (
        "the clean score is 100 by construction. Only where an image has more than 100 of these of one class"
        in page.text
    )
    assert "the model's own clean detections that can be read" in page.text
    captions = [value for _, name, value in page.attributes if name == "alt"]
    assert captions.count("clean detections that are lost") == 3
    assert "truth" not in captions


def test_without_an_attack(detect: Make) -> None:
    directory = detect(attack="none")
    page = page_of(directory)
    assert "nothing was attacked" in page.text
    assert "same change" not in page.text
    assert page.tags.count("img") == 3 * 3
    assert [header.value for header in scores(typed(_summary(directory))).headers] == ["model", "", "clean"]


def test_names_are_text_and_not_markup_everywhere(detect: Make) -> None:
    directory = detect(classes=(f"car{HOSTILE}", "bicycle", "person", "sign"), only_class=f"car{HOSTILE}",
                       goal="vanish", models=(HOSTILE, "second"), ids=(HOSTILE, "b", "c"))  # fmt: skip
    page = page_of(directory)
    source = (directory / "report.html").read_text(encoding="utf-8")
    assert "<script" not in source
    assert "\x1b" not in source
    assert page.text.count('<script>alert("1")</script>') >= 8
    summary = _summary(directory)
    assert "\x1b" not in markdown(summary) + latex(summary)
    assert r"\input" not in latex(summary)
    file = io.StringIO()
    print_tables(directory, Console(file=file, width=80, color_system=None))
    assert "\x1b" not in file.getvalue()
    assert max(len(line.rstrip()) for line in file.getvalue().splitlines()) <= 80


def test_missing_pictures_do_not_break_it(detect: Make) -> None:
    directory = detect()
    shutil.rmtree(directory / "images")
    page = page_of(directory)
    assert page.text.count("not kept") == 3 * 3  # change, attacked image, its detections
    assert page.tags.count("img") == 3 * 3


def test_the_panel_of_a_detector(detect: Make) -> None:
    path, factor = write_panel(detect(), "0003", side=160)
    assert factor == pytest.approx(127.5 / 3)
    assert np.asarray(Image.open(path)).shape[:2] == (2 * 120 + 8, 3 * 160 + 2 * 8)

"""Images that are there already: every usual form is the same images, and what could be read in two ways is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset, IterableDataset, Subset, TensorDataset

import foolscape as fs
from foolscape.data.load import open_data, open_detection
from foolscape.data.own import data_set_of
from foolscape.spec import parse
from foolscape.testing import check_data
from tests.api.made import Named, Photos, batch, net
from tests.run.test_slices import COLOURS

IMAGES, LABELS = batch(4)
BYTES = (255 * IMAGES).round().byte()


class Mapped(Dataset[Any]):
    """Torch's own form, with a length."""

    classes = ("a", "b", "c", "d")

    def __init__(self, images: Any = IMAGES, labels: Any = LABELS) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.images[index], self.labels[index]


class Streamed(IterableDataset[Any]):
    """A torch data set without places, although it inherits `__getitem__` and tells its length."""

    classes = Mapped.classes

    def __len__(self) -> int:
        return len(IMAGES)

    def __iter__(self) -> Iterator[Any]:
        return zip(IMAGES, LABELS, strict=True)


ARRAYS = [image.permute(1, 2, 0).numpy() for image in BYTES]
PILLOW = [(Image.fromarray(one), Image.fromarray(of.byte().numpy())) for one, of in zip(ARRAYS, LABELS, strict=True)]
FORMS: dict[str, Any] = {
    "map-style": Mapped,
    "stream": Streamed,
    "batches": lambda: DataLoader(Mapped(), batch_size=3),
    "batches-of-bytes": lambda: DataLoader(Mapped(BYTES), batch_size=3),
    "batches-of-arrays": lambda: DataLoader(Mapped(ARRAYS, list(LABELS.numpy())), batch_size=2),
    "unbatched": lambda: DataLoader(Mapped(), batch_size=None),
    "unbatched-arrays": lambda: DataLoader(Mapped(ARRAYS), batch_size=None),
    "nothing-joined": lambda: DataLoader(Mapped(), batch_size=2, collate_fn=list),
    "columns": lambda: DataLoader(Mapped(), batch_size=2, collate_fn=lambda many: tuple(zip(*many, strict=True))),
    "of-a-stream": lambda: DataLoader(Streamed(), batch_size=3),
    "labels-with-a-channel": lambda: DataLoader(Mapped(IMAGES, LABELS[:, None]), batch_size=3),
    "samples": lambda: iter(list(zip(IMAGES, LABELS, strict=True))),
    "list": lambda: list(zip(IMAGES, LABELS, strict=True)),
    "pillow": lambda: PILLOW,
    "pillow-iterated": lambda: iter(PILLOW),
    "shuffled-by-a-seed": lambda: DataLoader(
        Mapped(), batch_size=2, shuffle=True, generator=torch.Generator().manual_seed(3)
    ),
}


@pytest.fixture(scope="module")
def report() -> fs.Report:
    return fs.evaluate(net(), (IMAGES, LABELS), "none")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_images(form: str, report: fs.Report) -> None:
    rows = fs.evaluate(net(), FORMS[form](), "none").rows
    assert [row.failure for row in rows] == [None] * 4
    right = [row.right for row in rows]
    wanted = [row.right for row in report.rows]
    if form == "shuffled-by-a-seed":
        assert sorted(map(str, right)) == sorted(map(str, wanted))
    else:
        assert right == wanted
    streamed = [row.right for row in fs.evaluate_stream(net(), FORMS[form](), "none")]
    assert streamed == right
    loaded = fs.load_data(FORMS[form](), classes=Mapped.classes)
    assert len(loaded) == 4
    assert (loaded.task, loaded.classes) == ("segmentation", Mapped.classes)
    image, truth = loaded[1]
    if form != "shuffled-by-a-seed":
        assert isinstance(truth, Tensor)
        assert torch.equal((255 * image).round().byte(), BYTES[1])
        assert torch.equal(truth, LABELS[1])
    assert check_data(loaded.opened, "segmentation").ok
    assert check_data(FORMS[form](), "segmentation").ok


def test_names_are_those_of_what_a_loader_reads() -> None:
    """A network that numbers its classes in another order is only right where the loader's names are known."""
    wanted = [row.right for row in fs.evaluate(Named(), Mapped(), "none").rows]
    parts = [Subset(Mapped(), [0, 1]), Subset(Mapped(), [2, 3])]
    for data in (DataLoader(Mapped(), batch_size=3), ConcatDataset(parts), DataLoader(Subset(Mapped(), range(4)))):
        assert [row.right for row in fs.evaluate(Named(), data, "none").rows] == wanted
        assert [row.right for row in fs.evaluate_stream(Named(), data, "none")] == wanted

    class Others(Mapped):
        classes = ("d", "c", "b", "a")

    with pytest.raises(fs.FoolscapeError, match=r"data sets of the same classes to be joined, got (a|d), .* and "):
        fs.evaluate(net(), ConcatDataset([Mapped(), Others()]), "none")


TARGETS = [
    {"boxes": torch.tensor([[2.0, 3.0, 20.0, 18.0], [4.0, 4.0, 30.0, 20.0]]), "labels": torch.tensor([1, 0])},
    {"boxes": torch.tensor([[1.0, 2.0, 12.0, 20.0], [0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([0, 1])},
]


def test_objects_of_torchvisions_form_in_every_loader() -> None:
    data = Mapped(IMAGES[:2], TARGETS)
    data.classes = ("a", "b")  # type: ignore[assignment]
    forms: list[Any] = [
        data,
        DataLoader(data, batch_size=2),
        DataLoader(data, batch_size=None),
        DataLoader(data, batch_size=2, collate_fn=list),
        DataLoader(data, batch_size=2, collate_fn=lambda many: tuple(zip(*many, strict=True))),
    ]
    for form in forms:
        loaded = fs.load_data(form, "detection", classes=("a", "b"))
        for place, target in enumerate(TARGETS):
            truth = loaded[place].truth
            assert isinstance(truth, dict)
            assert torch.equal(truth["boxes"], target["boxes"])
            assert torch.equal(truth["labels"], target["labels"])
        assert check_data(loaded.opened, "detection").ok
    assert fs.load_data(data).task == "detection"
    one: Any = [(IMAGES[:2], {"boxes": TARGETS[0]["boxes"], "labels": TARGETS[0]["labels"]})]
    with pytest.raises(fs.FoolscapeError, match=r"of each of 2 image\(s\), got one of boxes \(2, 4\).*collate_fn=list"):
        fs.load_data(one, "detection")


def test_boxes_that_say_their_form_are_read_by_it() -> None:
    tv = pytest.importorskip("torchvision.tv_tensors")

    def opened(boxes: list[float], form: str, size: tuple[int, int] = (24, 32)) -> Any:
        target = {"boxes": tv.BoundingBoxes([boxes], format=form, canvas_size=size), "labels": torch.tensor([0])}
        data = Mapped(IMAGES[:1], [target])
        data.classes = ("a",)  # type: ignore[assignment]
        kind = data_set_of("mine", data)
        return kind.openers["detection"](parse("mine", ()), None, None).load("000000").truth

    for form, boxes in (("XYXY", [2, 4, 12, 10]), ("XYWH", [2, 4, 10, 6]), ("CXCYWH", [7, 7, 10, 6])):
        assert opened(boxes, form).boxes.tolist() == [[2, 4, 12, 10]]
    with pytest.raises(
        fs.FoolscapeError, match=r"expected boxes on an image of \(24, 32\), got a canvas_size of \(48,"
    ):
        opened([2, 4, 12, 10], "XYXY", (48, 64))


def test_a_loader_without_a_fixed_order_is_refused(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    seeded = DataLoader(Mapped(), shuffle=True, generator=generator)
    fs.evaluate(net(), seeded, "none")
    for loader in (DataLoader(Mapped(), shuffle=True), seeded):
        for call in (fs.load_data, lambda data: fs.evaluate(net(), data, "none"), lambda data: fs.check(net(), data)):
            with pytest.raises(
                fs.FoolscapeError, match=r"in a fixed order.*shuffles \(RandomSampler\); write shuffle="
            ):
                call(loader)
    # A stream has no places to come back to.
    assert len(list(fs.evaluate_stream(net(), DataLoader(Mapped(), shuffle=True), "none"))) == 4


REFUSED: list[tuple[Any, str]] = [
    (DataLoader(Mapped(3 * IMAGES - 1)), r"in \[0, 1\], got .*; undo the normalisation"),
    (DataLoader(Mapped(255 * IMAGES)), "write images / 255"),
    (DataLoader(Mapped(IMAGES, LABELS / 255)), "ToTensor divides by 255, PILToTensor does not"),
    (DataLoader(Mapped(IMAGES.permute(0, 2, 3, 1))), "permute"),
    (DataLoader(TensorDataset(IMAGES, LABELS, torch.arange(4))), "expected .image, labels., got 3 values"),
    ([{"image": IMAGES[0], "label": LABELS[0]}], "mapping with the keys image, label"),
    (iter([{"image": IMAGES[0], "label": LABELS[0]}]), "mapping with the keys image, label"),
    (iter([(IMAGES[0], IMAGES[1])]), "of two images, of which one might be coloured labels"),
    (DataLoader(Mapped(IMAGES[:, :1]), batch_size=2), r"expected \(B, 3, H, W\)"),
    (DataLoader(Mapped(BYTES[:, :1]), batch_size=2), r"expected \(B, 3, H, W\)"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_what_could_be_read_in_two_ways_is_one_message(data: Any, words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.evaluate(net(), data, "none")


def test_a_data_set_of_normalised_images_is_refused_by_each() -> None:
    data = fs.load_data(Mapped(list(3 * IMAGES - 1)))
    with pytest.raises(fs.FoolscapeError, match="leave the normalising out"):
        data[0]
    data = fs.load_data(Mapped(list(255 * IMAGES)))
    with pytest.raises(fs.FoolscapeError, match="got 0 to 255; leave the normalising out, and divide by 255"):
        data[0]


def test_a_truth_that_comes_and_goes_is_a_failure() -> None:
    rows = fs.evaluate(net(), [(IMAGES[0], LABELS[0]), (IMAGES[1], None)], "none").rows
    assert [row.failure is None for row in rows] == [True, False]
    assert "expected a truth beside the image, as data[0] has it, got none" in str(rows[1].failure)
    rows = fs.evaluate(net(), [IMAGES[0], (IMAGES[1], LABELS[1])], "none").rows
    assert "expected none beside the image" in str(rows[1].failure)


MINE = """
import sys
sys.path.insert(0, {root!r})
from torch.utils.data import DataLoader
from tests.api.test_live_data import Mapped, Streamed

def loader():
    return DataLoader(Mapped(), batch_size=3)

def shuffled():
    return DataLoader(Mapped(), shuffle=True)

def generator():
    yield from ((image, labels) for image, labels in zip(Mapped().images, Mapped().labels))

stream = Streamed()
"""


def test_a_file_may_make_any_of_these(tmp_path: Path) -> None:
    from tests.conftest import ROOT

    (tmp_path / "mine.py").write_text(MINE.format(root=str(ROOT)))
    own = {"loader": Mapped(), "stream": Mapped(), "generator": (IMAGES, LABELS)}  # the last one names no classes
    for name, same in own.items():
        rows = fs.evaluate(Named(), f"{tmp_path}/mine.py:{name}", "none").rows
        assert [row.right for row in rows] == [row.right for row in fs.evaluate(Named(), same, "none").rows]
    with pytest.raises(fs.FoolscapeError, match="in a fixed order"):
        fs.evaluate(net(), f"{tmp_path}/mine.py:shuffled", "none")


def test_what_says_itself_what_it_holds_is_taken_as_it_is() -> None:
    scenes = open_data("scenes:", split="test[:2]")
    found = fs.evaluate("bundled:scenes-unet", scenes, "none", size="48x64")
    named = fs.evaluate("bundled:scenes-unet", "scenes:", "none", split="test", limit=2, size="48x64")
    assert [row.to_json() for row in found.rows] == [row.to_json() for row in named.rows]
    assert fs.load_data(open_detection("scenes:", split="test[:2]"), "detection").ids == ("test-000000", "test-000001")
    assert len(fs.load_data(scenes, limit=1)) == 1


def test_some_of_a_data_set_are_chosen_as_of_a_spec(tmp_path: Path) -> None:
    every = fs.evaluate(net(), Photos(), "none").rows
    for given in ({"limit": 2}, {"ids": ["000000", "000001"]}, {"split": "[:2]"}):
        assert fs.evaluate(net(), Photos(), "none", **given).rows == every[:2]  # type: ignore[arg-type]
    drawn = fs.evaluate(net(), Photos(), "none", sample=2, seed=1)
    loaded = fs.load_data(Photos(), sample=2, seed=1)
    assert [row.id for row in drawn.rows] == list(loaded.ids)
    assert any("drawn by seed 1" in note for note in loaded.notes)
    assert fs.evaluate(net(), loaded, "none").rows == drawn.rows
    with pytest.raises(fs.FoolscapeError, match="expected one way to choose images, got sample and limit"):
        fs.load_data(Photos(), sample=2, limit=1)
    for wrong in ({"sample": 0}, {"sample": "two"}, {"seed": -1}):
        with pytest.raises(fs.FoolscapeError, match="expected a whole number of at least"):
            fs.load_data(Photos(), **wrong)  # type: ignore[arg-type]


def test_classes_are_mapped_and_chosen_wherever_data_go_in(tmp_path: Path) -> None:
    names = tmp_path / "map.yaml"
    names.write_text("c: a\nd: void\n")
    data = fs.load_data(Photos(), class_map=names)
    assert data.classes == ("a", "b")
    truth = data[0].truth
    assert isinstance(truth, Tensor)
    labels = Photos().labels[0]
    assert torch.equal(truth, torch.tensor([0, 1, 0, 255])[labels.clamp(max=3)].where(labels != 255, 255))
    by_argument = fs.evaluate(Named(), Photos(), "none", class_map=names)
    assert fs.evaluate(Named(), data, "none").rows == by_argument.rows
    assert [r.right for r in fs.evaluate_stream(Named(), Photos(), "none", class_map=names)] == [
        row.right for row in by_argument.rows
    ]
    over = fs.evaluate(Named(), Photos(), "none", eval_classes=["a"])
    assert over.scores[over.models[0]]["clean"]["mIoU"] != by_argument.scores[over.models[0]]["clean"]["mIoU"]
    assert fs.check(Named(), Photos(), class_map=names, sample=2, eval_classes=["a"]).findings[-1].id == "clean-model"
    for call in (
        lambda **given: fs.evaluate(Named(), Photos(), "none", **given),
        lambda **g: fs.check(Named(), Photos(), **g),
    ):
        with pytest.raises(fs.FoolscapeError, match="eval_classes: expected a list of them, got 'a'"):
            call(eval_classes="a")
        with pytest.raises(fs.FoolscapeError, match="unknown class"):
            call(eval_classes=["x"])
        with pytest.raises(fs.FoolscapeError, match=r"nowhere\.yaml"):
            call(class_map=tmp_path / "nowhere.yaml")


def test_slices_are_in_the_report_also_where_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(dedent(COLOURS))
    table = tmp_path / "known.csv"
    table.write_text(
        "id,night\n"
        + "".join(f"{'north' if i % 4 < 2 else 'south'}/{i:02d},{'yes' if i % 2 else 'no'}\n" for i in range(32))
    )
    space: dict[str, Any] = {}
    exec((tmp_path / "mine.py").read_text(), space)
    found = fs.evaluate(space["Net"](), space["Streets"](), "none", slices=table)
    (slices,) = found.slices.values()
    assert {"night", "camera", "folder"} <= {one.attribute for one in slices}
    assert next(one for one in slices if one.of == "images").name == "night: yes"
    assert "night: yes" in str(found)
    assert not fs.evaluate(net(), Photos(), "none").slices
    with pytest.raises(fs.FoolscapeError, match="slices: expected the path of a table"):
        fs.evaluate(net(), Photos(), "none", slices=5)  # type: ignore[arg-type]


def test_clips_and_maite_go_in_as_they_are() -> None:
    from tests.data.test_maite import Photos as Maite
    from tests.models.trackers.toys import Thing, clip, mask, scores

    frames, first = clip(), mask()
    one = fs.evaluate(Thing(scores), (frames, first), "none").rows
    for data in ([(frames, first)], iter([(frames, first)]), DataLoader(Mapped([frames], [first]), batch_size=None)):
        assert fs.evaluate(Thing(scores), data, "none").rows == one
    with pytest.raises(fs.FoolscapeError, match=r"one clip .*batch_size=None"):
        fs.evaluate(Thing(scores), DataLoader(Mapped([frames], [first])), "none")
    made = Maite()
    loaded = fs.load_data(made)
    assert loaded.task == "detection"
    assert len(loaded) == len(made)
    assert isinstance(loaded[0].truth, dict)
    assert check_data(made, "detection", samples=1).ok
    with pytest.raises(fs.FoolscapeError, match="Photos: expected a data set for segmentation, got one for detection"):
        check_data(made, "segmentation")

    class Changing(Photos):
        """Draws another image each time, as augmentation does."""

        def __getitem__(self, index: int) -> Any:
            return torch.rand(3, 24, 32), self.labels[index]

    assert not check_data(Changing(), "segmentation").ok

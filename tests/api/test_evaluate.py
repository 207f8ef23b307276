"""`foolscape.evaluate` measures what `foolscape run` does, of live objects and specs in any mixture."""

import gc
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import foolscape as fs
from foolscape.attacks.registry import REGISTRY
from foolscape.models.bundled.load import bundled
from foolscape.run.trust.command import with_attack
from tests.api.made import Named, Photos, batch, net
from tests.conftest import ROOT
from tests.models.trackers.toys import Thing, clip, mask, scores
from tests.run.made import do_run
from tests.written import run_record

ATTACK = "pgd?eps=8/255&steps=3"
WRONG_LABELS = "number the classes from 0"


def figures(summary: Any) -> Any:
    """What a summary says of the models, but for their names."""
    models = [
        {key: value for key, value in model.items() if key not in ("model", "slug", "notes")}
        for model in summary["models"]
    ]
    reasons = [{k: v for k, v in one.items() if k not in ("model", "advice")} for one in summary["trust"]["reasons"]]
    return [models, reasons, summary["trust"]["verdict"]]


@pytest.fixture(scope="module")
def report() -> fs.Report:
    return fs.evaluate(net(), Photos(), ATTACK, probes=1)


def test_figures_and_verdict_are_those_of_the_command(tmp_path: Path, report: fs.Report) -> None:
    (tmp_path / "mine.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nfrom tests.api.made import net, Photos\n"
    )
    specs: dict[str, Any] = {"models": [f"{tmp_path}/mine.py:net"], "data": f"{tmp_path}/mine.py:Photos"}
    command = do_run(tmp_path / "run", **specs, attack=ATTACK, probes=1)
    assert figures(report.to_json()) == figures(command)
    assert report.directory is None
    mixed = fs.evaluate(net(), specs["data"], fs.pgd(eps="8/255", steps=3), tmp_path / "out", probes=0)
    assert figures(mixed.to_json())[0] == figures(command)[0]
    written = [{path.name for path in (tmp_path / place).iterdir()} for place in ("run", "out")]
    assert written[0] - {"probes"} == written[1]
    assert fs.load_run(tmp_path / "out").to_json() == json.loads((tmp_path / "out" / "summary.json").read_text())
    loaded = fs.evaluate(fs.load_model(specs["models"][0]), fs.load_data(specs["data"]), ATTACK, probes=0)
    assert figures(loaded.to_json())[0] == figures(command)[0]
    assert loaded.models == (specs["models"][0],)


def test_batches_and_samples_are_the_same_images(report: fs.Report) -> None:
    images, labels = batch()
    loader = DataLoader(TensorDataset(images, labels), batch_size=2)
    for data in ((images, labels), loader, iter([(images[:1], labels[:1]), (images[1:], labels[1:])]), list(Photos())):
        found = fs.evaluate(net(), data, ATTACK, probes=0)
        assert [row.to_json() for row in found.rows] == [row.to_json() for row in report.rows]
    assert [row.id for row in report.rows] == ["000000", "000001", "000002"]


def test_a_stream_gives_the_same_rows_and_writes_nothing(report: fs.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is to be written")

    for name in ("foolscape.disk.write_file", "foolscape.disk.append_file", "tempfile.mkdtemp"):
        monkeypatch.setattr(name, refuse)
    images, labels = batch()
    loader = DataLoader(TensorDataset(images, labels), batch_size=2)
    for data in (loader, Photos()):
        rows = list(fs.evaluate_stream(net(), data, ATTACK))
        assert [row.to_json() for row in rows] == [row.to_json() for row in report.rows]
        pair = report.images("000001")
        assert rows[1].clean is not None
        assert rows[1].adversarial is not None
        assert pair.adversarial is not None
        assert torch.equal(rows[1].clean, pair.clean)
        assert torch.equal(rows[1].adversarial, pair.adversarial)


def test_a_stream_is_not_read_ahead() -> None:
    asked: list[int] = []

    def endless() -> Any:
        while True:
            asked.append(len(asked))
            yield batch(1)

    rows = fs.evaluate_stream(net(), endless(), "fgsm")
    assert [next(rows).id for _ in range(3)] == ["000000", "000001", "000002"]
    assert len(asked) == 3
    rows = fs.evaluate_stream(net(), [batch(1), (batch(1)[0], batch(2)[1])], "fgsm")
    next(rows)
    with pytest.raises(fs.FoolscapeError, match="one for each of 1 images, got 2"):
        next(rows)


def test_a_report_tells_what_was_found(report: fs.Report) -> None:
    (model,) = report.models
    assert model == "in-memory:Sequential"
    assert report.scores[model]["clean"]["pixel_accuracy"] == pytest.approx(
        100 * sum(row.right["clean"] or 0 for row in report.rows) / 3
    )
    assert report.intervals[model]["clean"]["mIoU"] is None
    assert report.finished
    assert {reason.id for reason in report.reasons} >= {"clean-model", "converged"}
    assert all(reason.model in (model, "") for reason in report.reasons)
    assert "Can this be trusted?" in str(report)
    assert repr(report) == f"<Report of in-memory:Sequential under pgd, {report.verdict}>"
    pair = report.images("000002")
    assert pair.adversarial is not None
    assert float((pair.adversarial - pair.clean).abs().max()) == pytest.approx(8 / 255)
    with pytest.raises(fs.FoolscapeError, match="unknown image '000009'"):
        report.images("000009")
    with pytest.raises(fs.FoolscapeError, match="unknown model"):
        report.images("000002", "other")
    html = report._repr_html_()
    assert html.count("<img") == 6
    assert "same change, shuffled" in html
    assert "success %<br><small>claimed %</small>" in html
    assert "in-memory:Sequential: PGD" not in html


def test_the_legend_of_a_figure_lies_below_its_bars(report: fs.Report) -> None:
    figure = report.plot()
    figure.draw_without_rendering()
    (axes,), (legend,) = figure.axes, figure.legends
    assert len(axes.patches) == 4
    assert [text.get_text() for text in legend.get_texts()][:2] == ["clean", "attacked"]
    assert legend.get_window_extent().y1 <= axes.get_tightbbox().y0
    assert legend.get_window_extent().x1 <= figure.bbox.x1


def test_each_of_several_models_is_named_beside_its_figures_and_pictures() -> None:
    found = fs.evaluate([net(), nn.Sequential(nn.Conv2d(3, 4, 1))], batch(1), "fgsm", probes=0)
    html = found._repr_html_()
    assert len(set(found.models)) == 2
    for name in found.models:
        assert f"<p>{name}: FGSM " in html
        assert f"<p>{name}, Every image, weakest first: 000000</p>" in html


def test_advice_is_what_can_be_written_from_python() -> None:
    record = run_record(config={"data": "in-memory:tensors"})
    call = with_attack(record, "in-memory:Sequential", {"attack": "pgd", "eps": "8/255", "steps": 2, "loss": None})
    assert call == 'fs.evaluate(model, data, "pgd?eps=8/255&steps=2")'
    better = eval(call, {"fs": fs, "model": net(), "data": batch(1)})
    assert better.rows[0].iterations == 2


def test_no_advice_of_a_call_is_in_words_of_the_command_line(report: fs.Report, tmp_path: Path) -> None:
    bound = fs.evaluate(net(), batch(1), "pgd?eps=0.5/255&steps=1", probes=0)
    told = [*report.reasons, *bound.reasons, *fs.check(net(), batch(2))]
    advice = {one.id: one.advice for one in told if one.advice}
    assert len(advice) > 3
    assert not [text for text in advice.values() if "--" in text]
    assert advice["bound-below-a-level"] == 'give at least eps="1/255"'
    assert "--" not in str(report).partition("Can this be trusted?")[2]
    fs.evaluate(net(), batch(1)[0], "none", tmp_path / "out")
    with pytest.raises(fs.FoolscapeError, match="choose another out"):
        fs.evaluate(net(), batch(2)[0], "none", tmp_path / "out")


def test_where_no_image_could_be_used_tables_and_page_say_so(tmp_path: Path) -> None:
    class Fails(nn.Module):
        """Takes one look at the first image, which settles its classes, and no other."""

        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            if self.calls > 6:
                raise ValueError("no")
            scores: Tensor = net()(images)
            return scores

    found = fs.evaluate(Fails(), Photos(), "none", tmp_path / "out", probes=0)
    assert (found.scores, found.verdict) == ({"in-memory:Fails": {}}, "not trusted")
    page = (tmp_path / "out" / "report.html").read_text()
    for text in (str(found), page, found._repr_html_()):
        assert "no image was measured" in text
        assert "mIoU" not in text
        assert "By class" not in text
        assert "3 of 3 image(s) could not be used" in " ".join(text.split())


def test_to_pandas_needs_pandas(report: fs.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    lines: Any = report.to_pandas()
    assert [line["id"] for line in lines] == ["000000", "000001", "000002"]
    assert lines[0]["right_adversarial"] == report.rows[0].right["adversarial"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(fs.FoolscapeError, match="install it: pip install pandas"):
        report.to_pandas()


def test_what_was_written_nowhere_goes_with_its_report() -> None:
    found = fs.evaluate(net(), batch(1)[0], "none")
    place = found.run.directory
    assert place.is_dir()
    assert list(found.scores["in-memory:Sequential"]) == ["clean"]
    assert found.images("000000").adversarial is None
    del found
    gc.collect()
    assert not place.exists()


def test_names_are_escaped() -> None:
    evil = "<script>alert(1)</script>"

    class Evil(Photos):
        ids = (evil, "b", "c")
        classes = (evil, "b", "c", "d")

    found = fs.evaluate(net(), Evil(), "fgsm", probes=0)
    html = found._repr_html_() + fs.check(net(), Evil())._repr_html_()
    assert evil not in html
    assert "&lt;script&gt;" in html


def test_an_unfinished_run_is_loaded_and_marked_and_goes_on(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    done = fs.evaluate(net(), Photos(), "fgsm", whole, probes=0)
    shutil.copytree(whole, cut)
    (cut / "summary.json").unlink()
    (cut / "report.html").unlink()
    lines = (cut / "rows.jsonl").read_text().splitlines(keepends=True)
    (cut / "rows.jsonl").write_text("".join(lines[:6]))
    before = sorted(cut.rglob("*"))
    found = fs.load_run(str(cut))
    assert not found.finished
    assert [row.id for row in found.rows] == ["000000"]
    assert found.verdict == "not decided"
    assert "unfinished: 1 of 3 images" in str(found)
    assert "Unfinished: 1 of 3 images" in found._repr_html_()
    assert "unfinished" in repr(found)
    (cut / "rows.jsonl").rename(rows := tmp_path / "rows")
    assert not fs.load_run(cut).plot().legends
    rows.rename(cut / "rows.jsonl")
    assert sorted(cut.rglob("*")) == before
    again = fs.evaluate(net(), Photos(), "fgsm", cut, probes=0)
    assert figures(again.to_json()) == figures(done.to_json())
    other = net()
    nn.init.zeros_(other[2].weight)  # type: ignore[index]
    with pytest.raises(fs.FoolscapeError, match="weights_sha256"):
        fs.evaluate(other, Photos(), "fgsm", cut, probes=0)
    with pytest.raises(fs.FoolscapeError, match="expected a run directory with"):
        fs.load_run(tmp_path / "nothing")
    with pytest.raises(fs.FoolscapeError, match="directory: expected the path of a directory, got 5"):
        fs.load_run(5)  # type: ignore[arg-type]


def test_classes_go_by_their_names() -> None:
    turned = Named()
    found = fs.evaluate(turned, Photos(), "none")
    images, labels = batch()
    right = (turned(images).argmax(1) == torch.where(labels == 255, 255, 3 - labels)) & (labels != 255)
    assert [row.right["clean"] for row in found.rows] == pytest.approx((right.sum((1, 2)) / (22 * 32)).tolist())


def test_several_models_of_one_class_have_names_of_their_own() -> None:
    found = fs.evaluate([net(), net(), Named()], batch(2), "fgsm", probes=0)
    assert found.models == ("in-memory:Sequential", "in-memory:Sequential#2", "in-memory:Named")
    assert found.scores[found.models[0]] == found.scores[found.models[1]]
    assert len(found.rows) == 6


def test_functions_detectors_and_trackers_are_taken() -> None:
    network = net()

    def double(images: Tensor) -> Tensor:
        return 2 * network(images)

    (row,) = fs.evaluate_stream(double, batch(1), "fgsm")
    assert row.model.startswith("in-memory:")
    assert row.model.endswith("double")
    images = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    target = {"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.tensor([0])}
    rows = list(fs.evaluate_stream(bundled("scenes-detector"), (images, [target, target]), "fgsm", goal="vanish"))
    assert [row.right["clean"] for row in rows] == [0, 0]
    pairs = [(tuple(images), (target, target))]  # as torchvision's loaders have them
    again = list(fs.evaluate_stream(bundled("scenes-detector"), pairs, "fgsm", goal="vanish"))
    assert [row.to_json() | {"model": ""} for row in again] == [row.to_json() | {"model": ""} for row in rows]
    (clip_row,) = fs.evaluate_stream(Thing(scores), (clip(), mask()), "fgsm")
    assert clip_row.clean is not None
    assert set(clip_row.right) == {"clean", "adversarial", "permuted", "noise"}


def test_images_that_cannot_be_used_are_rows_with_a_reason() -> None:
    class Faulty(Photos):
        def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
            image, labels = super().__getitem__(index)
            return (image, labels.clamp(max=3) + 40) if index == 1 else (image, labels)

    for rows in (fs.evaluate(net(), Faulty(), "none").rows, list(fs.evaluate_stream(net(), Faulty(), "none"))):
        assert [row.failure is None for row in rows] == [True, False, True]
        assert WRONG_LABELS in str(rows[1].failure)


def test_an_attack_of_ones_own_is_measured() -> None:
    @fs.register("own-steps", source="the tests")
    def own_steps(*, eps: fs.Levels = fs.levels("8/255"), steps: int = 3) -> Any:  # noqa: B008
        """Signed steps."""
        return fs.Ascent(
            objective=fs.cross_entropy,
            update=fs.Sign(),
            constraint=fs.Linf(eps.unit),
            step=eps.unit / 2,
            steps=steps,
            stop=fs.never,
        )

    try:
        named = fs.evaluate(net(), batch(1), "own-steps?steps=2", probes=0)
        made = fs.evaluate(net(), batch(1), own_steps(steps=2), probes=0)
        assert named.rows == made.rows
        assert named.rows[0].iterations == 2
        with pytest.raises(fs.FoolscapeError, match="unknown option of own-steps 'lukewarm'"):
            fs.evaluate(net(), batch(1), "own-steps?lukewarm=2", probes=0)
    finally:
        del REGISTRY["own-steps"]


def test_attacks_and_options_are_those_of_a_run() -> None:
    found = fs.evaluate(net(), batch(1), fs.pgd, options={"eps": "2/255", "steps": 2}, probes=0)
    assert found.to_json()["attack"]["eps"] == "2/255"  # type: ignore[index,call-overload]
    assert found.rows[0].iterations == 2
    with pytest.raises(fs.FoolscapeError, match="eps: expected one value, got "):
        fs.evaluate(net(), batch(1), ATTACK, options={"eps": "2/255"})
    images, target = torch.rand(1, 3, 64, 96), {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    asked: Any = {"model": "bundled:scenes-detector", "data": (images, [target]), "attack": "fgsm", "probes": 0}
    for goal in ({"goal": "vanish"}, {"options": {"goal": "vanish"}}):
        assert fs.evaluate(**asked, **goal).to_json()["attack"]["goal"] == "vanish"  # type: ignore[index,call-overload]
    with pytest.raises(fs.FoolscapeError, match="goal: expected one value, got mislabel and vanish"):
        fs.evaluate(**asked, goal="mislabel", options={"goal": "vanish"})
    with pytest.raises(fs.FoolscapeError, match="data: expected it once"):
        fs.evaluate(net(), batch(1), "fgsm", options={"data": "scenes:"})


class Raising(Photos):
    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        raise KeyError(index)


class Broken:
    def __iter__(self) -> Any:
        yield 1 / 0


IMAGES, LABELS = batch(1)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"data": IMAGES.numpy()}, r"data: expected a tensor .*got \(1, 3, 24, 32\) of float32"),
    ({"data": (IMAGES.numpy(), LABELS)}, "images: expected .*torch.from_numpy"),
    ({"data": (255 * IMAGES).byte()}, "write images / 255"),
    ({"data": 255 * IMAGES}, "write images / 255"),
    ({"data": 4 * IMAGES - 2}, "undo the normalisation"),
    ({"data": IMAGES * float("nan")}, r"in \[0, 1\], got nan"),
    ({"data": IMAGES[:0]}, "expected"),
    ({"data": []}, "at least one image, got none"),
    ({"data": iter(())}, "at least one image, got none"),
    ({"data": {"images": IMAGES}}, "got dict"),
    ({"data": 5}, "got int"),
    ({"data": (IMAGES, LABELS[:, 1:])}, r"labels: expected a class index for every pixel, \(1, 24, 32\)"),
    ({"data": (IMAGES, LABELS.float())}, "float32"),
    ({"data": (IMAGES, LABELS[:0])}, "one for each of 1 images, got 0"),
    ({"data": (IMAGES, 3)}, "labels: expected those of 1"),
    ({"data": (IMAGES, LABELS.clamp(max=3) + 7)}, "labels 0 to 3"),
    ({"model": 5}, "model: expected a torch.nn.Module.*got int"),
    ({"model": []}, "model: expected at least one"),
    ({"model": nn.Module}, "got type"),
    ({"attack": "pdg"}, "pgd"),
    ({"attack": "pgd?epsilon=3"}, "eps"),
    ({"attack": 5}, "recipe: expected a text"),
    ({"task": "tracking"}, "unknown task"),
    ({"device": "gpu"}, "device: expected"),
    ({"device": "meta"}, "device: expected"),
    ({"size": 5}, "size: expected"),
    ({"batch_size": 0}, "batch: expected"),
    ({"seed": -1}, "seed"),
    ({"limit": 3}, "limit: is for images that a spec names"),
    ({"options": 3}, "options: expected them by name"),
    ({"out": 5}, "out: expected the path of a directory, got 5"),
    ({"ids": "a"}, "ids: expected a list of them"),
    ({"data": Broken()}, "data: expected a first batch, got ZeroDivisionError"),
    ({"data": Raising()}, r"expected a sample at data\[0\], got KeyError"),
    ({"data": (IMAGES, [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0)}]), "task": "segmentation"},
     "write task='detection'"),
    ({"model": "bundled:scenes-detector"}, "write task='segmentation'"),
    ({"options": {"epsilon": 3}}, "unknown setting 'epsilon'"),
    ({"model": [net(), "bundled:scenes-detector"], "data": "scenes:"}, "models of one task"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_does_not_fit_is_one_message(change: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"model": net(), "data": (IMAGES, LABELS), "attack": "fgsm", "probes": 0, **change}
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.evaluate(given.pop("model"), given.pop("data"), given.pop("attack"), **given)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (change, words)
        for change, words in WRONG
        if not {"limit", "seed", "out", "ids"} & set(change) and change.get("model") != []
    ],
)
def test_so_is_what_does_not_fit_in_a_stream(change: dict[str, Any], words: str) -> None:
    if isinstance(change.get("model"), list):
        words = "expected a torch.nn.Module"
    given: dict[str, Any] = {"model": net(), "data": (IMAGES, LABELS), "attack": "fgsm", **change}
    if isinstance(given["data"], str):
        words = "loader: expected an iterable"
    with pytest.raises(fs.FoolscapeError, match=words):
        list(fs.evaluate_stream(given.pop("model"), given.pop("data"), given.pop("attack"), **given))

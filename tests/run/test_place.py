"""Where a command writes that was given no --out: which run it goes on with, and which number it takes."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from foolscape.errors import RunError
from foolscape.records.run import RunRecord
from foolscape.run.directory.begun import as_json
from foolscape.run.directory.lock import held, is_empty, locked, release, reserve, reserved
from foolscape.run.directory.place import PlannedRun, model_name, models_name, name_of, placed
from foolscape.run.directory.store import open_run

from ..written import run_record

SETTLED = {"kind": None, "config": {"models": ["a"], "eps": "8/255"}}
PLANNED = PlannedRun("net-pgd", SETTLED)


def begin(runs: Path, number: int, *, finished: bool = False, settled: dict[str, object] = SETTLED) -> Path:
    """A run that was begun before, with a number."""
    path = runs / f"net-pgd-{number}"
    path.mkdir(parents=True)
    given = {key: value for key, value in settled.items() if value is not None} if isinstance(settled, dict) else {}
    record = as_json(run_record()) | given if isinstance(settled, dict) else settled
    (path / "run.json").write_text(json.dumps(record))
    if finished:
        (path / "summary.json").write_text("{}")
    return path


def begun(planned_run: PlannedRun) -> RunRecord:
    """What run.json says of a run of this kind."""
    return run_record(config=planned_run.fields["config"])


def chosen(runs: Path, planned_run: PlannedRun = PLANNED, *, new: bool = False) -> tuple[str, bool]:
    with placed(planned_run, runs, new=new) as place:
        return place.directory.name, place.continued


def test_the_first_run_is_number_one_and_leaves_nothing_behind_when_it_never_begins(tmp_path: Path) -> None:
    assert chosen(tmp_path / "runs") == ("net-pgd-1", False)
    assert list((tmp_path / "runs").iterdir()) == []
    assert chosen(tmp_path / "runs") == ("net-pgd-1", False)


def test_an_unfinished_run_goes_on_and_a_finished_one_does_not(tmp_path: Path) -> None:
    begin(tmp_path, 1)
    assert chosen(tmp_path) == ("net-pgd-1", True)
    assert chosen(tmp_path, new=True) == ("net-pgd-2", False)
    (tmp_path / "net-pgd-1" / "summary.json").write_text("{}")
    assert chosen(tmp_path) == ("net-pgd-2", False)


def test_the_newest_of_several_goes_on_by_number_not_by_letters(tmp_path: Path) -> None:
    for number in (2, 9, 10):
        begin(tmp_path, number)
    begin(tmp_path, 11, finished=True)
    assert chosen(tmp_path) == ("net-pgd-10", True)
    assert chosen(tmp_path, new=True) == ("net-pgd-12", False)


@pytest.mark.parametrize(
    "settled",
    [
        {**SETTLED, "config": {"models": ["a"], "eps": "4/255"}},
        {**SETTLED, "kind": "harden"},
        {"kind": None},
        [],
    ],
)
def test_another_run_of_that_name_is_left_alone(tmp_path: Path, settled: dict[str, object]) -> None:
    begin(tmp_path, 1, settled=settled)
    assert chosen(tmp_path) == ("net-pgd-2", False)


@pytest.mark.parametrize("content", ["", "{", "\x00\x00", '{"config": {"mod'])
def test_a_torn_record_is_no_run_to_go_on_with(tmp_path: Path, content: str) -> None:
    path = begin(tmp_path, 1)
    (path / "run.json").write_text(content)
    assert chosen(tmp_path) == ("net-pgd-2", False)
    assert (path / "run.json").read_text() == content


def test_other_names_do_not_count(tmp_path: Path) -> None:
    for name in ("net-pgd-min-3", "net-pgd-x", "net-pgd-07", "my-net-pgd-5", "net-pgd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(SETTLED))
    assert chosen(tmp_path) == ("net-pgd-1", False)
    (tmp_path / "net-pgd-4").write_text("a file of this name")
    assert chosen(tmp_path) == ("net-pgd-5", False)


def test_the_result_of_a_transfer_is_another_file(tmp_path: Path) -> None:
    begin(tmp_path, 1, finished=True)
    planned_run = PlannedRun("net-pgd", SETTLED, "transfer.json")
    assert chosen(tmp_path, planned_run) == ("net-pgd-1", True)


def test_two_that_start_at_once_get_a_number_each(tmp_path: Path) -> None:
    other = PlannedRun("net-pgd", {"config": {"models": ["b"]}})
    with placed(PLANNED, tmp_path) as first, placed(other, tmp_path) as second:
        assert (first.directory.name, second.directory.name) == ("net-pgd-1", "net-pgd-2")
        with (
            open_run(second.directory, begun(other), ["clean"]),
            open_run(first.directory, begun(PLANNED), ["clean"]),
        ):
            pass
    assert chosen(tmp_path) == ("net-pgd-1", True)
    assert chosen(tmp_path, other) == ("net-pgd-2", True)


def test_a_run_at_work_is_refused_not_doubled(tmp_path: Path) -> None:
    with placed(PLANNED, tmp_path) as place, open_run(place.directory, begun(PLANNED), ["clean"]):
        with pytest.raises(RunError, match="at work in it; wait for it, or add --new"):
            chosen(tmp_path)
        assert chosen(tmp_path, new=True) == ("net-pgd-2", False)


def test_another_process_that_only_just_starts_has_its_number(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from foolscape.run.directory.place import PlannedRun, placed
        with placed(PlannedRun("net-pgd", {}), Path(sys.argv[1])) as place:
            print(place.directory.name, flush=True)
            sys.stdin.read()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "net-pgd-1"
        assert chosen(tmp_path) == ("net-pgd-2", False)
        process.kill()
    # Killed, it left an empty directory behind, which is as good as none.
    assert is_empty(tmp_path / "net-pgd-1")
    assert chosen(tmp_path) == ("net-pgd-1", False)


def test_a_reservation_is_taken_over_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert reserve(out)
    assert not reserve(out)
    with locked(out), pytest.raises(RunError, match="at work in it"), locked(out):
        pass
    release(out)  # taken over: nothing to give up
    assert out.exists()
    assert reserve(out)
    release(out)
    assert not out.exists()


def test_what_is_held_stays_reserved_between_one_that_works_in_it_and_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for taken_over in (False, True):
        assert reserve(out) or not taken_over
        with held(out):
            for _ in range(2):
                with locked(out):
                    assert not reserve(out)
                (out / "rows.jsonl").touch()
                assert not reserve(out)
        assert out.exists()
        assert reserve(out)
        with pytest.raises(RunError, match="at work in it"), held(out), locked(out), locked(out):
            pass
        with locked(out):
            pass


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("bundled:scenes-unet", "scenes-unet"),
        ("bundled:scenes-unet?weights=a/b.safetensors", "scenes-unet"),
        ("path/to/net.py:build", "net-build"),
        ("package.module:factory", "module-factory"),
        ("transformers:facebook/detr-resnet-50", "detr-resnet-50"),
        ("stcn:models/stcn.pth", "stcn"),
        ("propagation:net.py:build", "net-build"),
        ("plugin", "plugin"),
    ],
)
def test_models_have_short_names(spec: str, name: str) -> None:
    assert model_name(spec) == name


def test_names_are_safe_and_short() -> None:
    assert name_of("net", "universal", "hide:Pedestrian->nearest") == "net-universal-hide-Pedestrian-nearest"
    assert name_of("../..", "/") == "run"
    assert name_of("ü" * 9, "pgd") == "pgd"
    assert len(name_of("x" * 300, "y" * 300)) < 100
    three = [f"bundled:m{i}" for i in range(3)]
    assert models_name(three) == "m0-m1-m2"
    assert models_name([*three, "bundled:m3", "bundled:m4"]) == "m0-m1-and-3-more"


def test_a_folder_of_something_else_keeps_no_lock(tmp_path: Path) -> None:
    """One of photographs, say, in which the lock's file would be noted as no image ever after."""
    (tmp_path / "photo.png").write_bytes(b"")
    refused = pytest.raises(RunError, match="expected an empty directory or a run")
    with reserved(tmp_path), refused, open_run(tmp_path, run_record(), ["clean"]):
        pass
    with locked(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]

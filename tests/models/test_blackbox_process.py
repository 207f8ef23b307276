"""A black box's function in a process of its own: it is ended where it gives no answer in time."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.errors import ModelError, SettingError, UnknownNameError
from foolscape.models.blackbox.answers import map_of, objects_of
from foolscape.models.blackbox.asking import Asker, Pace, UnansweredError
from foolscape.models.blackbox.process import FunctionProcess
from foolscape.models.blackbox.session import run_in_time
from foolscape.models.blackbox.worker import is_strange, plain
from foolscape.models.load import load_model

IMAGE = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)

API = """
import ctypes, time

asked = []

def labels(image):
    asked.append(1)
    print("printed")
    return image.argmax(2)

def count(image):
    asked.append(1)
    return len(asked)

def hangs(image):
    asked.append(1)
    while len(asked) == 2:
        pass
    return len(asked)

def sleeps(image):
    time.sleep(100)

def crashes(image):
    ctypes.string_at(0)

def raises(image):
    raise ConnectionError("gone")

value = 3
labels.classes = ["red", "green", "blue"]
"""


@pytest.fixture
def api(tmp_path: Path) -> str:
    path = tmp_path / "api.py"
    path.write_text(API)
    return str(path)


def test_it_keeps_its_state_until_it_is_ended(api: str) -> None:
    function = FunctionProcess(api, "hangs", 0.5)
    assert function(IMAGE) == 1
    began = time.monotonic()
    with pytest.raises(UnansweredError, match=r"no answer in 0.5 s"):
        function(IMAGE)
    assert time.monotonic() - began < 30
    assert function(IMAGE) == 1  # of another process
    function.end()


def test_what_happens_to_it_is_said(api: str) -> None:
    raising = FunctionProcess(api, "raises", 5)
    with pytest.raises(UnansweredError, match="ConnectionError: gone") as caught:
        raising(IMAGE)
    line = API.splitlines().index('    raise ConnectionError("gone")') + 1
    assert caught.value.place.endswith(f"api.py:{line}")
    crashing = FunctionProcess(api, "crashes", 5)
    with pytest.raises(UnansweredError, match="an end of its process"):
        crashing(IMAGE)
    raising.end()


def test_a_question_without_an_answer_counts_and_is_repeated(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foolscape.models.blackbox.asking._PAUSE", 0.0)
    function = FunctionProcess(api, "sleeps", 0.2)
    asker: Asker[Any] = Asker(function, "api.py:sleeps", map_of, Pace(retries=1, timeout=0.2))
    with pytest.raises(ModelError, match=r"got no answer in 0.2 s in 2 calls; wait longer with \?timeout="):
        asker.ask(IMAGE)
    assert (asker.tally.calls, asker.tally.repeated) == (2, 1)


def test_an_interrupt_ends_it_at_once(api: str) -> None:
    function = FunctionProcess(api, "sleeps", 60)
    function.start()
    process = function.process
    assert process is not None
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    began = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        function(IMAGE)
    assert time.monotonic() - began < 30
    assert process.poll() is not None


def test_what_cannot_be_called_is_refused(api: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean labels"):
        FunctionProcess(api, "label", 5).start()
    with pytest.raises(SettingError, match="to be a function of an image, got int"):
        FunctionProcess(api, "value", 5).start()
    with pytest.raises(SettingError, match="got nothing there"):
        FunctionProcess(str(tmp_path / "none.py"), "f", 5).start()
    with pytest.raises(SettingError, match="got no module nowhere"):
        FunctionProcess("nowhere.at.all", "f", 5).start()
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    with pytest.raises(ModelError, match=r"ModuleNotFoundError.*broken.py:1"):
        FunctionProcess(str(tmp_path / "broken.py"), "f", 5).start()


def test_the_limit_is_noted_and_read(api: str, capfd: pytest.CaptureFixture[str]) -> None:
    loaded: Any = load_model(f"blackbox:{api}:labels?timeout=5&retries=1", image_size=(16, 16))
    assert "an answer is waited for 5 s, a question without one repeated 1 times" in loaded.model.notes
    assert loaded.model.classes == ("red", "green", "blue")
    assert "printed" not in capfd.readouterr().out
    with pytest.raises(SettingError, match="timeout: expected seconds above 0, got '0'"):
        load_model(f"blackbox:{api}:labels?timeout=0", image_size=(16, 16))


def test_an_answer_of_another_form_is_asked_again() -> None:
    answers = iter([None, np.full((4, 5, 3), np.nan), np.zeros((2, 5), int), IMAGE.argmax(2)])
    asker: Asker[Any] = Asker(lambda _: next(answers), "it", map_of, Pace(retries=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foolscape.models.blackbox.asking._PAUSE", 0.0)
        assert (asker.ask(IMAGE) == IMAGE.argmax(2)).all()
    assert (asker.tally.calls, asker.tally.repeated) == (4, 3)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.full((4, 5, 3), np.inf), "60 of 60 that are NaN or infinite"),
        (np.full((4, 5, 3), 1e300), "NaN or infinite in float32"),
        (np.zeros((4, 5)), "return the indices of classes in an integer type"),
        (np.zeros((1, 4, 5), int), r"return answer\[0\]"),
        (np.zeros((2, 5), int), "resize the answer in the function"),
        (np.zeros((4, 5, 3), complex), "of complex128"),
        (plain(object()), "got object; return an array so"),
        ("road", "got str; return an array so"),
    ],
)
def test_what_a_map_is_not(answer: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        map_of(answer, IMAGE)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (([[1, 2, 3, np.nan]], [0.5], [0]), "NaN or infinite corners in 1 of 1"),
        (([[1, 2, 3, 4]], [50], [0]), "got 50 to 50; return probabilities"),
        (([[1, 2, 3, 4]], [0.5], [1.5]), "labels that are whole numbers"),
        (IMAGE, r"\(4, 5, 3\) of uint8, as of a segmentation"),
    ],
)
def test_what_boxes_are_not(answer: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        objects_of(answer, IMAGE)


def test_answers_in_arrays() -> None:
    class Found:
        boxes, scores, labels = [[1, 2, 3, 4]], [0.5], [0]

    assert set(plain(Found())) == {"boxes", "scores", "labels"}  # type: ignore[call-overload]
    assert is_strange(plain({1, 2}))
    assert not is_strange(plain(([], [])))
    assert plain(["a", "b"]) == ("a", "b")


def test_a_session_is_told_to_stop() -> None:
    class Slow:
        def run(self, outputs: list[str], given: dict[str, Any], options: Any) -> list[Any]:
            while not options.terminate:
                time.sleep(0.01)
            raise RuntimeError("terminated")

    with pytest.raises(UnansweredError, match=r"no answer in 0.05 s"):
        run_in_time(Slow(), ("scores",), {}, 0.05)

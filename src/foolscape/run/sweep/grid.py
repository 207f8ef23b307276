"""The grid of a sweep as the runs that it is made of, each with a checked config, the most telling first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from foolscape.attacks.default import OURS, planned
from foolscape.attacks.names import NONE, TASK_OPTIONS, foreign_to
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import REGISTRY
from foolscape.data.load import check_data_name, is_own, kind_of
from foolscape.errors import ModelError, SettingError, UnknownNameError
from foolscape.run.directory.place import model_name, name_of
from foolscape.run.settings.attack_options import options_in
from foolscape.run.settings.bounds import EPS, bounds_in
from foolscape.run.settings.choice import plans_of, with_attack
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.task_of import task_of, with_task
from foolscape.run.settings.user_attack import enter_attack
from foolscape.run.sweep.lists import Entry, Lists
from foolscape.run.sweep.refusals import Refusals
from foolscape.run.sweep.rules import EXCLUDE, ONLY, Rule
from foolscape.tasks.base import task_named


@dataclass(frozen=True)
class Cell:
    """A run of the grid.

    Attributes:
        name: of its directory.
        model, data, attack: as tables call them.
        bounds: of the sweep's; none where the attack has its own, or no attack is made.
        seed: of everything random.
        config: of the run.
        fault: why its model cannot be opened, where that shows already; else empty.
        rank: its place in the order: of seed, attack, data and model.
        unwanted: bounds at which it was measured, and that the file does not list any more.
    """

    name: str
    model: str
    data: str
    attack: str
    bounds: tuple[str, ...]
    seed: int
    config: RunConfig
    fault: str = ""
    rank: tuple[int, ...] = ()
    unwanted: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is called in messages."""
        within = f", eps {','.join(self.bounds)}" if self.bounds else ""
        return f"{self.model} x {self.data} x {self.attack}{within}, seed {self.seed}"

    def within(self, bounds: tuple[str, ...], name: str) -> Cell:
        """The same at other bounds, in another directory."""
        options = {**self.config.options, EPS: ",".join(bounds)}
        return replace(self, name=name, bounds=bounds, config=self.config.model_copy(update={"options": options}))


def cells_of(lists: Lists) -> tuple[Cell, ...]:
    """The cells of a sweep, the most telling first.

    First of all every model, with the strongest attack and the first seed, on the first data set that it is measured
    on; then the same on its other data sets; then the other attacks, by their strength, as far as they have one, and
    then by the file; then the other seeds. Within each, models come in the order of the file. All bounds of a cell
    are one run.

    Raises:
        SettingError: a cell cannot be, its attack does not take its settings for one; two are the same; a rule matches
            none; there is none.
    """
    for entry in lists.data:
        check_data_name(str(entry.settings["data"]))
    used: set[str] = set()
    refused = Refusals(lists)
    found = [cell for cell in _all(lists, used, refused) if cell is not None]
    refused.tell()
    for name, rules in ((ONLY, lists.only), (EXCLUDE, lists.exclude)):
        if idle := [rule.text for rule in rules if f"{name} {rule.text}" not in used]:
            raise SettingError(f"{name}: expected rules that cells match, got {idle[0]}, which none does; leave it out")
    if not found:
        raise SettingError(f"expected at least one cell, got none that {ONLY} and {EXCLUDE} leave")
    _refuse_doubled(found)
    return tuple(sorted(_ranked(found), key=lambda cell: cell.rank))


def _all(lists: Lists, used: set[str], refused: Refusals) -> Iterator[Cell | None]:
    """Every cell that the rules leave, and that can be; those that cannot are kept in `refused`."""
    tasks = cache(task_of)
    places = [range(len(part)) for part in (lists.seeds, lists.attacks, lists.data, lists.models)]
    for place in product(*places):
        seed, attack = lists.seeds[place[0]], lists.attacks[place[1]]
        data, model = lists.data[place[2]], lists.models[place[3]]
        names = {"model": model.names, "data": data.names, "attack": attack.names, "seed": (str(seed),)}

        def stays(bound: str | None, names: Mapping[str, tuple[str, ...]] = names) -> bool:
            return _stays(lists, names, bound, used)

        settings = {**lists.shared, **model.settings, **data.settings, "seed": seed}
        refused.tried(place)
        try:
            yield _cell(lists, (model, data, attack), settings, stays, tasks, place)
        except UnknownNameError:
            raise
        except SettingError as error:
            refused.add(place, f"{model.name} x {data.name} x {attack.name}", str(error))


def _cell(
    lists: Lists,
    entries: tuple[Entry, Entry, Entry],
    settings: dict[str, object],
    stays: Callable[[str | None], bool],
    tasks: Callable[[str], str],
    place: tuple[int, ...],
) -> Cell | None:
    """A cell; None where the rules leave none of it."""
    model, data, attack = entries
    own = options_in(attack.settings)
    name = attack.settings.get("attack")
    if name is not None:
        enter_attack(str(name))
    bounds = lists.bounds if EPS not in own and _takes(name, EPS) else ()
    left = tuple(bound for bound in bounds if stays(bound))
    if not left and (bounds or not stays(None)):
        return None
    fault, task = "", lists.shared.get("task")
    try:
        task = str(task or tasks(model.name))
    except ModelError as error:
        fault, task = str(error), None
    options = {**_shared_options(lists, name, task), **own}
    if left:
        options[EPS] = ",".join(_at_once(name, options, left, task))
    config = make_config({**settings, **({} if name is None else {"attack": name}), "options": options})
    if not fault:
        _check(config)
    base = _digest(config, at_any_bound=bool(left))
    named = name_of(model_name(model.name), data.called[0] if data.called else data.name, str(name or "default"))
    return Cell(
        name=f"{named}-s{config.seed}-{base}",
        model=model.name,
        data=data.name,
        attack=attack.name,
        bounds=bounds_in(config.options) if left else (),
        seed=config.seed,
        config=config,
        fault=fault,
        rank=place,
    )


def _check(config: RunConfig) -> None:
    """`SettingError` where model, data and attack do not go together, as far as that shows before they are opened."""
    resolved, _ = with_attack(with_task(config))
    if is_own(config.data):
        return
    task, data_set = str(resolved.task), kind_of(config.data)
    if task not in data_set.openers:
        raise SettingError(f"expected data for {task}, got {data_set.name}, which has no {task_named(task).truth}")


def _takes(attack: object, option: str) -> bool:
    """Whether an attack has an option of this name; where none is named, one is found that does."""
    if attack is None:
        return True
    return attack != NONE and option in REGISTRY[str(attack)].options


def _shared_options(lists: Lists, attack: object, task: str | None) -> dict[str, object]:
    """Those options of all cells that this attack has, and that mean something for this task."""
    foreign = () if task is None else foreign_to(task_named(task))
    return {
        name: value
        for name, value in options_in(lists.shared).items()
        if name not in foreign and attack != NONE and (name in TASK_OPTIONS or _takes(attack, name))
    }


def _at_once(attack: object, options: Mapping[str, Any], bounds: tuple[str, ...], task: str | None) -> tuple[str, ...]:
    """The bounds that one run takes: all, or the largest where the attack looks for the smallest change below it."""
    if attack is None or len(bounds) < 2 or task is None:
        return bounds
    at_largest = planned(task, str(attack), {**options, EPS: bounds[-1]})
    return bounds[-1:] if at_largest.ascent.ladder else bounds


def _stays(lists: Lists, names: Mapping[str, tuple[str, ...]], bound: str | None, used: set[str]) -> bool:
    """Whether the rules leave a cell; rules that match it are noted in `used`."""

    def matching(name: str, rules: tuple[Rule, ...]) -> bool:
        hits = [rule.text for rule in rules if rule.holds(names, bound)]
        used.update(f"{name} {text}" for text in hits)
        return bool(hits)

    excluded = matching(EXCLUDE, lists.exclude)
    return (not lists.only or matching(ONLY, lists.only)) and not excluded


def _digest(config: RunConfig, *, at_any_bound: bool) -> str:
    """What tells runs apart that differ in anything, or in anything but their bounds."""
    content = config.model_dump(mode="json")
    if at_any_bound:
        content["options"].pop(EPS)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _refuse_doubled(cells: list[Cell]) -> None:
    """`SettingError` for two cells that are one run, written in two ways."""
    first: dict[str, Cell] = {}
    for cell in cells:
        if (other := first.setdefault(_settled(cell), cell)) is not cell:
            raise SettingError(
                f"expected each cell once, got {cell.title} and {other.title}, which are the same run; leave one out"
            )


def _settled(cell: Cell) -> str:
    """All settings of a cell, those that it leaves to their defaults, too."""
    config = cell.config if cell.fault else with_attack(with_task(cell.config))[0]
    content = config.model_dump(mode="json")
    if config.attacks and not cell.fault and config.attack in OURS:

        def plan(name: str, options: Mapping[str, object]) -> Plan:
            return planned(str(config.task), name, options)

        plans = plans_of(str(config.attack), config.options, plan)
        content["options"] = {
            "plans": [one.settings for one in plans],
            **{name: value for name, value in config.options.items() if name == "only_class"},
        }
    return json.dumps(content, sort_keys=True, default=str)


def _ranked(cells: list[Cell]) -> Iterator[Cell]:
    """The cells, with their places in the order; attacks and data are counted for each model by itself."""
    for model in dict.fromkeys(cell.model for cell in cells):
        own = [cell for cell in cells if cell.model == model]
        attacks = sorted({cell.rank[1]: cell for cell in own}.items(), key=lambda item: (-_strength(item[1]), item[0]))
        by_attack = {place: rank for rank, (place, _) in enumerate(attacks)}
        by_data = {place: rank for rank, place in enumerate(sorted({cell.rank[2] for cell in own}))}
        for cell in own:
            seed, attack, data, model_place = cell.rank
            yield replace(cell, rank=(seed, by_attack[attack], by_data[data], model_place))


def _strength(cell: Cell) -> float:
    """Of its attack: that of the catalogue, 0 for one that has none, less for no attack at all."""
    if cell.config.attack is None:
        return float("inf")
    if not cell.config.attacks:
        return -1.0
    return float(REGISTRY[str(cell.config.attack)].strength or 0)

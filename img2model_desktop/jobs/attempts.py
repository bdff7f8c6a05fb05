"""How an engine is tried in a stage, until it works or nothing is left to try.

1. It must be ready: its weights are there, and it is not set aside.
2. Memory is asked before the work: the first of its ways that fits is taken, see `engines.base.ways`.
3. Trouble that may have passed (a helper process that died, a first bug) is tried again, a few times.
4. When memory runs out all the same, the next cheaper way is tried; each way once.
5. Then a built-in engine takes over, if the user allows it.

Every change of plan is told with its reason, and noted in the job folder, so that a restarted job does not go through
the same trouble again. The user's own mistakes and the user's wish to stop end it at once.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

from img2model_desktop.core import atomic
from img2model_desktop.core.events import Decision, Stage
from img2model_desktop.core.progress import Progress
from img2model_desktop.core.request import Quality
from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec, Way, build_options, ways
from img2model_desktop.engines.bench import Bench, fits
from img2model_desktop.engines.room import Room, in_words
from img2model_desktop.errors import (
    Cancelled,
    HelperDied,
    Img2ModelError,
    InputProblem,
    OutOfMemory,
    PassingTrouble,
    SetupProblem,
    no_memory,
)

T = TypeVar("T")

AGAINST_ENGINE = ("engine", "bug", "memory")
"""Categories of failures that speak against an engine; others speak of the request or the machine."""

NOTES = "tried.json"
"""In a job folder while the job is under way: where it went on after trouble, by stage."""

CLOSE_OTHERS = "Close other programs, or choose a lower quality or a smaller picture."


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard a job tries; made when it starts, see `jobs.breaker`.

    Args:
        retries: how often an engine is tried again in a stage after trouble that may have passed.
        patience: jobs in a row in which an engine may fail; with the last of them it is set aside.
        failures: jobs in a row in which engines have failed so far, by key.
        set_aside: why engines are not to be used, by key: a sentence.
    """

    retries: int = 2
    patience: int = 3
    failures: Mapping[str, int] = field(default_factory=dict)
    set_aside: Mapping[str, str] = field(default_factory=dict)


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """What is to be done by an engine.

    Args:
        stage: of the job.
        spec: the wished engine.
        options: its whole option record.
        work: calls the engine it is given, with options and a token of progress.
        begin: says that an engine begins, and returns the token.
        choose: another engine to take over, none of those with these keys; None where there is none.
    """

    stage: Stage
    spec: EngineSpec
    options: Any
    work: Callable[[EngineSpec, Any, Progress], T]
    begin: Callable[[EngineSpec], Progress]
    choose: Callable[[frozenset[str]], EngineSpec | None]


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """What came of it, and truthfully by what.

    Args:
        way: engine and options that made it; its title names the rung, "" being the wished way.
    """

    result: T
    way: Way

    def made_by(self) -> dict[str, str]:
        """For recipes: the engine and, where it is not the wished way, the rung."""
        rung = {"rung": self.way.title} if self.way.title else {}
        return {"engine": self.way.spec.key} | rung


Decide = Callable[[Decision, Stage, str, str, str, str], None]
"""Tells a decision: what, in which stage, about which engine (or ""), message, advice, category of the failure."""


class Attempts:
    """Tries the engines of one job.

    Args:
        bench: calls them.
        policy: how hard.
        quality: of the request, for the options of engines that take over.
        falls_back: whether a built-in engine may take over.
        folder: of the job.
        decide: is called with each decision, before it is followed.
    """

    def __init__(
        self, bench: Bench, policy: Policy, quality: Quality, falls_back: bool, folder: Path, decide: Decide
    ) -> None:
        self._bench = bench
        self._policy = policy
        self._quality = quality
        self._falls_back = falls_back
        self._path = folder / NOTES
        self._decide = decide
        self._agains: dict[Stage, int] = {}
        self._notes: dict[str, dict[str, str]] = _read_notes(self._path)

    def check(self, spec: EngineSpec) -> None:
        """Raises SetupProblem when an engine is not ready and none may take over; cheap, to be asked before the work.

        A job that went on with another engine before it was restarted does not need the wished one.
        """
        if self._falls_back and (self._stand_in(spec, frozenset((spec.key,))) or self._went_on_without(spec)):
            return
        try:
            self._require(spec)
        except SetupProblem as problem:
            raise self._with_offer(problem, spec) from None

    def run(self, task: Task[T]) -> Made[T]:
        """Does a task, see the module.

        Raises:
            Cancelled, InputProblem: at once.
            Img2ModelError: what the last engine said; OutOfMemory tells all that was tried.
            Exception: a bug of the last engine, as it was raised.
        """
        spec, failed = self._first(task), {task.spec.key}
        while True:
            failed.add(spec.key)
            options = task.options if spec.key == task.spec.key else self._options(spec, task.options)
            try:
                return self._with_engine(task, spec, options)
            except (Cancelled, InputProblem):
                raise
            except Exception as error:
                following = self._after(task, spec, error, frozenset(failed))
                if following is None:
                    raise
            spec = following

    def again(self, stage: Stage, trouble: PassingTrouble) -> bool:
        """Whether other work of a stage is to be tried again after trouble that may have passed; tells it then."""
        self._agains[stage] = self._agains.get(stage, 0) + 1
        if self._agains[stage] > self._policy.retries:
            return False
        self._decide(Decision.RETRY, stage, "", f"{trouble.message} It is tried again.", "", trouble.kind)
        return True

    def rung_of(self, stage: Stage, spec: EngineSpec) -> str:
        """The rung that the job came to with an engine, or "" where it works as wished."""
        note = self._notes.get(stage.value, {})
        return note.get("rung", "") if note.get("engine") == spec.key else ""

    def forget(self) -> None:
        """The job is done: nothing to go on with."""
        with contextlib.suppress(OSError):  # what is left is read by nobody: the job has its end
            self._path.unlink(missing_ok=True)

    # one engine

    def _with_engine(self, task: Task[T], spec: EngineSpec, options: Any) -> Made[T]:
        progress = task.begin(spec)
        self._require(spec)
        tries = _Tries(ways(spec, options), self._policy.retries)
        tries.go_to(self.rung_of(task.stage, spec))
        why = ""
        while True:
            try:
                self._find_room(task, tries, progress, why)
                return Made(task.work(tries.way.spec, tries.way.options, progress), tries.way)
            except (Cancelled, InputProblem, _NoRoom):
                raise
            except Exception as error:
                _stop_if_wished(progress)
                decision, sentence, kind = tries.after(error), _sentence(error), _kind(error)
                if decision is None:
                    if _is_memory(error):
                        raise tries.all_tried(_as_problem(error)) from None
                    raise
            why = ""
            if decision is Decision.STEP_DOWN:
                tries.step()
                why = f"{spec.title} ran out of memory, so it goes on with"
            else:
                self._decide(decision, task.stage, spec.key, f"{sentence} {spec.title} is tried again.", "", kind)

    def _find_room(self, task: Task[T], tries: "_Tries", progress: Progress, why: str) -> None:
        """Goes down to the first way that fits the free memory, and tells it where that is not the present one.

        Args:
            why: the beginning of a sentence that goes on with the rung's title, when it is on its way down already;
                or "".

        Raises:
            OutOfMemory: no way fits.
        """
        wished = tries.way
        while True:
            way = tries.way
            room = self._bench.room(way.spec, way.mib, way.card_mib, progress.part(0.0, 0.0))
            if room.card is None:
                tries.without_card()
                way = tries.way
            if fits(room, way.mib, way.card_mib):
                break
            if not why:
                why = f"{_lack(wished, room)}, so it goes on with"
            tries.skipped(way)
            if not tries.step():
                raise tries.all_tried(_NoRoom(f"{_lack(way, room)}.", CLOSE_OTHERS))
        if why:
            self._note(task.stage, way.spec.key, way.title, "")
            advice = "Close other programs to get what was wished."
            self._decide(Decision.STEP_DOWN, task.stage, way.spec.key, f"{why} {way.title}.", advice, "memory")

    # another engine

    def _after(self, task: Task[T], spec: EngineSpec, error: Exception, failed: frozenset[str]) -> EngineSpec | None:
        """The engine that takes over after one has failed for good; None where the failure stands."""
        kind, reason = _kind(error), _sentence(error)
        self._count(task.stage, spec, kind, reason)
        following = task.choose(failed | frozenset(self._policy.set_aside)) if self._falls_back else None
        if following is None:
            if isinstance(error, Img2ModelError):
                self._with_offer(error, spec)
            return None
        message = f"{reason} {following.title}, which is built in, takes over from {spec.title}."
        self._note(task.stage, following.key, "", task.spec.key)
        advice = error.advice if isinstance(error, Img2ModelError) else ""
        self._decide(Decision.FALL_BACK, task.stage, spec.key, message, advice, kind)
        return following

    def _count(self, stage: Stage, spec: EngineSpec, kind: str, reason: str) -> None:
        """Sets an engine aside with the last failure that is borne."""
        policy = self._policy
        count = policy.failures.get(spec.key, 0) + 1
        if kind in AGAINST_ENGINE and spec.key not in policy.set_aside and count >= policy.patience:
            other = self._stand_in(spec, frozenset((spec.key,)))
            offer = f"Use {other.title}, or try {spec.title} again" if other else f"Try {spec.title} again"
            message = f"{spec.title} failed in {count} jobs in a row and is set aside: {reason}"
            self._decide(Decision.SET_ASIDE, stage, spec.key, message, f"{offer} when the reason is gone.", kind)

    def _first(self, task: Task[T]) -> EngineSpec:
        """The wished engine, or the one that took over from it before the job was restarted."""
        note = self._notes.get(task.stage.value, {})
        if not self._falls_back or note.get("instead_of") != task.spec.key:
            return task.spec
        return next((spec for spec in catalog.of_role(task.spec.role) if spec.key == note.get("engine")), task.spec)

    def _went_on_without(self, spec: EngineSpec) -> bool:
        return any(note.get("instead_of") == spec.key for note in self._notes.values())

    def _stand_in(self, spec: EngineSpec, but: frozenset[str]) -> EngineSpec | None:
        return stand_in(spec, but | frozenset(self._policy.set_aside))

    def _require(self, spec: EngineSpec) -> None:
        reason = self._policy.set_aside.get(spec.key)
        if reason:
            raise SetupProblem(reason, f"Try {spec.title} again when the reason is gone.")
        self._bench.require(spec)

    def _with_offer(self, problem: Img2ModelError, spec: EngineSpec) -> Img2ModelError:
        other = self._stand_in(spec, frozenset((spec.key,)))
        if other:
            problem.advice = f"{problem.advice} {other.title}, which is built in, could do it instead.".strip()
        return problem

    def _options(self, spec: EngineSpec, wished: Any) -> Any:
        """The options of an engine that takes over: its own, with what the wished one's have in common with them."""
        names = {item.name for item in fields(wished)}
        given = {item.name: getattr(wished, item.name) for item in fields(spec.options) if item.name in names}
        for name, value in given.copy().items():
            try:
                build_options(spec, self._quality, {name: value})
            except InputProblem:  # out of range there, or of another meaning
                del given[name]
        return build_options(spec, self._quality, given)

    def _note(self, stage: Stage, key: str, rung: str, instead_of: str) -> None:
        wished = instead_of or self._notes.get(stage.value, {}).get("instead_of", "")
        self._notes[stage.value] = {"engine": key, "rung": rung, "instead_of": wished}
        with contextlib.suppress(SetupProblem):  # only a restarted job would miss it
            atomic.write_file(self._path, json.dumps(self._notes).encode(), flush=False)


def stand_in(spec: EngineSpec, but: frozenset[str]) -> EngineSpec | None:
    """A built-in engine that can do the work of another one of its role; none of those with these keys."""
    for other in catalog.of_role(spec.role):
        if other.stands_in and not other.weights and other.key not in but:
            return other
    return None


class _NoRoom(OutOfMemory):
    """No way of an engine fits: the work was not begun."""


class _Tries:
    """What was tried of one engine in one stage.

    Args:
        ladder: its ways, the wished one first.
        retries: how often the same way may be tried again, in all.
    """

    def __init__(self, ladder: tuple[Way, ...], retries: int) -> None:
        self._ladder = ladder
        self._retries = retries
        self._at = 0
        self._bugs = 0
        self._kills = 0
        self._log: list[str] = []

    @property
    def way(self) -> Way:
        """That is tried now."""
        return self._ladder[self._at]

    def go_to(self, title: str) -> None:
        """Begins at the rung with this title, where there is one."""
        self._at = next((at for at, way in enumerate(self._ladder) if way.title == title), 0)

    def step(self) -> bool:
        """Goes on to the next cheaper way; False where there is none."""
        self._at = min(self._at + 1, len(self._ladder))
        if self._at < len(self._ladder):
            return True
        self._at -= 1
        return False

    def without_card(self) -> None:
        """Leaves out the ways that only stay off a graphics card: this machine has none."""
        here, (first, *others) = self.way, self._ladder
        kept = [first]
        for way in others:
            if not way.spec.on_processor or all(way.options != other.options for other in kept):
                kept.append(way)
        self._ladder = tuple(kept)
        self._at = kept.index(here) if here in kept else min(self._at, len(kept) - 1)

    def skipped(self, way: Way) -> None:
        """Notes a way that did not fit."""
        self._log.append(f"{_title(way)} (did not fit)")

    def after(self, error: Exception) -> Decision | None:
        """What is to be done about trouble of the present way; None: nothing more."""
        has_more = self._at + 1 < len(self._ladder)
        self._kills += isinstance(error, HelperDied) and error.was_killed
        if _is_memory(error) or (self._kills > 1 and has_more):  # Linux kills where memory has run out
            self._log.append(f"{_title(self.way)} (ran out of memory)")
            self._kills = 0
            return Decision.STEP_DOWN if has_more else None
        is_bug = not isinstance(error, Img2ModelError)
        self._bugs += is_bug
        if self._retries > 0 and (isinstance(error, PassingTrouble) or (is_bug and self._bugs == 1)):
            self._retries -= 1
            return Decision.RETRY
        return None

    def all_tried(self, problem: OutOfMemory) -> OutOfMemory:
        """What to say when no way fits: the last trouble, and everything that was tried."""
        if len(self._ladder) == 1:
            return problem
        tried = "; ".join(dict.fromkeys(self._log))
        return type(problem)(problem.message, f"Tried: {tried}. {problem.advice}".strip(), problem.details)


def _title(way: Way) -> str:
    return way.title or "as wished"


def _lack(way: Way, room: Room) -> str:
    """That there is not enough memory for a way, without the full stop."""
    needed, free, place = way.mib, room.machine or 0, "this machine"
    if room.card is not None and way.card_mib:
        needed, free, place = way.card_mib, room.card, "the graphics card"
    return f"{way.spec.title} needs {in_words(needed)} of memory on {place}, where {in_words(free)} are free"


def _is_memory(error: Exception) -> bool:
    return isinstance(error, (OutOfMemory, MemoryError))


def _as_problem(error: Exception) -> OutOfMemory:
    return error if isinstance(error, OutOfMemory) else no_memory(str(error))


def _kind(error: Exception) -> str:
    if _is_memory(error):
        return OutOfMemory.kind
    return error.kind if isinstance(error, Img2ModelError) else "bug"


def _sentence(error: Exception) -> str:
    """What happened, for people."""
    if isinstance(error, MemoryError):
        return no_memory().message
    return error.message if isinstance(error, Img2ModelError) else "Something went wrong inside the engine."


def _stop_if_wished(progress: Progress) -> None:
    """Raises Cancelled: trouble that comes while a job is stopped is no trouble any more."""
    progress.part(0.0, 0.0).update(0.0)


def _read_notes(path: Path) -> dict[str, dict[str, str]]:
    """What an earlier run of the job left; empty where that is nothing, or damaged."""
    try:
        notes = json.loads(path.read_bytes())
        return {str(stage): {str(name): str(value) for name, value in note.items()} for stage, note in notes.items()}
    except (OSError, ValueError, AttributeError):
        return {}

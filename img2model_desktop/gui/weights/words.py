"""What the weights window says: a row for each set of weights, and the question about files that were brought."""

from collections.abc import Iterable
from dataclasses import dataclass

from img2model_desktop.engines import catalog
from img2model_desktop.engines.base import EngineSpec
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.converted import HALF
from img2model_desktop.engines.weights.delivery import Waiting
from img2model_desktop.engines.weights.found import FREE_LICENCES, UNKNOWN_LICENCE, Found
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.library import SPARE, Origin, SetState, Standing
from img2model_desktop.engines.weights.pipelines import Pipeline
from img2model_desktop.gui.weights.calls import Asked, Brought
from img2model_desktop.jobs.job_row import JobRow, JobState

JOBS_ASKED = 5  # the newest with an engine, of which the middle one says how long it takes


@dataclass(frozen=True, slots=True)
class Row:
    """One set of weights, in words.

    Args:
        key, title: of the set.
        drawing, tone: icon of its state, and its colour: good, warn, bad, dim.
        state_words, state_help: how it stands here, and how large it is; when that was verified, or "".
        use: which engines it is for, and how long they take where that is known.
        source_words: where it is published.
        where: what to fetch from there, more lines.
        licence_words, licence_help, licence_tone: of the badge.
        remove_question: whether to remove it, and what happens then.
        is_here: something of it lies in the library.
        is_whole: engines can use it.
        is_waiting: a download of it has ended early.
        conversions: what can be made of its files, or dropped: (what, words) of each; what is "whole", "half", "drop".
    """

    key: str
    title: str
    drawing: str
    tone: str
    state_words: str
    state_help: str
    use: str
    source_words: str
    where: str
    licence_words: str
    licence_help: str
    licence_tone: str
    remove_question: str
    is_here: bool
    is_whole: bool
    is_waiting: bool = False
    conversions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What the user is asked before a download.

    Args:
        key, name: of the set.
        title, summary: what would come from where under which licence.
        licence: its text, whole.
        files: to copy instead, more lines.
        room: on the disk, a sentence.
        is_possible: whether there is room enough.
    """

    key: str
    name: str
    title: str
    summary: str
    licence: str
    files: str
    room: str
    is_possible: bool


@dataclass(frozen=True, slots=True)
class Way:
    """One way to take files in.

    Args:
        key: "link", "copy" or "move".
        words: what it does to the files and to the disk.
        is_possible: whether there is room for it.
    """

    key: str
    words: str
    is_possible: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """What was found in files that were brought, and the ways to take it in.

    Args:
        name: of the set.
        title, facts, note: one sentence each: what it is, how large and where; what to know, or "".
        drawing, tone: icon, and its colour.
        ways: link, copy, move, or the first alone.
        preferred: key of the one to propose.
    """

    name: str
    title: str
    facts: str
    note: str
    drawing: str
    tone: str
    ways: tuple[Way, ...]
    preferred: str


def row_of(
    state: SetState, jobs: Iterable[JobRow], problem: str = "", left: Waiting | None = None, tflops: float = 0.0
) -> Row:
    """A set in words.

    Args:
        state: how it stands in the library.
        jobs: of the history, newest first.
        problem: what verifying found, a sentence, or "".
        left: of a download that ended early, or None.
        tflops: that networks may reach on this processor, or 0.
    """
    weights = state.weight_set
    is_missing = state.standing is Standing.MISSING
    drawing, tone, words = _standing_words(state, problem or state.problem)
    if left is not None and is_missing:
        size = f"{megabytes(left.bytes)} of {megabytes(weights.bytes)}"
        drawing, tone, words = "pause", "warn", f"Its download is paused: {size} are here"
    licence = state.licence or weights.licence
    files = "\n".join(f"{file.path}  ({megabytes(file.bytes)})" for file in weights.files)
    needed = ", ".join(file.path for file in weights.files if file.is_needed)
    return Row(
        key=weights.key,
        title=weights.title,
        drawing=drawing,
        tone=tone,
        state_words=words,
        state_help=f"Read byte by byte on {state.verified[:10]}" if state.verified else "",
        use=use_words(weights.key, jobs, tflops),
        source_words=f"Published as {weights.source}: {needed}",
        where=f"Download it, or bring these files of {weights.source} from elsewhere:\n{files}",
        licence_words=licence_words(licence),
        licence_help=licence_help(licence),
        licence_tone="dim" if licence in FREE_LICENCES else "warn",
        remove_question="" if is_missing else _remove_question(state),
        is_here=not is_missing,
        is_whole=state.standing is Standing.READY and not problem,
        is_waiting=left is not None,
    )


def conversions_of(state: SetState, made: str, is_pickle: bool) -> tuple[tuple[str, str], ...]:
    """What can be made of a set's files; see `Row.conversions`.

    Args:
        made: name of the converted file that is used, or "".
        is_pickle: it lies here as a PyTorch file.
    """
    if state.standing is not Standing.READY or not state.verified:
        return ()
    ways = []
    if is_pickle and not made:
        ways.append(("whole", f"Make &safetensors of it ({megabytes(state.bytes)} more)"))
    if state.weight_set.takes_half and made != HALF:
        ways.append(("half", f"Make it in &half precision ({megabytes(state.bytes // 2)} more)"))
    if made:
        ways.append(("drop", "&Delete what was made of it"))
    return tuple(ways)


def question_of(asked: Asked) -> Question:
    """What to ask before a download."""
    terms, weights = asked.terms, asked.terms.weight_set
    need = max(weights.bytes - asked.there, 0) + SPARE
    is_possible = asked.free >= need
    room = f"{megabytes(asked.free)} are free on this disk."
    if asked.there:
        room = f"{megabytes(asked.there)} are here already, from an earlier download. {room}"
    if not is_possible:
        room = f"There is not enough space: {megabytes(need)} are needed, and {megabytes(asked.free)} are free."
    return Question(
        key=weights.key,
        name=weights.title,
        title=f"Download {weights.title} ({megabytes(weights.bytes)}) from {terms.host_name}?",
        summary=terms.summary.partition("\n")[2],
        licence=terms.licence_text.rstrip(),
        files=terms.copy_list,
        room=room,
        is_possible=is_possible,
    )


def pipeline_offer(pipeline: Pipeline) -> Offer:
    """The question whether to link to a folder for making pictures from words."""
    count = f"{len(pipeline.files)} files"
    return Offer(
        name=pipeline.title,
        title=f"This is {pipeline.title}: it makes pictures from words.",
        facts=f"{megabytes(pipeline.bytes)} in {count}. {own_licence_words(pipeline.licence)}.",
        note="",
        drawing="fit",
        tone="good",
        ways=(Way("link", "The folder stays where it is, and must stay there. No room is needed."),),
        preferred="link",
    )


def own_licence_words(licence: str) -> str:
    """The licence of something of the user's own, for the badge."""
    return licence_words(licence) if licence else "Its card names no licence"


def offer_of(found: Found, brought: Brought, is_here: bool) -> Offer:
    """The question how to take a set in.

    Args:
        found: the set.
        brought: what it was found in.
        is_here: whether the library has that set already.
    """
    weights = found.weight_set
    size = megabytes(found.bytes)
    notes = []
    if not found.is_published_size:
        notes.append("Not the published file, but it fits: another precision, or a fine-tune.")
    if is_here:
        notes.append("It takes the place of the one that is here.")
    licence = weights.licence if found.is_published_size else found.licence or UNKNOWN_LICENCE
    count = "1 file" if len(found.files) == 1 else f"{len(found.files)} files"
    is_linked = any(file.source.is_symlink() for file in found.files)
    return Offer(
        name=weights.title,
        title=f"This is {weights.title}.",
        facts=f"{size} in {count} of “{brought.path.name}”. {licence_words(licence)}.",
        note=" ".join(notes),
        drawing="fit" if found.is_published_size else "info",
        tone="good" if found.is_published_size else "warn",
        ways=_ways(size, found.bytes, brought, is_linked),
        preferred="copy" if brought.free >= found.bytes + SPARE else "link",
    )


def _ways(size: str, count: int, brought: Brought, is_linked: bool) -> tuple[Way, ...]:
    has_room = brought.free >= count + SPARE
    free = megabytes(brought.free)
    room = f"{size} of {free} that are free." if has_room else f"Needs {size}; {free} are free."
    if is_linked:
        move = "Not possible: what lies there is only a link of the hub's cache."
    elif brought.is_one_disk:
        move = "The files leave their folder; no room is needed."
    else:
        move = f"The files leave their folder. {room}"
    return (
        Way("link", "The files stay where they are, and must stay there. No room is needed."),
        Way("copy", room, has_room),
        Way("move", move, not is_linked and (brought.is_one_disk or has_room)),
    )


def missing_engines(states: Iterable[SetState]) -> dict[str, str]:
    """Why an engine cannot run, by key of each that lacks its weights."""
    reasons = {}
    for state in states:
        if state.standing is Standing.READY:
            continue
        for spec in engines_of(state.weight_set.key):
            size = megabytes(state.weight_set.bytes)
            is_missing = state.standing is Standing.MISSING
            what = f"are not on this machine ({size})" if is_missing else "are damaged"
            reasons[spec.key] = f"{spec.title} needs the weights of {state.weight_set.title}, which {what}."
    return reasons


def _standing_words(state: SetState, problem: str) -> tuple[str, str, str]:
    """Icon, tone and words."""
    if state.standing is Standing.MISSING:
        return "unknown", "dim", f"Not on this machine; needs {megabytes(state.weight_set.bytes)}"
    size = megabytes(state.bytes) + (", linked" if state.how == "link" else "")
    if problem:
        return "unfit", "bad", problem.rstrip(".")
    match state.origin:
        case Origin.PUBLISHED:
            return "fit", "good", f"Here and verified: the published file ({size})"
        case Origin.LIKELY:
            return "fit", "good", f"Here: tensors and size are the published ones ({size})"
        case Origin.OTHER:
            return "info", "warn", f"Here; not the published file, but it fits ({size})"
    return "info", "warn", f"Here, not verified yet ({size})"


def _remove_question(state: SetState) -> str:
    title = state.weight_set.title
    if state.how == "link":
        return f"Remove {title}? The files it links to stay where they are."
    return f"Remove {title}? Its {megabytes(state.bytes)} are deleted from this machine."


def title_of(key: str) -> str:
    """Of a set."""
    return sets.find(key).title


def engines_of(key: str) -> tuple[EngineSpec, ...]:
    """The engines that need a set."""
    return tuple(spec for spec in catalog.ENGINES if spec.weights == key)


def use_words(key: str, jobs: Iterable[JobRow], tflops: float = 0.0) -> str:
    """Which engines a set is for, and how long a job takes: as this machine has taken, else a first guess.

    Args:
        key: of the set.
        jobs: of the history, newest first.
        tflops: that networks may reach on this processor, 10^12 operations a second, or 0.
    """
    engines = engines_of(key)
    if not engines:
        return "No engine of this program uses it yet."
    words = [f"{str(spec.role).capitalize()} “{spec.title}”: {_lower_first(spec.summary)}" for spec in engines]
    seconds = seconds_here({spec.key for spec in engines}, jobs)
    if seconds:
        words.append(f"A job with it takes about {_seconds(seconds)} on this machine.")
    elif tflops and sets.find(key).tflop:
        guess = sets.find(key).tflop / tflops
        words.append(f"A first guess for this processor: {_seconds(guess)} a picture; a graphics card is faster.")
    return " ".join(words)


def seconds_here(engines: set[str], jobs: Iterable[JobRow]) -> float:
    """The middle one of the newest finished jobs with one of these engines, seconds; 0 where there is none.

    Args:
        engines: their keys.
        jobs: newest first.
    """
    took = [row.seconds for row in jobs if row.state is JobState.DONE and row.engine in engines and row.seconds]
    newest = sorted(took[:JOBS_ASKED])
    return newest[len(newest) // 2] if newest else 0.0


def licence_words(licence: str) -> str:
    """A licence for the badge: its name, and what it means for those who sell meshes."""
    if licence in FREE_LICENCES:
        return f"{licence}: free for commercial use"
    if licence == UNKNOWN_LICENCE:
        return "Licence unknown"
    return f"{licence}: has terms of its own"


def licence_help(licence: str) -> str:
    """What follows from a licence, one sentence."""
    if licence in FREE_LICENCES:
        return "Meshes made with it may be sold; whoever passes the weights on keeps the licence text with them."
    return "Ask whoever made these weights, or read their terms, before meshes made with them are sold."


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return "a second"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]

"""A set of weights from its host into the library, once the user has agreed to exactly that.

What is agreed to is a text: what comes from where, how large it is, under which licence. The sha256 of that text is
the consent; without it nothing here opens a socket, nor even loads the module that can. What is half there lies in
`<library>/.download-<key>/files` until it is whole, over any number of tries.
"""

import json
import os
import shutil
from collections import deque
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from img2model_desktop.core import atomic
from img2model_desktop.core.progress import Progress
from img2model_desktop.engines.weights import sets
from img2model_desktop.engines.weights.found import find_one
from img2model_desktop.engines.weights.headers import megabytes
from img2model_desktop.engines.weights.library import FILES, Library, SetState
from img2model_desktop.engines.weights.sets import WeightSet
from img2model_desktop.errors import SetupProblem
from img2model_desktop.paths import resources_dir

HOST = "https://huggingface.co"
HIDDEN = ".download-"
AGREED = "agreed.json"  # what was agreed to, beside the files
LOOKED, FETCHED = 0.04, 0.96  # of the progress: what is here is looked through, all is fetched, all is read again
WINDOW_S = 8.0  # that a speed is measured over
STILL_S = 4.0  # without a byte, after which no speed is told any more


@dataclass(frozen=True, slots=True)
class Terms:
    """What the user is asked to agree to.

    Args:
        weight_set: that would be fetched.
        host: beginning of its addresses, such as `HOST`.
        licence_text: whole.
    """

    weight_set: WeightSet
    host: str
    licence_text: str

    @property
    def host_name(self) -> str:
        """Without the protocol."""
        return self.host.partition("//")[2].partition("/")[0] or self.host

    @property
    def copy_list(self) -> str:
        """What to copy instead from another machine, a line for each file: its path there, and its bytes."""
        entry = self.weight_set
        return "\n".join(f"{entry.source}/{file.path}  ({file.bytes:,} bytes)" for file in entry.files)

    @property
    def territory(self) -> str:
        """Where the licence does not hold, a sentence."""
        return self.weight_set.territory or "The licence excludes no country."

    @property
    def summary(self) -> str:
        """What comes from where under which licence, lines."""
        entry = self.weight_set
        count = "1 file" if len(entry.files) == 1 else f"{len(entry.files)} files"
        revision = entry.revision[:12] or "main"
        return (
            f"{entry.title}: {megabytes(entry.bytes)} in {count}\n"
            f"From {self.host_name}: {entry.source}, revision {revision}; it may send files from hosts of its own.\n"
            f"Licence of the weights: {entry.licence}. {self.territory}\n"
            "The host sees the address of this computer, and that this program asks; nothing else is sent."
        )

    @property
    def text(self) -> str:
        """All that is agreed to."""
        return f"{self.summary}\n\nFiles:\n{self.copy_list}\n\nLicence:\n{self.licence_text}"

    @property
    def consent(self) -> str:
        """What stands for having agreed to this very text."""
        return sha256(self.text.encode()).hexdigest()


def terms_of(key: str, host: str = HOST) -> Terms:
    """What fetching a set means. Raises InputProblem for a key that is none."""
    entry = sets.find(key)
    path = resources_dir() / "licences" / f"{key}.txt"
    text = path.read_text(encoding="utf-8") if path.is_file() else f"{entry.licence}: see {host}/{entry.source}."
    return Terms(entry, host.rstrip("/"), text.strip("\n") + "\n")


def fetch(library: Library, key: str, consent: str, host: str = HOST, progress: Progress | None = None) -> SetState:
    """Fetches what is missing or damaged of a set, and takes it in, in the place of what is there.

    Files in the library that are the published ones are not fetched again. A call that was cancelled or failed leaves
    what came for the next one.

    Args:
        consent: of the `Terms` that the user agreed to.
        host: that the terms named.
        progress: by bytes.

    Raises:
        SetupProblem: nobody agreed to that; or as `download.download` and `Library.take` do.
        Cancelled: the user wants to pause.
    """
    terms = terms_of(key, host)
    if consent != terms.consent:
        raise SetupProblem("Nothing is fetched that nobody agreed to.", "Read what is asked, and agree to it.")
    progress = progress or Progress()
    folder = _place(library, terms)
    _seed(library, key, folder, progress.part(0.0, LOOKED))
    from img2model_desktop.engines.weights.download import (  # the only way to the network: not before here
        Wanted,
        download,
    )

    entry = terms.weight_set
    start, page = f"{terms.host}/{entry.source}/resolve/{entry.revision or 'main'}", f"{terms.host}/{entry.source}"
    wanted = [
        Wanted(file.path, f"{start}/{file.path}", page, file.bytes, file.sha256, file.is_needed) for file in entry.files
    ]
    hashes = download(wanted, folder, progress.part(LOOKED, FETCHED))
    try:
        found = find_one(folder, key, Progress(lambda _: None))
        files = tuple(replace(file, sha256=hashes.get(file.path, "")) for file in found.files)
        licence = resources_dir() / "licences" / f"{key}.txt"
        found = replace(found, files=files, source=entry.source, licence=entry.licence, licence_file=licence)
        state = library.take(found, "move", progress.part(FETCHED, 1.0), {"text": consent, "host": terms.host_name})
    except SetupProblem:
        discard(library, key)  # whole, and yet not what it was to be: going on with it would end here again
        raise
    discard(library, key)
    return state


@dataclass(frozen=True, slots=True)
class Waiting:
    """A download that ended early.

    Args:
        bytes: that are there.
        consent: of the terms that were agreed to.
        host: that they named.
    """

    bytes: int
    consent: str
    host: str


def waiting(library: Library, key: str) -> Waiting | None:
    """What an unfinished download has left, for the next call of `fetch` to go on with; None where there is nothing."""
    folder = library.place / f"{HIDDEN}{key}"
    try:
        agreed = json.loads((folder / AGREED).read_text(encoding="utf-8"))
        consent, host = str(agreed["consent"]), str(agreed["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    there = 0
    for file in sets.find(key).files:
        for path in (folder / FILES / file.path, folder / FILES / f"{file.path}.part"):
            there += path.stat().st_size if path.is_file() else 0
    return Waiting(there, consent, host) if there else None


def discard(library: Library, key: str) -> None:
    """Deletes what an unfinished download has left."""
    shutil.rmtree(library.place / f"{HIDDEN}{key}", ignore_errors=True)


class Pace:
    """How fast a download is, told from its progress alone.

    Args:
        total: bytes of the set.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen: deque[tuple[float, float]] = deque()  # seconds, bytes: at least WINDOW_S back

    def add(self, fraction: float, now: float) -> None:
        """The progress of `fetch` at a moment, seconds of any clock that never goes back."""
        if fraction >= LOOKED:
            there = min((fraction - LOOKED) / (FETCHED - LOOKED), 1.0) * self._total
            self._seen.append((now, there))
            while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW_S:
                self._seen.popleft()

    @property
    def there(self) -> float:
        """Bytes that are here."""
        return self._seen[-1][1] if self._seen else 0.0

    @property
    def share(self) -> float:
        """Of all bytes, 0..1."""
        return self.there / max(self._total, 1)

    def speed(self, now: float) -> float:
        """Bytes a second over the last seconds; 0 where it is not known, or nothing comes."""
        if len(self._seen) < 2 or now - self._last_gain() > STILL_S:
            return 0.0
        (since, first), (_, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - since) if now - since >= 0.5 else 0.0

    def words(self, now: float) -> str:
        """For people: "12 MB of 1.7 GB, 3.4 MB/s, about 8 min left"."""
        there, speed = self.there, self.speed(now)
        if not self._seen:
            return "Looking at what is here"
        if there >= self._total:
            return "Reading it again, byte by byte"
        amount = f"{megabytes(int(there))} of {megabytes(self._total)}"
        if not speed:
            return f"{amount}, waiting for the host" if now - self._last_gain() > STILL_S else amount
        return f"{amount}, {megabytes(int(speed))}/s, {_time_left((self._total - there) / speed)}"

    def _last_gain(self) -> float:
        """When a byte came last."""
        latest = self._seen[-1][1]
        return next(at for at, there in self._seen if there == latest)


def _time_left(seconds: float) -> str:
    if seconds < 10:
        return "a few seconds left"
    if seconds < 100:
        return f"about {round(seconds, -1):.0f} s left"
    if seconds < 5400:
        return f"about {seconds / 60:.0f} min left"
    return f"about {seconds / 3600:.0f} h left"


def _place(library: Library, terms: Terms) -> Path:
    """Where the files of a set lie until all are there; what was agreed to is kept beside them."""
    folder = library.place / f"{HIDDEN}{terms.weight_set.key}"
    try:
        (folder / FILES).mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise atomic.setup_problem(problem, folder) from None
    atomic.write_file(folder / AGREED, json.dumps({"consent": terms.consent, "host": terms.host}).encode())
    return folder / FILES


def _seed(library: Library, key: str, folder: Path, progress: Progress) -> None:
    """Puts what the library has of the published files where the rest is fetched to."""
    for path, file in library.published_files(key, progress).items():
        target = folder / path
        if target.exists():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.is_symlink():  # the user's own: a second name of it could be written through
                shutil.copyfile(file, target)
            else:
                os.link(file, target)
        except OSError:
            target.unlink(missing_ok=True)  # then it is fetched

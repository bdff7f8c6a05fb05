"""The library: everything that was made, to be found again by words, by look and by what it is.

The rows of the jobs are the store's; what is kept beside them is the shelf's: words, looks, tags, collections, what a
result takes on the disk and what it is fit for. All that can be made anew from the job folders is made anew where it is
missing; tags and collections are the user's and written to last.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from img2model_desktop.engines import catalog
from img2model_desktop.errors import HistoryProblem
from img2model_desktop.jobs.job_row import JobRow, JobState
from img2model_desktop.jobs.shelf_words import expression, indexed
from img2model_desktop.jobs.store import Store

if TYPE_CHECKING:  # they bring numpy, which the window's start does without
    from img2model_desktop.core.descriptor import Vector
    from img2model_desktop.jobs.looks import Looked, Looks

MAX_STARS = 5
TYPED_LENGTH = 200  # characters of a search that count
NAME_LENGTH = 40  # of a tag or a collection
AT_ONCE = 500  # values in one statement
MESH, PICTURES = "mesh", "pictures"


class Sort(StrEnum):
    """Which entry comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    STARS = "stars"
    LARGEST = "largest"
    FACES = "faces"
    SLOWEST = "slowest"


_ORDERS = {
    Sort.NEWEST: "job.id DESC",
    Sort.OLDEST: "job.id",
    Sort.TITLE: "job.title COLLATE NOCASE, job.id DESC",
    Sort.STARS: "job.stars DESC, job.id DESC",
    Sort.LARGEST: "entry.bytes DESC, job.id DESC",
    Sort.FACES: "entry.faces DESC, job.id DESC",
    Sort.SLOWEST: "job.seconds DESC, job.id DESC",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; what is left as it is does not restrict.

    Args:
        words: as typed, see `shelf_words.expression`.
        states: values of `JobState`, any of them.
        engine: key of the sculptor, or of the maker of pictures.
        fit_for: value of a `Purpose` that the verdict must call fit.
        stars: at least as many.
        since, until: when it was created, seconds since the epoch.
        collection: in which it is.
        tags: all of them.
        batch: id.
        kind: `MESH` or `PICTURES`.
        is_watertight: True or False; None: either.
        is_trash: what was thrown away instead of the rest.
        sort: which comes first.
    """

    words: str = ""
    states: tuple[str, ...] = ()
    engine: str = ""
    fit_for: str = ""
    stars: int = 0
    since: float | None = None
    until: float | None = None
    collection: str = ""
    tags: tuple[str, ...] = ()
    batch: str = ""
    kind: str = ""
    is_watertight: bool | None = None
    is_trash: bool = False
    sort: Sort = Sort.NEWEST


@dataclass(frozen=True, slots=True)
class Entry:
    """One job as the library shows it.

    Args:
        row: of the job.
        kind: `MESH`, `PICTURES`, or "" where there is no result.
        size_bytes: of its folder, or None while not known.
        faces: of the result as its edits have left it, or None.
        is_watertight: likewise.
        verdict: level by purpose, both by their values; empty while not judged.
        tags, collections: sorted.
    """

    row: JobRow
    kind: str = ""
    size_bytes: int | None = None
    faces: int | None = None
    is_watertight: bool | None = None
    verdict: dict[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


class Shelf:
    """Finds, tags and collects jobs. Used by the store's thread.

    Args:
        store: whose jobs; its database also holds what the shelf keeps.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.database
        self._looks: Looks | None = None

    # -- finding

    def search(self, wanted: Wanted) -> tuple[str, ...]:
        """Ids of what is wanted, in its order. Never raises for what is typed.

        Raises:
            HistoryProblem: the database cannot be read.
        """
        where, values = _conditions(wanted)
        order = _ORDERS[wanted.sort]
        sql = f"SELECT job.id FROM job LEFT JOIN entry ON entry.job = job.id WHERE {where} ORDER BY {order}"
        return tuple(row[0] for row in self._db.select(sql, values))

    def alike(self, look: "Vector", wanted: Wanted) -> tuple[tuple[str, float], ...]:
        """Ids of what looks most like it among what is wanted, and how much, 0..1, most alike first.

        Args:
            look: of `core.descriptor`, of the kind that is kept.
            wanted: `sort` does not count.
        """
        return self.looks.ranked(look, self.search(replace(wanted, sort=Sort.NEWEST)))

    @property
    def looks(self) -> "Looks":
        """The vectors; read slice by slice with `Looks.read`, or all at the first search."""
        if self._looks is None:
            from img2model_desktop.jobs.looks import Looks

            self._looks = Looks(self._db)
        return self._looks

    def entries(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """Entries in the order of the ids; those that are gone are left out."""
        found: dict[str, Entry] = {}
        for start in range(0, len(ids), AT_ONCE):
            found |= self._entries(ids[start : start + AT_ONCE])
        return tuple(found[id_] for id_ in ids if id_ in found)

    def entry(self, id_: str) -> Entry:
        """One of them. Raises HistoryProblem where there is none."""
        (found,) = self.entries((id_,)) or (None,)
        if found is None:
            raise HistoryProblem("This job is not in the history any more.", "Choose another one.", id_)
        return found

    def engines(self) -> tuple[tuple[str, int], ...]:
        """Keys of the engines that made something, and how much each; most first."""
        sql = (
            "SELECT engine, count(*) FROM job WHERE engine != '' AND trashed IS NULL GROUP BY engine ORDER BY 2 DESC, 1"
        )
        return tuple((str(key), int(count)) for key, count in self._db.select(sql))

    def _entries(self, ids: Sequence[str]) -> dict[str, Entry]:
        marks = ", ".join("?" * len(ids))
        kept = {row["job"]: row for row in self._db.select(f"SELECT * FROM entry WHERE job IN ({marks})", ids)}
        tags = self._grouped(f"SELECT job, tag FROM tag WHERE job IN ({marks}) ORDER BY tag", ids)
        collections = self._grouped(
            f"SELECT job, collection FROM collected WHERE job IN ({marks}) ORDER BY collection", ids
        )
        rows = {row.id: row for row in self._store.rows_of(ids)}
        return {
            id_: _entry(row, kept.get(id_), tags.get(id_, ()), collections.get(id_, ())) for id_, row in rows.items()
        }

    def _grouped(self, sql: str, values: Sequence[str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for job, value in self._db.select(sql, values):
            found.setdefault(job, []).append(value)
        return {job: tuple(each) for job, each in found.items()}

    # -- the user's own order

    def tags(self) -> tuple[tuple[str, int], ...]:
        """Every tag in use and how often, most used first."""
        sql = (
            "SELECT tag, count(*) FROM tag JOIN job ON job.id = tag.job AND job.trashed IS NULL "
            "GROUP BY tag ORDER BY 2 DESC, 1 COLLATE NOCASE"
        )
        return tuple((str(tag), int(count)) for tag, count in self._db.select(sql))

    def suggested(self, beginning: str, without: Sequence[str] = (), limit: int = 8) -> tuple[str, ...]:
        """Tags in use that begin like this, case and marks aside, most used first.

        Args:
            beginning: "" for any.
            without: tags that are there already.
        """
        start, there = indexed(beginning), {indexed(tag) for tag in without}
        known = [tag for tag, _ in self.tags() if indexed(tag) not in there]
        return tuple(tag for tag in known if any(part.startswith(start) for part in _beginnings(tag)))[:limit]

    def tag(self, ids: Sequence[str], tag: str) -> str:
        """Puts a tag on jobs; one that differs from a tag in use by case only becomes that one. The tag as it is kept.

        Raises:
            HistoryProblem, SetupProblem: it could not be written.
        """
        name = tidy(tag)
        if not name:
            return ""
        for (known,) in self._db.select("SELECT tag FROM tag WHERE tag = ? COLLATE NOCASE LIMIT 1", (name,)):
            name = str(known)
        with self._db.writing(lasting=True) as db:
            db.executemany("INSERT OR IGNORE INTO tag VALUES (?, ?)", [(id_, name) for id_ in ids])
            self._word_tags(ids)
        return name

    def untag(self, ids: Sequence[str], tag: str) -> None:
        """Takes a tag off jobs."""
        with self._db.writing(lasting=True) as db:
            db.executemany("DELETE FROM tag WHERE job = ? AND tag = ?", [(id_, tag) for id_ in ids])
            self._word_tags(ids)

    def collections(self) -> tuple[tuple[str, int], ...]:
        """Every collection and how much is in it, by name."""
        sql = (
            "SELECT name, count(job.id) FROM collection LEFT JOIN collected ON collection = name "
            "LEFT JOIN job ON job.id = collected.job AND job.trashed IS NULL "
            "GROUP BY name ORDER BY name COLLATE NOCASE, name"
        )
        return tuple((str(name), int(count)) for name, count in self._db.select(sql))

    def collect(self, ids: Sequence[str], name: str) -> str:
        """Puts jobs into a collection, which is made if need be; its name as it is kept, "" for an empty one."""
        name = tidy(name)
        if not name:
            return ""
        for (known,) in self._db.select("SELECT name FROM collection WHERE name = ? COLLATE NOCASE LIMIT 1", (name,)):
            name = str(known)
        with self._db.writing(lasting=True) as db:
            db.execute("INSERT OR IGNORE INTO collection VALUES (?)", (name,))
            db.executemany("INSERT OR IGNORE INTO collected VALUES (?, ?)", [(name, id_) for id_ in ids])
        return name

    def uncollect(self, ids: Sequence[str], name: str) -> None:
        """Takes jobs out of a collection."""
        with self._db.writing(lasting=True) as db:
            db.executemany("DELETE FROM collected WHERE collection = ? AND job = ?", [(name, id_) for id_ in ids])

    def rename(self, name: str, new: str) -> str:
        """Gives a collection another name; where there is one of that name, the two become one. The name as kept."""
        new = tidy(new)
        if not new or new == name:
            return name
        ids = [job for (job,) in self._db.select("SELECT job FROM collected WHERE collection = ?", (name,))]
        with self._db.writing(lasting=True):
            self.dissolve(name)
            return self.collect(ids, new)

    def dissolve(self, name: str) -> None:
        """Takes a collection away; what was in it stays."""
        with self._db.writing(lasting=True) as db:
            db.execute("DELETE FROM collected WHERE collection = ?", (name,))
            db.execute("DELETE FROM collection WHERE name = ?", (name,))

    # -- what is kept of each job

    def note(self, row: JobRow) -> None:
        """Keeps the words of a job, and what its row says of the result. To be called when it is added and when it
        ended; what was found out by looking at its files is forgotten, for they are others now."""
        facts = row.facts
        has_result = row.state is JobState.DONE and row.result_path is not None
        values = (
            (PICTURES if row.request.goal == PICTURES else MESH) if has_result else "",
            facts.faces if facts else None,
            int(facts.watertight) if facts else None,
        )
        about = " ".join(
            (engine_words(row.engine), row.request.style, Path(row.request.picture or row.request.mesh).name)
        )
        with self._db.writing(lasting=False) as db:
            number = self._number(row.id)
            db.execute(
                "UPDATE entry SET kind = ?, faces = ?, is_watertight = ?, bytes = NULL, verdict = '' WHERE number = ?",
                (*values, number),
            )
            db.execute("DELETE FROM words WHERE rowid = ?", (number,))
            db.execute(
                "INSERT INTO words (rowid, title, prompt, tags, about) VALUES (?, ?, ?, ?, ?)",
                (number, indexed(row.title), indexed(row.request.prompt), self._tags_of(row.id), indexed(about)),
            )

    def keep(self, id_: str, looked: "Looked") -> None:
        """Keeps what was found out by looking at a job's files, see `looks.look_at`."""
        with self._db.writing(lasting=False) as db:
            number = self._number(id_)
            db.execute("UPDATE entry SET bytes = ? WHERE number = ?", (looked.size_bytes, number))
            if looked.faces is not None:
                changed = (looked.faces, looked.is_watertight, looked.faces, number)
                db.execute(
                    "UPDATE entry SET faces = ?, is_watertight = coalesce(?, is_watertight), "
                    "verdict = CASE WHEN faces IS ? THEN verdict ELSE '' END WHERE number = ?",
                    changed,
                )
            if looked.vector:
                db.execute("INSERT OR REPLACE INTO look VALUES (?, ?, ?)", (id_, looked.kind, looked.vector))
        if self._looks is not None and looked.vector:
            self._looks.put(id_, looked.kind, looked.vector)

    def judged(self, id_: str, verdict: dict[str, str]) -> None:
        """Keeps what a result is fit for, level by purpose."""
        with self._db.writing(lasting=False) as db:
            db.execute("UPDATE entry SET verdict = ? WHERE number = ?", (json.dumps(verdict), self._number(id_)))

    def changed(self, id_: str) -> None:
        """The result of a job is another one now, after an edit: it is to be looked at and judged again."""
        with self._db.writing(lasting=False) as db:
            db.execute("UPDATE entry SET bytes = NULL, verdict = '' WHERE number = ?", (self._number(id_),))

    def forget(self, ids: Sequence[str]) -> None:
        """Takes everything away that is kept of jobs that are gone for good."""
        gone = [(id_,) for id_ in ids]
        with self._db.writing(lasting=True) as db:
            db.executemany("DELETE FROM words WHERE rowid = (SELECT number FROM entry WHERE job = ?)", gone)
            for table in ("entry", "look", "tag", "collected"):
                db.executemany(f"DELETE FROM {table} WHERE job = ?", gone)
        if self._looks is not None:
            self._looks.drop([id_ for (id_,) in gone])

    def unnoted(self, limit: int = 100) -> tuple[str, ...]:
        """Ids of jobs of which nothing is kept yet, newest first."""
        sql = "SELECT id FROM job LEFT JOIN entry ON entry.job = job.id WHERE number IS NULL ORDER BY id DESC LIMIT ?"
        return tuple(id_ for (id_,) in self._db.select(sql, (limit,)))

    def unseen(self, limit: int = 1) -> tuple[str, ...]:
        """Ids of jobs that have ended and whose files were not looked at, newest first."""
        sql = (
            "SELECT job.id FROM job JOIN entry ON entry.job = job.id "
            "WHERE bytes IS NULL AND state IN ('done', 'failed', 'stopped') ORDER BY job.id DESC LIMIT ?"
        )
        return tuple(id_ for (id_,) in self._db.select(sql, (limit,)))

    def unjudged(self, limit: int = 1) -> tuple[str, ...]:
        """Ids of meshes without a verdict, newest first."""
        sql = (
            "SELECT job.id FROM job JOIN entry ON entry.job = job.id "
            "WHERE verdict = '' AND kind = ? AND trashed IS NULL ORDER BY job.id DESC LIMIT ?"
        )
        return tuple(id_ for (id_,) in self._db.select(sql, (MESH, limit)))

    def _number(self, id_: str) -> int:
        with self._db.writing(lasting=False) as db:
            db.execute("INSERT OR IGNORE INTO entry (job) VALUES (?)", (id_,))
            (number,) = db.execute("SELECT number FROM entry WHERE job = ?", (id_,)).fetchone()
            return int(number)

    def _tags_of(self, id_: str) -> str:
        return indexed(
            " ".join(tag for (tag,) in self._db.select("SELECT tag FROM tag WHERE job = ? ORDER BY tag", (id_,)))
        )

    def _word_tags(self, ids: Sequence[str]) -> None:
        with self._db.writing(lasting=True) as db:
            sql = "UPDATE words SET tags = ? WHERE rowid = (SELECT number FROM entry WHERE job = ?)"
            db.executemany(sql, [(self._tags_of(id_), id_) for id_ in ids])


def engine_words(key: str) -> str:
    """An engine's key and title, to be found by both."""
    return next((f"{spec.key} {spec.title}" for spec in catalog.ENGINES if spec.key == key), key)


def tidy(name: str) -> str:
    """A tag or the name of a collection in one line; what a database cannot hold is left out."""
    clean = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(clean.split())[:NAME_LENGTH].rstrip()


def _beginnings(tag: str) -> list[str]:
    """The tag, and what is left of it from each of its words on."""
    words = indexed(tag).split(" ")
    return [" ".join(words[start:]) for start in range(len(words))]


def _entry(row: JobRow, kept: Any, tags: tuple[str, ...], collections: tuple[str, ...]) -> Entry:
    if kept is None:
        return Entry(row, tags=tags, collections=collections)
    verdict: dict[str, str] = {}
    with suppress(ValueError):
        verdict = json.loads(kept["verdict"] or "{}")
    watertight = kept["is_watertight"]
    return Entry(
        row,
        kept["kind"],
        kept["bytes"],
        kept["faces"],
        None if watertight is None else bool(watertight),
        verdict,
        tags,
        collections,
    )


def _conditions(wanted: Wanted) -> tuple[str, list[Any]]:
    """The conditions of a search in SQL, and their values."""
    where, values = ["job.trashed IS NOT NULL" if wanted.is_trash else "job.trashed IS NULL"], []
    asked = expression(wanted.words[:TYPED_LENGTH])
    simple: tuple[tuple[str, Any], ...] = (
        ("job.id IN (SELECT job FROM entry WHERE number IN (SELECT rowid FROM words WHERE words MATCH ?))", asked),
        ("job.engine = ?", wanted.engine),
        ("json_extract(nullif(entry.verdict, ''), '$.' || ?) = 'fit'", wanted.fit_for),
        ("job.stars >= ?", wanted.stars),
        ("job.created >= ?", wanted.since),
        ("job.created < ?", wanted.until),
        ("job.id IN (SELECT job FROM collected WHERE collection = ?)", wanted.collection),
        ("job.batch = ?", wanted.batch),
        ("entry.kind = ?", wanted.kind),
    )
    for condition, value in simple:
        if value or (value == 0 and isinstance(value, float)):
            where.append(condition)
            values.append(value)
    for tag in wanted.tags:
        where.append("job.id IN (SELECT job FROM tag WHERE tag = ?)")
        values.append(tag)
    if wanted.states:
        where.append(f"job.state IN ({', '.join('?' * len(wanted.states))})")
        values += wanted.states
    if wanted.is_watertight is not None:
        where.append("entry.is_watertight = ?")
        values.append(int(wanted.is_watertight))
    return " AND ".join(where), values

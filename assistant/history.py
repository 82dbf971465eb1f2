"""Conversations on disk: every question is there before it is answered, and an answer as far as it had come."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assistant.errors import HistoryUnusable
from assistant.types import Answer, Citation, Metadata, Mode, Scope, Sentence, Support
from index.aside import set_aside

TITLE_LENGTH = 80
"""Characters of the first question that become a conversation's title."""

ANSWER_VERSION = 1
"""Version of the stored form of an answer; grows when a field changes its meaning, or one is added that has no default."""

_SCHEMA = """
    CREATE TABLE conversation (
        id TEXT PRIMARY KEY,
        title TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        updated REAL NOT NULL
    );
    CREATE TABLE turn (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice, so that a late answer cannot meet another question
        conversation TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
        question TEXT NOT NULL,
        answer TEXT,
        asked_at REAL NOT NULL
    );
    CREATE INDEX turn_of_conversation ON turn (conversation, id);
"""
# A rating keeps the answer that it was given to: when the question is asked again, the new answer has none.
_RATINGS = """
    CREATE TABLE rating (
        turn INTEGER PRIMARY KEY REFERENCES turn (id) ON DELETE CASCADE,
        good INTEGER NOT NULL,
        note TEXT NOT NULL,
        answer TEXT NOT NULL,
        rated_at REAL NOT NULL
    );
"""
# A clock may be set back, so the order in which conversations were written to is counted. Those of before this was so
# have 0, and among themselves the order of their times.
_ORDER = """
    ALTER TABLE conversation ADD COLUMN written INTEGER NOT NULL DEFAULT 0;
"""
_STEPS = (_SCHEMA, _RATINGS, _ORDER)
SCHEMA_VERSION = len(_STEPS)
"""Version of the file; each of the steps takes it from one version to the next."""

_NEXT = "(SELECT max(written) + 1 FROM conversation)"

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A series of questions. `title` is its first question unless it was renamed; times in seconds since the epoch."""

    id: str
    title: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation that holds the words looked for, and a question or sentence of it that holds one; empty where only
    the title does."""

    conversation: Conversation
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """What a person thinks of an answer: whether it is good, and why, which may be empty."""

    good: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what came of it: None when no answer was begun, an incomplete one when it broke off."""

    id: int
    question: str
    answer: Answer | None
    asked_at: float
    rating: Rating | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer as it was when it was rated; one to the same question may have taken its place since."""

    answer: Answer
    rating: Rating


class History:
    """The conversations of one library, in one SQLite file. Safe to use from several threads and processes.

    A file that is damaged is kept aside and a new one begun; `take_notice` says so once.
    Every method raises HistoryUnusable when the file can be neither read nor written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._notice = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HistoryUnusable(
                f"The folder for conversations, {path.parent}, cannot be made ({error.strerror}). "
                "Make it writable, or choose another data folder."
            ) from error
        with self._errors_in_words():
            self._database = self._open()

    def close(self) -> None:
        """Let go of the file. No other method may be called afterwards."""
        with self._lock:
            self._database.close()

    def take_notice(self) -> str:
        """A sentence about a damaged file that was kept aside, the first time it is asked for; empty otherwise."""
        with self._lock:
            notice, self._notice = self._notice, ""
        return notice

    def start(self) -> str:
        """Begin a conversation and return its id. It is listed once it has a question."""
        conversation = secrets.token_urlsafe(9)
        now = time.time()
        with self._transaction() as database:
            database.execute(
                "INSERT INTO conversation (id, created, updated) VALUES (?, ?, ?)", (conversation, now, now)
            )
        return conversation

    def conversations(self) -> tuple[Conversation, ...]:
        """Every conversation that has a question, the one last written to first."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT id, title, created, updated FROM conversation "
                "WHERE EXISTS (SELECT 1 FROM turn WHERE turn.conversation = conversation.id) "
                "ORDER BY written DESC, updated DESC, rowid DESC"
            ).fetchall()
        return tuple(Conversation(*row) for row in rows)

    def search(self, words: str) -> tuple[Found, ...]:
        """The conversations that hold every one of the words in their title, questions or answers, the one last written
        to first. Case and marks on letters do not count."""
        wanted = _folded(words).split()
        with self._transaction() as database:
            rows = database.execute(
                "SELECT conversation, question FROM turn UNION ALL"
                " SELECT conversation, json_extract(value, '$.text') FROM turn, json_each(answer, '$.sentences')"
                " WHERE json_valid(answer)"
            ).fetchall()
        said: dict[str, list[str]] = {}
        for conversation, text in rows:
            said.setdefault(conversation, []).append(text or "")
        found = []
        for conversation in self.conversations():
            texts = said.get(conversation.id, [])
            folded = [_folded(text) for text in texts]
            everything = " ".join([_folded(conversation.title), *folded])
            if all(word in everything for word in wanted):
                held = [sum(word in text for word in wanted) for text in folded]
                best = max(range(len(texts)), key=held.__getitem__, default=None)
                found.append(Found(conversation, texts[best] if best is not None and held[best] else ""))
        return tuple(found)

    def cited(self) -> dict[str, dict[str, int]]:
        """How many answers of each conversation cite each source."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT conversation, json_extract(citation.value, '$.source'), count(DISTINCT turn.id) FROM turn,"
                " json_each(answer, '$.sentences') sentence, json_each(sentence.value, '$.citations') citation"
                " WHERE json_valid(answer) GROUP BY 1, 2 ORDER BY 3 DESC, 2"
            ).fetchall()
        counts: dict[str, dict[str, int]] = {}
        for conversation, source, count in rows:
            counts.setdefault(conversation, {})[source] = count
        return counts

    def turns(self, conversation: str) -> tuple[Turn, ...]:
        """The turns of a conversation in the order they were asked; none for an id that is not known."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT id, question, turn.answer, asked_at, good, note FROM turn"
                " LEFT JOIN rating ON rating.turn = turn.id AND rating.answer = turn.answer"
                " WHERE conversation = ? ORDER BY id",
                (_storable(conversation),),
            ).fetchall()
        return tuple(
            Turn(
                turn,
                question,
                None if stored is None else _restored(question, stored),
                asked_at,
                None if good is None else Rating(bool(good), note),
            )
            for turn, question, stored, asked_at, good, note in rows
        )

    def add_question(self, conversation: str, question: str) -> int:
        """Store a question, to be called before it is answered, and return the id of its turn.

        The first question becomes the title. Raises HistoryUnusable when the conversation was deleted meanwhile.
        """
        question = _storable(question)
        now = time.time()
        with self._transaction() as database:
            known = database.execute(
                f"UPDATE conversation SET updated = ?, written = {_NEXT},"
                " title = CASE title WHEN '' THEN ? ELSE title END WHERE id = ?",
                (now, _title(question), _storable(conversation)),
            ).rowcount
            if not known:
                raise HistoryUnusable("This conversation was deleted. Start a new one and ask again.")
            turn = database.execute(
                "INSERT INTO turn (conversation, question, asked_at) VALUES (?, ?, ?)", (conversation, question, now)
            ).lastrowid
        assert turn is not None
        return turn

    def save_answer(self, turn: int, answer: Answer) -> None:
        """Store an answer in place of what the turn had; nothing happens when its conversation was deleted."""
        stored = json.dumps({"version": ANSWER_VERSION, **asdict(answer)})
        with self._transaction() as database:
            database.execute("UPDATE turn SET answer = ? WHERE id = ?", (stored, turn))
            database.execute(
                f"UPDATE conversation SET updated = ?, written = {_NEXT}"
                " WHERE id = (SELECT conversation FROM turn WHERE id = ?)",
                (time.time(), turn),
            )

    def rate(self, turn: int, rating: Rating | None) -> None:
        """Keep what a person thinks of a turn's answer, in place of what was kept of it before; None takes it back.

        Nothing happens where there is no answer.
        """
        with self._transaction() as database:
            database.execute("DELETE FROM rating WHERE turn = ?", (turn,))
            if rating is not None:
                database.execute(
                    "INSERT INTO rating SELECT id, ?, ?, answer, ? FROM turn WHERE id = ? AND answer IS NOT NULL",
                    (rating.good, _storable(rating.note), time.time(), turn),
                )

    def rated(self) -> tuple[Rated, ...]:
        """Every answer that was rated, in the order that the questions were asked."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT question, rating.answer, good, note FROM rating JOIN turn ON turn.id = turn ORDER BY turn"
            ).fetchall()
        return tuple(
            Rated(_restored(question, stored), Rating(bool(good), note)) for question, stored, good, note in rows
        )

    def rename(self, conversation: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        if title := _title(_storable(title)):
            with self._transaction() as database:
                database.execute("UPDATE conversation SET title = ? WHERE id = ?", (title, conversation))

    def delete(self, conversation: str) -> None:
        """Remove a conversation and all its turns."""
        with self._transaction() as database:
            database.execute("DELETE FROM conversation WHERE id = ?", (conversation,))

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not _is_damage(error):
                raise
        aside = set_aside(self.path, f"{self.path.stem}.damaged")
        database = self._connect()
        taken = _take_over(aside, database)
        self._notice = (
            f"The file with earlier conversations was damaged. It is kept as {aside}, and a new one was begun with the "
            f"{taken} questions and answers that could be read of it."
        )
        return database

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            verdict = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if verdict != "ok":
                raise _damage(verdict)
            database.execute("BEGIN IMMEDIATE")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
            if tables and (not version or not {"conversation", "turn", "turn_of_conversation"} <= tables):
                raise _damage("its tables are not those that were made")
            if version > SCHEMA_VERSION:
                raise HistoryUnusable(
                    f"The conversations in {self.path} were written by a newer Footnote. Update Footnote to read them."
                )
            for step in _STEPS[version:]:
                for statement in step.split(";\n"):
                    database.execute(statement)
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors_in_words():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            if _is_damage(error):
                remedy = "Start Footnote again: the damaged file is then kept aside and a new one begun."
            else:
                remedy = "Check that its folder is writable and the disk not full, then try again."
            raise HistoryUnusable(f"The conversations in {self.path} cannot be used ({error}). {remedy}") from error


def _take_over(damaged: Path, database: sqlite3.Connection) -> int:
    """Copy what can be read of a damaged file into a new one; how many turns. A table is read from both ends, each up
    to what is damaged."""
    other = sqlite3.connect(damaged)
    # By name: the file may be of a version that had fewer columns.
    other.row_factory = lambda cursor, row: dict(zip((column[0] for column in cursor.description), row, strict=True))
    try:
        for table in ("conversation", "turn", "rating"):
            columns = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            for order in ("ASC", "DESC"):
                # The rows of each, since one that is damaged may break a rule of the table.
                for row in _readable(other, f"SELECT * FROM {table} NOT INDEXED ORDER BY rowid {order}"):
                    held = {name: value for name, value in row.items() if name in columns}
                    into = f"{table} ({', '.join(held)}) VALUES ({', '.join('?' * len(held))})"
                    if held:
                        with suppress(sqlite3.IntegrityError):
                            database.execute(f"INSERT OR IGNORE INTO {into}", tuple(held.values()))
    finally:
        other.close()
    return int(database.execute("SELECT count(*) FROM turn").fetchone()[0])


def _readable(database: sqlite3.Connection, statement: str) -> Iterator[dict[str, Any]]:
    try:
        yield from database.execute(statement)
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return


def _damage(what: str) -> sqlite3.DatabaseError:
    damage = sqlite3.DatabaseError(what)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damage


def _is_damage(error: Exception) -> bool:
    # Extended codes such as SQLITE_CORRUPT_INDEX keep the primary one in the low byte. Where SQLite's own message quotes
    # damaged bytes, Python cannot decode it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE or isinstance(error, UnicodeDecodeError)


def _storable(text: str) -> str:
    """The text without lone surrogates, which SQLite's UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _folded(text: str) -> str:
    """The text without what a person who looks for it may leave out: capitals, and marks on letters."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in parts if not unicodedata.combining(letter)).split())


def _title(question: str) -> str:
    line = " ".join(question.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def _restored(question: str, stored: str) -> Answer:
    try:
        fields = json.loads(stored)
        if fields.pop("version") != ANSWER_VERSION:
            raise ValueError
        return Answer(
            question=fields.pop("question"),
            mode=Mode(fields.pop("mode")),
            sentences=tuple(map(_sentence, fields.pop("sentences"))),
            closest=tuple(map(_citation, fields.pop("closest"))),
            scope=_scope(fields.pop("scope", {})),
            **fields,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return Answer(
            question=question,
            mode=Mode.QUOTE,
            found=True,
            complete=False,
            notice="This answer was stored in a form that this version of Footnote cannot read. Ask again.",
        )


def _sentence(fields: dict[str, Any]) -> Sentence:
    return Sentence(
        citations=tuple(map(_citation, fields.pop("citations"))), support=Support(fields.pop("support")), **fields
    )


def _citation(fields: dict[str, Any]) -> Citation:
    metadata = Metadata(**fields.pop("metadata", {}))
    return Citation(**{**fields, "also_in": tuple(fields["also_in"]), "metadata": metadata})


def _scope(fields: dict[str, Any]) -> Scope:
    return Scope(**{**fields, "paths": tuple(fields.get("paths", ()))})

"""The command line. Answers go to stdout, progress and errors to stderr.

Exit codes: 0 done, 1 an error that is told in a sentence, 2 wrong usage, 130 stopped with Ctrl-C.
Whatever is slow to import is imported inside the command that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from assistant.errors import FootnoteError
from assistant.types import Mode, Scope, State

if TYPE_CHECKING:
    from assistant.evaluation import Outcome, Run
    from assistant.library import Library
    from assistant.settings import Settings
    from assistant.types import Answer, Progress, SyncReport
    from index.types import SyncPlan


_Done = TypeVar("_Done")


class _Commands(TyperGroup):
    """A first word that is no command is the folder to chat about."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["chat", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ask a folder of documents questions. Every sentence of an answer is footnoted to the words it rests on.\n\n"
    "'footnote' or 'footnote FOLDER' opens the chat window.",
)

_NO_FOLDER = "Give the folder that holds your documents, for example: footnote ~/articles"
FolderArgument = Annotated[
    Path | None, typer.Argument(help="The folder of documents. Default: the seeds that come along.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", "-f", help="The folder of documents. Default: the seeds that come along.")
]

ChromaOption = Annotated[
    str | None,
    typer.Option(
        "--chroma-url",
        help="Keep the index in the Chroma server at this address, which 'chroma run' starts; several windows and "
        "one indexer can share it. Default: FOOTNOTE_CHROMA_URL, else inside Footnote.",
    ),
]
WorkersOption = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="tcp://HOST:8786",
        help="Have the passages embedded by the workers of the Dask cluster at this address, which 'dask scheduler' "
        "prints. Default: FOOTNOTE_WORKERS, else here.",
    ),
]
InOption = Annotated[
    list[str] | None,
    typer.Option(
        "--in", metavar="PATH", help="Ask only this file, or what lies in this folder. May be given several times."
    ),
]
SinceOption = Annotated[
    str, typer.Option(metavar="DATE", help="Ask only documents of this date or later: 2022-01-31, 2022-01 or 2022.")
]
UntilOption = Annotated[str, typer.Option(metavar="DATE", help="Ask only documents of this date or earlier.")]
MoreOption = Annotated[
    bool, typer.Option("--more", help="Print the next-best sentences as well; with --json, a list of answers.")
]


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    if show_version:
        typer.echo(f"footnote {version('footnote-chat')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        chat()


@app.command()
def chat(
    folder: FolderArgument = None,
    port: Annotated[
        int | None, typer.Option(help="The port to serve on. Default: the first free one from 8501.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    host: Annotated[str, typer.Option(help="The address to listen on; one that others reach needs a login file.")] = (
        "127.0.0.1"
    ),
    login: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For a team: the TOML file that says with which OpenID provider people sign in, and who may come in. "
            "Default: FOOTNOTE_LOGIN, else nobody signs in.",
        ),
    ] = None,
    chroma_url: ChromaOption = None,
) -> None:
    """Open the chat window (what 'footnote' alone does)."""
    with _told():
        from index.scanning import existing_folder

        if login is not None:
            os.environ["FOOTNOTE_LOGIN"] = str(login)  # where the window reads it too
        _settings(chroma_url)
        # Looked at here, since the window's own process could only show it in a browser.
        chosen = existing_folder(_folder(folder))
        from ui.launch import run

        run(chosen, host, port, browser)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    folder: FolderOption = None,
    paths: InOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    more: MoreOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    chroma_url: ChromaOption = None,
) -> None:
    """Answer one question on the terminal, with numbered footnotes."""
    with _told(), _library(folder, chroma_url) as library:
        if not question.strip():
            raise FootnoteError('Ask something, for example: footnote ask "Who met whom?"')
        scope = Scope.of([_inside(library.folder, path) for path in paths or ()], since, until)
        _synced(library)
        _holding_documents(library)
        *_, answer = library.ask(question, scope=scope)
        answers = [answer, *(_further(library, answer) if more else ())]
        if as_json:
            _print_json([asdict(given) for given in answers] if more else asdict(answer))
        else:
            for at, given in enumerate(answers):
                typer.echo("\n" if at else "", nl=False)
                _print_answer(given)
        # A model's answer that broke off, or the documents' own words because the endpoint failed.
        if not answer.complete or (answer.notice and answer.mode is Mode.QUOTE):
            raise typer.Exit(1)


@app.command()
def index(
    folder: FolderArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")] = False,
    removed: Annotated[
        bool, typer.Option("--removed", help="Confirm that documents which went all at once were removed on purpose.")
    ] = False,
    chroma_url: ChromaOption = None,
    workers: WorkersOption = None,
) -> None:
    """Bring the index in step with the folder."""
    with _told(), _library(folder, chroma_url, workers) as library:
        if dry_run:
            _print_plan(library.plan())
        else:
            report = _brought_in_step(library)
            if removed and report.gone:
                library.forget_gone()
                report = replace(report, gone=0)
            _print_report(report)
            unreadable = sum(file.state is State.UNREADABLE for file in library.files())
            if unreadable:
                files = _number(unreadable, "file")
                raise FootnoteError(f"{files} could not be read; mend or remove what is listed above and index again.")


@app.command()
def watch(folder: FolderArgument = None, chroma_url: ChromaOption = None) -> None:
    """Keep the index in step with the folder until Ctrl-C."""
    with _told(), _library(folder, chroma_url) as library:
        from threading import Event

        typer.echo(f"Watching {_one_line(str(library.folder))}. Press Ctrl-C to end it.", err=True)
        library.watch(_print_report, lambda fault: typer.echo(f"footnote: {_one_line(str(fault))}", err=True), Event())


@app.command()
def status(folder: FolderArgument = None, chroma_url: ChromaOption = None) -> None:
    """Say what is indexed, what is not and why, and where it is kept."""
    with _told(), _library(folder, chroma_url) as library:
        files = library.files()
        indexed = [file for file in files if file.state is State.INDEXED]
        typer.echo(f"Folder      {_one_line(str(library.folder))}")
        typer.echo(f"Kept in     {_one_line(str(library.home))}")
        typer.echo(f"Documents   {len(indexed)}, in {_number(sum(file.passages for file in indexed), 'passage')}")
        if not library.plan().empty:
            typer.echo("The folder has changed since; 'footnote index' brings the index in step.")
        for file in files:
            if file.reason:
                typer.echo(f"{file.state.value:<11} {_one_line(file.source)}: {_one_line(file.reason)}")


@app.command()
def doctor(folder: FolderArgument = None, chroma_url: ChromaOption = None) -> None:
    """Examine all that is kept of the folder, mend it, and say what was found."""
    with _told(), _library(folder, chroma_url) as library:
        found = _with_progress(library.examine)
        for sentence in found:
            typer.echo(_one_line(sentence))
        files = library.files()
        indexed = sum(file.state is State.INDEXED for file in files)
        passages = sum(file.passages for file in files)
        conversations = library.count_conversations()
        typer.echo(
            f"{'Mended' if found else 'All is well'}: {_number(indexed, 'document')} in "
            f"{_number(passages, 'passage')}, {_number(conversations, 'conversation')}."
        )


@app.command(name="eval")
def evaluate(
    file: Annotated[
        Path | None, typer.Argument(help="Questions, one JSON object a line. Default: thirty about the seeds.")
    ] = None,
    folder: FolderOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures and outcomes as JSON.")] = False,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier evaluation, kept with --json, to compare with.")
    ] = None,
    chroma_url: ChromaOption = None,
) -> None:
    """Ask a file of questions and say how well the folder answers them.

    A line is {"question": ..., "expect": words the answer must hold, or a list of them}, with "source": the file to be
    cited, or "answerable": false where the documents do not hold the answer.
    """
    with _told():
        from assistant import evaluation

        if file is None and folder is not None:
            raise FootnoteError("Give the file of questions about that folder: footnote eval QUESTIONS --folder FOLDER")
        cases = evaluation.read_cases(file or evaluation.EXAMPLE)
        earlier = evaluation.read_run(compare) if compare else None
        with _library(folder, chroma_url) as library:
            _synced(library)
            outcomes = tuple(_counted(evaluation.evaluate(library, cases), len(cases)))
        run = evaluation.Run(evaluation.figures(outcomes), outcomes)
        if as_json:
            sys.stdout.write(evaluation.as_json(run) + "\n")
        else:
            _print_run(run, earlier)


@app.command()
def serve(
    folder: FolderArgument = None,
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="The address to listen on; one that others reach needs FOOTNOTE_TOKEN.")] = (
        "127.0.0.1"
    ),
    chroma_url: ChromaOption = None,
) -> None:
    """Answer over HTTP as an OpenAI-compatible endpoint, with the model 'footnote'."""
    with _told():
        chosen = _folder(folder)
        _settings(chroma_url)
        from assistant.serving import run

        run(chosen, host, port)


def _further(library: Library, answer: Answer) -> Iterator[Answer]:
    """What further sentences come near, a few at a time."""
    from assistant.history import Turn

    turns: list[Turn] = []
    while answer.more:
        turns.append(Turn(len(turns) + 1, answer.question if not turns else "more", answer, 0.0))
        *_, answer = library.ask("more", turns, answer.scope)
        yield answer


def _folder(given: Path | None) -> Path:
    """The folder to work on: the one given, else the `seeds` here or beside the code. Raises FootnoteError."""
    if given is not None:
        return given
    for seeds in (Path.cwd() / "seeds", Path(__file__).resolve().parent.parent / "seeds"):
        if seeds.is_dir():
            return seeds
    raise FootnoteError(_NO_FOLDER)


def _settings(chroma_url: str | None, workers: str | None = None) -> Settings:
    """The settings, with what the command line says in place of the environment's; a window reads them there too."""
    from assistant.settings import Settings

    if chroma_url is not None:
        os.environ["FOOTNOTE_CHROMA_URL"] = chroma_url
    if workers is not None:
        os.environ["FOOTNOTE_WORKERS"] = workers
    return Settings.read()


def _inside(folder: Path, path: str) -> str:
    """A path as it lies inside the folder; the terminal completes one from where the person stands."""
    here = Path(path).expanduser().absolute()
    return str(here.relative_to(folder)) if here.exists() and here.is_relative_to(folder) else path


@contextmanager
def _library(folder: Path | None, chroma_url: str | None, workers: str | None = None) -> Iterator[Library]:
    chosen = _folder(folder)
    from assistant.library import Library

    library = Library.open(chosen, _settings(chroma_url, workers))
    try:
        yield library
    finally:
        library.close()


@contextmanager
def _told() -> Iterator[None]:
    """Every expected error as one sentence on stderr and exit code 1; Ctrl-C as 130."""
    try:
        yield
    except FootnoteError as error:
        typer.echo(f"footnote: {_one_line(str(error))}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("\nfootnote: stopped. What is finished is kept; run it again to go on.", err=True)
        raise typer.Exit(130) from None


def _holding_documents(library: Library) -> None:
    """Raises FootnoteError where the folder holds nothing that can be asked."""
    files = library.files()
    if not files:
        raise FootnoteError(f"There are no documents in {library.folder}. Put some there and ask again.")
    if all(file.state is not State.INDEXED for file in files):
        raise FootnoteError(f"None of the files in {library.folder} could be read, for the reasons above.")


def _synced(library: Library) -> None:
    """Have the index in step with the folder, and list what could not be read. Where it is already, Chroma is not loaded,
    which takes longer than to answer."""
    from index.errors import IndexBusy, IndexDamaged

    try:
        report = library.in_step()
    except IndexDamaged:
        report = None  # which a sync mends
    try:
        report = report or _brought_in_step(library)
    except IndexBusy:
        typer.echo("Another Footnote keeps this folder's index; the answer is from what it has indexed.", err=True)
        return
    _print_failed(report)


def _brought_in_step(library: Library) -> SyncReport:
    if library.notice:
        typer.echo(f"footnote: {library.notice}", err=True)
    return _with_progress(library.sync)


def _with_progress(work: Callable[[Callable[[Progress], None]], _Done]) -> _Done:
    """Do the work under a progress bar on stderr, which goes away at the end; none where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.fields[stage]}"), BarColumn(), TextColumn("{task.fields[detail]}", markup=False))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", stage="", detail="", total=None)

        def show(progress: Progress) -> None:
            parts = [f"{progress.files_done} of {progress.files_total} files"]
            if progress.passages_total:
                parts.append(f"{progress.passages_done} of {progress.passages_total} passages read so far")
            if progress.seconds_left is not None:
                parts.append(f"about {_duration(progress.seconds_left)} left")
            bar.update(
                task,
                stage=progress.stage,
                detail=", ".join(parts) + f"  {_one_line(progress.source)}",
                completed=progress.passages_done,
                total=progress.passages_total or None,
            )

        return work(show)


def _counted(outcomes: Iterable[Outcome], total: int) -> Iterator[Outcome]:
    """The outcomes as they come, counted on stderr; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import track

    return iter(track(outcomes, "Asking", total=total, console=Console(stderr=True), transient=True))


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _print_answer(answer: Answer) -> None:
    from assistant.written import SHOWN, about, offer, where

    if answer.notice:
        typer.echo(f"footnote: {_one_line(answer.notice)}", err=True)
    if not answer.found:
        from assistant.citing import NOT_FOUND

        typer.echo(NOT_FOUND)
        if answer.closest:
            typer.echo("\nClosest passages, which may be about something else:")
        for citation in answer.closest:
            typer.echo(f"\n{_one_line(where(citation))}\n    {_one_line(citation.quote)}")
        return
    for sentence in answer.sentences:
        marks = "".join(f"[{citation.number}]" for citation in sentence.citations)
        typer.echo(_one_line(sentence.text) + (f" {marks}" if marks else "") + SHOWN[sentence.support])
    if answer.citations:
        typer.echo()
    for citation in answer.citations:
        told = f" ({_one_line(about(citation))})" if about(citation) else ""
        typer.echo(f"[{citation.number}] {_one_line(where(citation))}{told}")
        if answer.mode is Mode.GENERATED:
            typer.echo(f"    {_one_line(citation.quote)}")
    if further := offer(answer):
        typer.echo(f"\n{further}")


def _one_line(text: str) -> str:
    """Text for a terminal: on one line, and without what could rewrite the screen or turn a line round."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _print_run(run: Run, earlier: Run | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(caption=f"{run.figures.questions} questions, {run.figures.answerable} of them answerable")
    table.add_column("What")
    for column in ("Now", "Earlier", "Change") if earlier else ("Now",):
        table.add_column(column, justify="right")
    for name, (title, unit) in _FIGURES.items():
        now = getattr(run.figures, name)
        before = getattr(earlier.figures, name) if earlier else None
        change = "" if now is None or before is None else _shown_figure(now - before, unit, sign="+")
        table.add_row(title, _shown_figure(now, unit), *((_shown_figure(before, unit), change) if earlier else ()))
    Console().print(table)
    was = {outcome.question: outcome for outcome in earlier.outcomes} if earlier else {}
    for outcome in run.outcomes:
        if fault := _fault(outcome):
            new = " (not so earlier)" if outcome.question in was and not _fault(was[outcome.question]) else ""
            typer.echo(f"{fault}{new}: {_one_line(outcome.question)}")


_FIGURES = {
    "hit_1": ("Expected words in the first passage found", "%"),
    "hit_5": ("... in the first 5", "%"),
    "hit_10": ("... in the first 10", "%"),
    "right": ("Right sentence first, of what is answerable", "%"),
    "right_answered": ("... of what was answered", "%"),
    "answer_rate": ("Answerable questions answered", "%"),
    "refusal_recall": ("Unanswerable questions refused (recall)", "%"),
    "refusal_precision": ("Refusals that were due (precision)", "%"),
    "quoted": ("Sentences quoted", "%"),
    "supported": ("Sentences that match their source", "%"),
    "partly": ("... in part", "%"),
    "unsupported": ("... not at all", "%"),
    "p50": ("Time of an answer, median", "s"),
    "p95": ("... 95 of 100 took less than", "s"),
    "broken_off": ("Answers that broke off", ""),
}


def _shown_figure(value: float | None, unit: str, sign: str = "") -> str:
    if value is None:
        return "-"
    if unit == "%":
        return f"{100 * value:{sign}.1f} %"
    return f"{value:{sign}.3f} s" if unit == "s" else f"{value:{sign}}"


def _fault(outcome: Outcome) -> str:
    if not outcome.complete:
        return "Broke off"
    if outcome.answerable != outcome.found:
        return "Not answered" if outcome.answerable else "Answered, but the documents do not hold it"
    return "Another sentence first" if outcome.right is False else ""


def _print_json(told: object) -> None:
    import json

    written = json.dumps(told, ensure_ascii=False, indent=2)
    # Exact for programs; and a terminal gets no character that could rewrite the screen or turn a line round.
    shown = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in written)
    sys.stdout.write(f"{shown}\n")


def _print_plan(plan: SyncPlan) -> None:
    for title, sources in (("add", plan.added), ("update", plan.changed), ("remove", plan.removed)):
        for source in sources:
            typer.echo(f"{title:<7} {_one_line(source)}")
    for old, new in plan.renamed:
        typer.echo(f"rename  {_one_line(old)} -> {_one_line(new)}")
    if plan.empty:
        typer.echo("Nothing to do; the index is in step.")


def _print_report(report: SyncReport) -> None:
    plan = report.plan
    counts = {
        "added": len(plan.added),
        "changed": len(plan.changed),
        "renamed": len(plan.renamed),
        "removed": len(plan.removed),
        "unchanged": len(plan.unchanged),
    }
    done = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no documents"
    embedded = _number(report.embedded, "passage")
    typer.echo(f"{done}; {embedded} embedded, {report.reused} reused, {report.seconds:.1f} s.")
    _print_failed(report)


def _number(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _print_failed(report: SyncReport) -> None:
    for source, reason in report.failed:
        typer.echo(f"Not read: {_one_line(source)}: {_one_line(reason)}", err=True)
    if report.gone:
        typer.echo(
            f"{report.gone} documents, more than half of all, went from the folder at once. If a drive is not mounted, "
            "mount it: nothing is embedded again. If you removed them, say so with 'footnote index --removed FOLDER'.",
            err=True,
        )


if __name__ == "__main__":
    app()

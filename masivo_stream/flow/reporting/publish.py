"""Copy what a run leaves for people to object storage, when the run has ended."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from masivo_stream.core.next_steps import quote
from masivo_stream.core.reading.object_urls import is_url, matching, read_folder, read_url
from masivo_stream.edges.files.dead_letter_file import dead_letter_name
from masivo_stream.edges.files.skipped_file import skipped_name
from masivo_stream.edges.objects.publish import publish_files
from masivo_stream.edges.objects.store import ObjectError, open_store
from masivo_stream.flow.look_up import patience_of
from masivo_stream.flow.reporting.run_report import NAME, PAGE
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError, ExitCode, StorageError
from masivo_stream.model.settings import Settings
from masivo_stream.model.summary import Invocation, NextStep, Summary

_OUTWEIGHED = frozenset({ExitCode.COMPLETE, ExitCode.DEAD_LETTERS})
"""Exit codes that matter less than results that were not published."""


_NAMES = (*(name for kind in Kind for name in (dead_letter_name(kind), skipped_name(kind))), NAME, PAGE)


def check_publishing(settings: Settings, exports: Iterable[str] = ()) -> None:
    """Check, before anything is sent, that results can be published, and that no pattern of exports would match them.

    Raises:
        ConfigurationError: the extra `cloud` is not installed, the environment does not say enough, or a pattern does.
    """
    if not settings.state.publish:
        return
    folder = read_folder(settings.state.publish)
    results = [f"{folder.key}/{name}".lstrip("/") for name in _NAMES]
    for url in map(read_url, filter(is_url, exports)):
        if url.root == folder.root and matching(results, url.key):
            raise ConfigurationError(
                "the results would be published where the pattern finds exports, and be read as exports the next time",
                operation="read the settings",
                place=url.shown,
                hint="publish to another folder or bucket",
            )
    try:
        open_store(folder)
    except ObjectError as error:
        raise ConfigurationError(
            f"the results cannot be published there: {error}",
            operation="open object storage",
            place="publish",
            hint="set what is missing in the environment, as docs/object-storage.md describes",
        ) from None


async def publish_results(settings: Settings, state_dir: Path, invocation: Invocation, summary: Summary) -> Summary:
    """Publish the results of a run that has ended, and return its summary. What was delivered stays delivered.

    An interrupted run has not ended: the one that continues it publishes. If publishing fails, that is exit code 6,
    unless something worse has happened.
    """
    folder = settings.state.publish
    if not folder or summary.outcome == "interrupted":
        return summary
    try:
        await publish_files(read_folder(folder), _files(state_dir), patience_of(settings.retry))
    except (ConfigurationError, StorageError) as error:
        return msgspec.structs.replace(
            summary,
            exit_code=int(ExitCode.OUTAGE) if summary.exit_code in _OUTWEIGHED else summary.exit_code,
            warnings=(*summary.warnings, f"the results are not published: {error.place or folder}: {error}"),
            next_steps=(*_steps(error.hint, invocation, summary), *summary.next_steps),
        )
    return msgspec.structs.replace(summary, published=folder)


def _steps(remedy: str, invocation: Invocation, summary: Summary) -> Iterator[NextStep]:
    """Yield what is to be done before results are published; a command that is shown anyway is not shown twice."""
    if remedy:
        yield NextStep(text=remedy)
    command = quote(invocation.again)
    if not command or all(step.command != command for step in summary.next_steps):
        text = "start the same command again: what was delivered is not sent again, and the results are published"
        yield NextStep(text=text, command=command)


def _files(state_dir: Path) -> Iterator[Path]:
    for name in _NAMES:
        if (state_dir / name).exists():
            yield state_dir / name

"""`masivo-stream mend`."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from masivo_stream.cli.ask import agreed
from masivo_stream.cli.options import CommonFlags, Switch, ValidationFlags, settings_from
from masivo_stream.flow.observer import Observer, Observers
from masivo_stream.model.errors import ConfigurationError

if TYPE_CHECKING:
    from masivo_stream.core.mending.correct import Action
    from masivo_stream.flow.commands.mend import TableFile
    from masivo_stream.model.mending import MadeCorrection, Mended
    from masivo_stream.model.notices import Notice
    from masivo_stream.model.settings import Settings

_OPERATION = "correct dead letters"
_USUAL = "masivo-state"
"""The state directory without a flag."""
_Text = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@Parameter(name="*")
@dataclass(kw_only=True)
class ActionFlags:
    """What becomes of the field; one of these."""

    set: _Text = None
    "Write this value; the field's type decides whether 7 is a number or a text."
    map: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)] = None
    "OLD=NEW: write a new value for an old one; repeatable. Other values stay; =NEW is for a missing field."
    csv: str | None = None
    "CSV file with a column id and a column for each field's path; or the list of dead-letters --csv, filled in."
    convert: Annotated[bool, Switch] = False
    'Write the value with the right JSON type: "7" as 7, 7 as "7".'
    zone: _Text = None
    "Complete dates: Z, or an offset such as -05:00, for those without a time zone; one that is there stays."
    copy: str | None = None
    "Copy the value of this field of the same object."
    rename: str | None = None
    "Give the field this name."
    remove: Annotated[bool, Switch] = False
    "Leave the field out."
    give_up: str | None = None
    "Set the dead letters aside, and say why: no retry sends them, and they stay counted as dead."

    def action(self) -> "Action | TableFile | None":
        """Return the action; None without one.

        Raises:
            ConfigurationError: there are several, or a value cannot be read.
        """
        from masivo_stream.core.mending.correct import CopyFrom, GiveUp, RemoveField, RenameField
        from masivo_stream.core.mending.new_values import AddZone, Convert, SetTo
        from masivo_stream.flow.commands.mend import TableFile

        found: list[Action | TableFile] = []
        if self.set is not None:
            found.append(SetTo(self.set))
        if self.map:
            found.append(_read_pairs(self.map))
        if self.csv is not None:
            found.append(TableFile(self.csv))
        if self.zone is not None:
            found.append(AddZone(_check_zone(self.zone)))
        if self.give_up is not None:
            found.append(GiveUp(_check_reason(self.give_up)))
        found += [Convert()] * self.convert + [RemoveField()] * self.remove
        found += [CopyFrom(name) for name in (self.copy,) if name] + [
            RenameField(name) for name in (self.rename,) if name
        ]
        if len(found) > 1:
            raise _wrong("a correction does one thing", "use one of these flags, then correct again with the other")
        return found[0] if found else None


@Parameter(name="*")
@dataclass(kw_only=True)
class MendFlags:
    """How a correction is made."""

    field: str | None = None
    "Path of the field to correct, such as events[].order.value. Default: the faulty one."
    undo: Annotated[bool, Switch] = False
    "Take the last correction back."
    dry_run: Annotated[bool, Switch] = False
    "Show what would change; change nothing."
    yes: Annotated[bool, Switch] = False
    "Do not ask."
    show_values: Annotated[bool, Switch] = False
    "Let the examples show ids, names, emails and other values that may be personal."


def mend(
    cause: str | None = None,
    /,
    *,
    actions: ActionFlags | None = None,
    flags: MendFlags | None = None,
    validation: ValidationFlags | None = None,
    common: CommonFlags | None = None,
) -> int:
    """Show dead letters by cause; correct all dead letters of one cause, or give them up. Nothing is sent.

    Without flags it lists the causes, each with a short name, and what `retry` would do. With one of the flags that say
    what becomes of a field, it shows what changes and three examples, and asks. Then `retry` sends what was corrected.

    Example: `masivo-stream mend 3f2a9c --set 2020-01-01T00:00:00Z`

    Parameters
    ----------
    cause
        Short name of a cause, or its beginning; or a kind, for all its dead letters.
    """
    from masivo_stream.cli.output import print_json

    common, flags = common or CommonFlags(), flags or MendFlags()
    settings = settings_from(common, validation)
    action = (actions or ActionFlags()).action()
    if flags.undo:
        return _undo(settings, flags, common)
    if action is None:
        return _show(settings, cause, common, show=flags.show_values)
    if cause is None:
        raise _wrong("no cause is named", "masivo-stream mend lists the causes with their names")

    import anyio

    from masivo_stream.cli.console import Output
    from masivo_stream.cli.output import answer
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands.mend import Mend
    from masivo_stream.flow.commands.mend import mend as command
    from masivo_stream.observe.mend_list import print_mended

    wanted = Mend(cause=cause, action=action, field=flags.field or "", show_values=flags.show_values)
    with ExitStack() as shown:
        observer = shown.enter_context(showing_work(settings.log, quiet=common.quiet))

        def agree(found: "Mended") -> bool:
            shown.close()  # the line makes room for the question
            return _agree(flags, found)

        found = anyio.run(partial(command, settings, wanted, agree=agree, observer=observer))
    if common.json:
        return print_json(found, question=not found.applied)
    if found.applied or not found.changed or flags.dry_run:
        return answer(lambda: print_mended(Output(), found), question=not found.applied)
    return 0


def _agree(flags: MendFlags, found: "Mended") -> bool:
    """Return whether to write a correction.

    Raises:
        ConfigurationError: a person was asked, and did not agree.
    """
    if flags.dry_run:
        return False
    if flags.yes:
        return True
    from rich.console import Console

    from masivo_stream.observe.mend_list import print_mended

    print_mended(Console(stderr=True, highlight=False), found)
    if not agreed(f"Change {found.changed:,} dead letters?"):
        raise ConfigurationError(
            "not confirmed: nothing was changed", operation=_OPERATION, hint="answer yes, or give --yes"
        )
    return True


class _Passing:
    """Passes notices on to an observer that comes later."""

    def __init__(self) -> None:
        self.to: Observer = Observers()

    def notify(self, notice: "Notice") -> None:
        self.to.notify(notice)


def _undo(settings: "Settings", flags: MendFlags, common: CommonFlags) -> int:
    import anyio

    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands.mend import undo_mend

    shown, line = ExitStack(), _Passing()

    def agree(last: "MadeCorrection") -> bool:
        what = f"Undo correction {last.number} ({last.what}, {last.dead_letters:,} dead letters of {last.kind})?"
        if not flags.yes and not flags.dry_run and not agreed(what):
            raise ConfigurationError(
                "not confirmed: nothing was changed", operation=_OPERATION, hint="answer yes, or give --yes"
            )
        line.to = shown.enter_context(showing_work(settings.log, quiet=common.quiet))  # not before the answer
        return not flags.dry_run

    with shown:
        last, restored = anyio.run(partial(undo_mend, settings, agree=agree, observer=line))
    if common.json:
        return print_json({"schema": 1, "number": last.number, "kind": last.kind, "restored": restored})
    what = f"correction {last.number} ({last.what})"
    text = f"{what} would be undone" if flags.dry_run else f"{what} undone: {restored:,} dead letters are as before"
    return answer(lambda: print(text))  # noqa: T201 - the answer


def _show(settings: "Settings", cause: str | None, common: CommonFlags, *, show: bool) -> int:
    """Print the causes, or one of them with its values."""
    from masivo_stream.cli.output import answer, print_json
    from masivo_stream.cli.progress import showing_work
    from masivo_stream.flow.commands.dead_letters import dead_letter_cause, dead_letters

    with showing_work(settings.log, quiet=common.quiet) as observer:
        found = (
            dead_letters(settings, observer=observer)
            if cause is None
            else dead_letter_cause(settings, cause, show_values=show, observer=observer)
        )
    if common.json:
        return print_json(found, question=True)
    from masivo_stream.cli.console import Output
    from masivo_stream.model.mending import CauseDetail
    from masivo_stream.observe.mend_list import print_cause, print_dead_letters

    where = f" --state-dir {quote(settings.state.state_dir)}" if settings.state.state_dir != _USUAL else ""
    if isinstance(found, CauseDetail):
        return answer(lambda: print_cause(Output(), found, where), question=True)
    return answer(lambda: print_dead_letters(Output(), found, where), question=True)


def _read_pairs(words: list[str]) -> "Action":
    from masivo_stream.core.mending.new_values import MapTo

    pairs: dict[str, str] = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not equals or old in pairs:
            raise _wrong("--map takes OLD=NEW, each old value once", "write it so: --map M=MALE --map F=FEMALE")
        pairs[old] = new
    return MapTo(pairs)


def _check_zone(zone: str) -> str:
    from masivo_stream.core.mending.new_values import is_zone

    if not is_zone(zone):
        raise _wrong("--zone takes an offset, not a name", "write Z, or an offset such as -05:00")
    return zone


def _check_reason(reason: str) -> str:
    if not reason.strip():
        raise _wrong("dead letters are given up for a reason", 'say why, such as --give-up "test accounts"')
    return reason


def _wrong(what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(what, operation="read the command", hint=hint)

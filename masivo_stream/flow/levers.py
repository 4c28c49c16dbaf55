"""What a person changes about a run at work: whether it sends, how fast, and with how many uploaders.

* `masivo-stream pause` leaves a file in the state directory. It is looked for twice a second. While it is there, the
  switch that all requests look at is off.
* Another run that uses the account is no lever, but is looked for here, too: it changes when this run is done.
* SIGHUP has the settings read again. Limits and uploaders change at once. Everything else that has changed is named,
  and counts from the next start on. If the settings cannot be read, nothing changes.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import anyio
import anyio.to_thread
from msgspec import structs

from masivo_stream.core.next_steps import resume_command
from masivo_stream.edges.clock import SystemClock
from masivo_stream.edges.config import leaves
from masivo_stream.edges.files.pause_file import read_pause
from masivo_stream.flow.other_runs import find_left
from masivo_stream.flow.session import Session
from masivo_stream.flow.stop import SharedSignals
from masivo_stream.model.errors import MasivoStreamError
from masivo_stream.model.notices import OtherRuns, Paused, Resumed, SettingChange, SettingsReread, SettingsUnread
from masivo_stream.model.settings import Settings

LOOK_EVERY = 0.5
"""Seconds between two looks for a pause."""

LOOK_FOR_OTHERS = 2.0
"""Seconds between two looks for other runs."""

CHANGEABLE = {"limits": ("limit", "general_limit", "time_zone"), "upload": ("uploaders",)}
"""The settings that a run at work takes over, by section."""


class Uploading(Protocol):
    """What sends with a number of uploaders."""

    def change_uploaders(self, settings: Settings) -> None:
        """Send with as many as the settings say from now on."""
        ...


class RunLevers:
    """The levers of one run. `watch` does what they ask for."""

    def __init__(self, session: Session, *, in_flight: Callable[[], int]) -> None:
        """Change the settings, the limiters and the switch of a session that is connected."""
        self._session, self._in_flight = session, in_flight
        self._hung_up = anyio.Event()
        self._off_before = 0.0
        """For how long the switch was off before this pause."""
        self._others = False
        """Whether there were other runs."""
        self.uploading: Uploading | None = None
        """What sends at the moment, None if nothing does."""

    def hang_up(self) -> None:
        """Read the settings again, soon."""
        self._hung_up.set()

    async def watch(self) -> None:
        """Do what is asked for, until this is cancelled."""
        async with anyio.create_task_group() as tasks:
            # In virtual time, a look every half second would be all that a test does.
            if isinstance(self._session.clock, SystemClock):
                tasks.start_soon(self._look_for_pauses)
                tasks.start_soon(self._look_for_others)
            while True:
                await self._hung_up.wait()
                self._hung_up = anyio.Event()
                await self.reread()

    async def _look_for_others(self) -> None:
        while True:
            await self._session.clock.sleep(LOOK_FOR_OTHERS)
            self.look_for_others()

    def look_for_others(self) -> None:
        """Give notice of what other runs on the account have left to send, as long as there are any."""
        found = tuple(find_left(self._session.limiters.general.others()))
        if found or self._others:
            self._others = bool(found)
            self._session.limiters.take_turns(len(found))
            self._session.observer.notify(OtherRuns(left=found))

    async def _look_for_pauses(self) -> None:
        while True:
            self.look_for_pause()
            await self._session.clock.sleep(LOOK_EVERY)

    def look_for_pause(self) -> None:
        """Turn the switch off or on, if a person has paused or resumed the run."""
        switch = self._session.limiters.switch
        pause = read_pause(self._session.state.path)
        if pause is not None and not switch.off:
            self._off_before = switch.off_seconds
            switch.turn_off()
            self._session.observer.notify(
                Paused(
                    since=pause.since.timestamp(),
                    by=pause.by,
                    command=resume_command(self._session.settings.state.state_dir),
                    in_flight=self._in_flight(),
                )
            )
        elif pause is None and switch.off:
            switch.turn_on()
            self._session.observer.notify(Resumed(seconds=switch.off_seconds - self._off_before))

    async def reread(self) -> None:
        """Read the settings again, and take over what a run at work can change."""
        read = self._session.runtime.reread
        if read is None:
            return
        try:
            new = await anyio.to_thread.run_sync(read)
        except MasivoStreamError as error:
            self._session.observer.notify(SettingsUnread(why=str(error), place=error.place, hint=error.hint))
            return
        self._take_over(new)

    def _take_over(self, new: Settings) -> None:
        old = self._session.settings
        changes = [
            (section, name)
            for section, found in leaves().items()
            for name in found
            if _differs(old, new, section, name)
        ]
        taken = [(section, name) for section, name in changes if name in CHANGEABLE.get(section, ())]
        for section, name in taken:
            part = structs.replace(getattr(self._session.settings, section), **{name: _value(new, section, name)})
            self._session.settings = structs.replace(self._session.settings, **{section: part})
        if any(section == "limits" for section, _ in taken):
            self._session.limiters.change(self._session.settings.limits, self._session.clock)
        if ("upload", "uploaders") in taken and self.uploading is not None:
            self.uploading.change_uploaders(self._session.settings)
        self._session.observer.notify(
            SettingsReread(
                changed=tuple(
                    SettingChange(name=name, old=_shown(old, section, name), new=_shown(new, section, name))
                    for section, name in taken
                ),
                left=tuple(name for section, name in changes if (section, name) not in taken),
            )
        )


def _value(settings: Settings, section: str, name: str) -> object:
    return getattr(getattr(settings, section), name)


def _differs(old: Settings, new: Settings, section: str, name: str) -> bool:
    return _value(old, section, name) != _value(new, section, name)


def _shown(settings: Settings, section: str, name: str) -> str:
    value = _value(settings, section, name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "the machine's"


async def wait_while_paused(session: Session, signals: SharedSignals | None = None) -> None:
    """Before a run begins, wait for a pause to end; whoever watches is notified of it.

    Raises:
        Interrupted: a signal for all runs of this process came first.
    """
    pause = read_pause(session.state.path)
    if pause is None:
        return
    began = session.clock.now()
    command = resume_command(session.settings.state.state_dir)
    session.observer.notify(Paused(since=pause.since.timestamp(), by=pause.by, command=command))
    while read_pause(session.state.path) is not None:
        if signals is not None and signals.received is not None:
            raise signals.received
        await session.clock.sleep(LOOK_EVERY)
    session.observer.notify(Resumed(seconds=session.clock.now() - began))

"""What a run waits for, by the latest notices. Of several waits, the first case in `CurrentWait.wait` counts."""

from masivo_stream.model.notices import (
    BatchWaits,
    ChecksEnded,
    ChecksStarted,
    CustomersAsked,
    KindStarted,
    Notice,
    ObjectAwaited,
    Paused,
    ReadBack,
    ReadBackAwaited,
    Resumed,
    RunEnded,
    RunStarted,
    SlotAwaited,
    Stopping,
    Visible,
    WaitingVisible,
    WorkProgressed,
)
from masivo_stream.model.snapshot import PauseShown, Wait
from masivo_stream.observe.pause_text import describe_pause


class CurrentWait:
    """Feed it notices, and ask what the run waits for. Moments are seconds of the monotonic clock."""

    def __init__(self) -> None:
        """Begin without any wait."""
        self._done = False
        self._drain: tuple[float, str] | None = None
        self._visible: tuple[float, str] | None = None
        self._asking: tuple[float | None, str] | None = None
        self._checking = ""
        """What the checks over all files are made of; empty while they are not made."""
        self._returning = ""
        """Which compressed export is read again, up to where the run was, and how far that is."""
        self._slot = (0.0, "")
        self.paused: PauseShown | None = None
        self._retry = (0.0, "")
        self._read_backs: dict[int, float] = {}
        """By its number, until when each refused request waits to be read back."""

    @property
    def stopping(self) -> bool:
        """Whether the run has ended or is stopping."""
        return self._done or self._drain is not None

    @property
    def visible_until(self) -> float | None:
        """Until when effects are waited for, at least; None if they are not."""
        return None if self._visible is None else self._visible[0]

    def feed(self, notice: Notice, now: float) -> None:  # noqa: C901, PLR0912 - one case a notice
        """Take in a notice that comes at `now`."""
        match notice:
            case SlotAwaited(seconds=seconds, why=why):  # kept until then: another uploader may depart in the meantime
                self._slot = now + seconds, f"next slot ({why})" if why else "next slot"
            case BatchWaits(kind=kind, why=why, seconds=seconds):
                self._retry = (now + seconds, f"{kind}: {why}, next try")
            case ObjectAwaited(why=why, seconds=seconds):
                self._retry = (now + seconds, f"object storage: {why}, next try")
            case WaitingVisible(kind=kind, canary=longest) if longest:
                self._visible = (now + longest, f"the canary's record of {kind} does not show yet: the run stops")
            case WaitingVisible(kind=kind, seen=seen, probes=probes, next_probe=pause):
                progress = f"{seen} of {probes} probes seen, next probe" if probes else "settling time ends"
                self._visible = (now + pause, f"{kind} becoming visible: {progress}")
            case ReadBackAwaited(number=number, seconds=seconds):
                self._read_backs[number] = now + seconds
            case ReadBack(number=number):
                self._read_backs.pop(number, None)
            case Visible() | KindStarted():
                self._visible = None
            case Stopping(why=why, in_flight=flying, drain_time=longest):
                requests = f"{flying} request{'s' if flying != 1 else ''} in flight"
                awaited = f"waiting for {requests}, at most" if flying else "writing the results, at most"
                self._drain = (now + longest, f"stopping ({why}): {awaited}")
            case CustomersAsked(asked=asked, of=of, gone=gone, wait=wait):
                about = f"{asked:,} of {of:,} read, {gone:,} no longer in the account"
                what = "the revert becomes visible" if wait else f"reading customers back after a revert: {about}"
                self._asking = (now + wait if wait else None, what) if asked < of else None
            case RunStarted() | ChecksEnded():
                self._asking, self._checking = None, ""
            case ChecksStarted(files=files):
                many = f"{files:,} export{'s' if files != 1 else ''}"
                self._checking = f"checking {many} as a whole, before anything is sent"
                self._asking = None, self._checking
            case Paused(since=since, by=by, command=command):
                self.paused = PauseShown(since=since, by=by, command=command)
            case Resumed():
                self.paused = None
            case WorkProgressed(step=step, done=done, of=of):
                share = f"{min(99, 100 * done // of)} %" if of else ""
                if self._checking:
                    self._asking = None, f"{self._checking}: {step} {share}".rstrip()
                else:
                    self._returning = f"{step}: {share}" if done < of else ""
            case RunEnded():
                self._done, self.paused = True, None
            case _:
                pass

    def wait(self, now: float, shift: float) -> Wait:
        """Return what the run waits for at `now`; `shift` is added to moments."""
        # Of several waits, the first one counts: 1. the run has ended, 2. it stops, 3. a person has paused it,
        # 4. effects must become visible, 5. customers are read back after a revert, 6. the next slot, 7. a batch's next
        # try, 8. customers of refused requests are read back. While 6 to 8 last, other requests may still be sent. If
        # none of them counts, a compressed export may be read again, up to where the run was.
        if self._done:
            return Wait(what="done", text="done")
        if self._drain is not None:
            return Wait(what="drain", until=self._drain[0] + shift, text=self._drain[1])
        if self.paused is not None:
            text = f"{describe_pause(self.paused.since, self.paused.by)}; resume with: {self.paused.command}"
            return Wait(what="paused", text=text)
        if self._visible is not None:
            return Wait(what="visible", until=self._visible[0] + shift, text=self._visible[1])
        if self._asking is not None:
            until, text = self._asking
            return Wait(what="visible", until=None if until is None else until + shift, text=text)
        if self._slot[0] > now:
            return Wait(what="slot", until=self._slot[0] + shift, text=self._slot[1])
        if self._retry[0] > now:
            return Wait(what="retry", until=self._retry[0] + shift, text=self._retry[1])
        if self._read_backs:
            return Wait(what="read_back", until=min(self._read_backs.values()) + shift, text=self._read_back_text())
        return Wait(text=self._returning)

    def _read_back_text(self) -> str:
        waiting = len(self._read_backs)
        requests = f"{waiting} refused request{'s' if waiting != 1 else ''}"
        return f"customers of {requests} may be in the account anyway: reading them back, at the latest"

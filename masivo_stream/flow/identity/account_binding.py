"""A state directory belongs to one account: where the API is, and who opens it.

What a run has sent to one account another one has not got; going on there would leave out what was sent, and send the
rest to the wrong place. So another origin or another key is refused before anything is read or sent. The API key is
known at once. Whose account a token opens is known when it has come, and that is before the first batch.

1. Nothing was sent yet: the directory belongs to the account that is named now. A wrong key that was put right is one.
2. The key, the ready token or what it names is the noted one: the same account.
3. Only tokens were used and a key is given: its first token tells, and is asked for before anything else.
4. Anything else is another account, unless a person says `--same-account`.
"""

import getpass
import os
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from masivo_stream.edges.account import identify, origin_of, subject_of
from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials
from masivo_stream.model.account import Account, NotedAccount, is_one_origin, note
from masivo_stream.model.attempt import Attempt
from masivo_stream.model.errors import ConfigurationError, OutageError
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

"""What the journal calls a person's word that two are one."""

_OPERATION = "open the run"
_HINT = (
    "if it is one account with a new key or a new address, say so once with --same-account; for another account, choose"
    " a --state-dir of its own"
)


class Confirmations(Struct, frozen=True, kw_only=True):
    """What a person confirms because the program cannot know it."""

    same_account: bool = False
    """The account that is named now is the account that the run has sent to: its key or its address is new."""
    again: bool = False
    """An export is to be sent although the account already has it: its events and transactions then count twice."""
    moved: Sequence[str] = ()
    """Exports that have another path now, each as `OLD=NEW`; needed only if their content does not show it."""


class TokenSource(Protocol):
    """Who gets tokens."""

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        ...


class AccountBinding:
    """The account of one command, held against the one that a journal notes."""

    def __init__(
        self, settings: Settings, credentials: Credentials, clock: Clock, confirmations: Confirmations | None = None
    ) -> None:
        """Identify the account that these settings and secrets lead to."""
        self.account, self.credentials = identify_account(settings, credentials), credentials
        self.confirmations = confirmations or Confirmations()
        self.clock, self._state_dir = clock, settings.state.state_dir
        self._journal: Journal | None = None
        self._proven = True

    @property
    def noted(self) -> NotedAccount:
        """The account as the journal names it, or as it would."""
        accounts = [] if self._journal is None else self._journal.read.accounts()
        return accounts[-1] if accounts else note(self.account, "")

    @property
    def said_to_be_one(self) -> list[NotedAccount]:
        """The accounts that a person says are one; none where nobody had to say so."""
        accounts = [] if self._journal is None else self._journal.read.accounts()
        return accounts if len(accounts) > 1 else []

    def enter(self, journal: Journal) -> None:
        """Hold the account against the journal's, and note it there.

        Raises:
            ConfigurationError: the run belongs to another account, or may do.
            StorageError: the journal cannot be written.
        """
        self._journal = journal
        accounts, sent_at = journal.read.accounts(), journal.read.first_sent()
        if not sent_at:
            accounts = []
        mine = [known for known in accounts if known.is_for(self.account)]
        if not mine and not self.confirmations.same_account and accounts and accounts[-1].may_be_for(self.account):
            self._proven = False
            return
        if not mine and sent_at:
            if not self.confirmations.same_account:
                raise self._refusal(journal, accounts, sent_at)
            words = f"{self.account} is {_told(journal, accounts)}"
            journal.note_accounts(
                [*accounts, note(self.account, self._now())],
                word=Note(NoteKind.SAME_ACCOUNT, words, person=name_person()),
            )
        else:
            # The one that is used stands last.
            known = mine[-1].with_names_of(self.account) if mine else note(self.account, self._now())
            journal.note_accounts([*(each for each in accounts if each not in mine[-1:]), known])

    async def prove(self, tokens: TokenSource) -> None:
        """Get a token where only that can tell whether this is the run's account.

        Raises:
            ConfigurationError: it is another one, or its tokens name none.
            OutageError: no token could be got.
        """
        if self._proven:
            return
        token = await tokens.prepare()
        if not isinstance(token, str):
            raise OutageError(
                "no token could be got that tells whether the API key opens the account of this run",
                operation=_OPERATION,
                place=self._state_dir,
                hint="start again when the API can be reached; --same-account says so without a token",
            )

    async def admit(self, token: str) -> None:
        """Learn from a token that was got with the key whose account it opens.

        Raises:
            ConfigurationError: it is not the one that the run has sent to.
            StorageError: the journal cannot be written.
        """
        subject = subject_of(token)
        if subject == self.account.subject and self._proven:
            return
        told = Account(origin=self.account.origin, owner=self.account.owner, subject=subject)
        journal = self._journal
        if journal is not None:
            accounts = journal.read.accounts()
            mine = [known for known in accounts if known.is_for(told)]
            if not mine:
                if self.confirmations.same_account:
                    words = f"{told} is {_told(journal, accounts)}"
                    await journal.learn_accounts(
                        [*accounts, note(told, self._now())],
                        word=Note(NoteKind.SAME_ACCOUNT, words, person=name_person()),
                    )
                else:
                    raise self._refusal(journal, accounts, journal.read.first_sent(), told)
            elif (known := mine[-1].with_names_of(told)) != mine[-1] or accounts[-1] != mine[-1]:
                await journal.learn_accounts([*(each for each in accounts if each != mine[-1]), known])
        self.account, self._proven = told, True

    def _refusal(
        self, journal: Journal, accounts: list[NotedAccount], sent_at: str, account: Account | None = None
    ) -> ConfigurationError:
        account = account or self.account
        if accounts:
            known = accounts[-1]
            # One key at two addresses is named alike.
            elsewhere = not is_one_origin(known.origin, account.origin)
            here = known.shown if elsewhere and account.owner in known.keys else ""
            now = f"{account.origin} (account {here})" if here else str(account)
            what = f"the run in this state directory sends to {known} since {known.first_at or sent_at}, not to {now}"
        else:
            what = (
                f"the run in this state directory has sent to {_told(journal, accounts)} since {sent_at}, and version"
                f" 0.1.0 did not note to which account; this command goes to {account}"
            )
        return ConfigurationError(what, operation=_OPERATION, place=self._state_dir, hint=_HINT)

    def _now(self) -> str:
        return self.clock.wall().isoformat(timespec="seconds")


def identify_account(settings: Settings, credentials: Credentials) -> Account:
    """Return the account that settings and secrets lead to."""
    return identify(
        settings.api.base_url,
        api_key=credentials.api_key.reveal() if credentials.api_key else None,
        token=credentials.token.reveal() if credentials.token else None,
        headers=settings.api.headers,
    )


def _told(journal: Journal, accounts: list[NotedAccount]) -> str:
    """Name where a run has sent to, as far as its journal knows."""
    if accounts:
        return str(accounts[-1])
    try:
        return origin_of(journal.read.facts().settings["api.base_url"])
    except (KeyError, ValueError):  # a journal of before there were facts, or a URL that was masked
        return journal.read.target() or "an account"


def name_person() -> str:
    """Return who decides; a container's user need not have a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python before 3.13: KeyError; after: OSError
        return f"user {os.getuid()}"

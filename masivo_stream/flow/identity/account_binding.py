"""A state directory belongs to one account: an address of the API, and a key that opens it.

If a run continued in another account, that account would lack what was sent before, and get the rest by mistake. So
another address or another key is refused before anything is read or sent. The API key is known at once. Which account a
token opens is known when it has come, and that is before the first batch.

1. Nothing was sent yet: the directory belongs to the account that is named now. So a wrong key can be corrected.
2. The key, the ready token or what it names is the noted one: the same account.
3. Only tokens were used and a key is given: its first token decides, and is requested before anything else.
4. Everything else is another account, unless a person confirms `--same-account`.
"""

import getpass
import os
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from masivo_stream.edges.journal import Journal
from masivo_stream.edges.secret import Credentials, identify, origin_of, subject_of
from masivo_stream.model.account import Account, NotedAccount, is_one_origin, note
from masivo_stream.model.attempt import Attempt
from masivo_stream.model.errors import ConfigurationError, OutageError
from masivo_stream.model.ports import Clock
from masivo_stream.model.settings import Settings
from masivo_stream.model.states import Note, NoteKind

_OPERATION = "open the run"
_HINT = (
    "if this is the same account with a new key or address, confirm that once with --same-account; a different account"
    " needs its own --state-dir"
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
    """Gets tokens."""

    async def prepare(self) -> str | Attempt:
        """Return a token, or the attempt that failed to get one."""
        ...


class AccountBinding:
    """Compares the account of one command with the account that a journal notes."""

    def __init__(
        self, settings: Settings, credentials: Credentials, clock: Clock, confirmations: Confirmations | None = None
    ) -> None:
        """Identify the account that these settings and credentials lead to."""
        self.account, self.credentials = identify_account(settings, credentials), credentials
        self.confirmations = confirmations or Confirmations()
        self.clock, self._state_dir = clock, settings.state.state_dir
        self._journal: Journal | None = None
        self._proven = True

    @property
    def noted(self) -> NotedAccount:
        """The account as the journal names it, or would name it."""
        accounts = [] if self._journal is None else self._journal.read.accounts()
        return accounts[-1] if accounts else note(self.account, "")

    @property
    def said_to_be_one(self) -> list[NotedAccount]:
        """The accounts that a person has confirmed to be one; empty if no confirmation was needed."""
        accounts = [] if self._journal is None else self._journal.read.accounts()
        return accounts if len(accounts) > 1 else []

    def enter(self, journal: Journal) -> None:
        """Compare the account with the journal's, and note it there.

        Raises:
            ConfigurationError: the run belongs to another account, or may belong to one.
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
            words = f"{self.account} is {_describe_target(journal, accounts)}"
            journal.note_accounts(
                [*accounts, note(self.account, self._now())],
                confirmation=Note(NoteKind.SAME_ACCOUNT, words, person=name_person()),
            )
        else:
            # The account that is used now is the last one.
            known = mine[-1].with_names_of(self.account) if mine else note(self.account, self._now())
            journal.note_accounts([*(each for each in accounts if each not in mine[-1:]), known])

    async def prove(self, tokens: TokenSource) -> None:
        """Get a token if only a token can show whether this is the account of the run.

        Raises:
            ConfigurationError: it is another account, or its tokens name no account.
            OutageError: no token could be obtained.
        """
        if self._proven:
            return
        token = await tokens.prepare()
        if not isinstance(token, str):
            raise OutageError(
                "no token could be obtained, and only a token shows whether the API key belongs to the account of this"
                " run",
                operation=_OPERATION,
                place=self._state_dir,
                hint="start again when the API can be reached; or confirm the account with --same-account, which needs"
                " no token",
            )

    async def admit(self, token: str) -> None:
        """Learn from a token of the key which account it opens.

        Raises:
            ConfigurationError: it is not the account that the run has sent to.
            StorageError: the journal cannot be written.
        """
        subject = subject_of(token)
        if subject == self.account.subject and self._proven:
            return
        opened = Account(origin=self.account.origin, owner=self.account.owner, subject=subject)
        journal = self._journal
        if journal is not None:
            accounts = journal.read.accounts()
            mine = [known for known in accounts if known.is_for(opened)]
            if not mine:
                if self.confirmations.same_account:
                    words = f"{opened} is {_describe_target(journal, accounts)}"
                    await journal.learn_accounts(
                        [*accounts, note(opened, self._now())],
                        confirmation=Note(NoteKind.SAME_ACCOUNT, words, person=name_person()),
                    )
                else:
                    raise self._refusal(journal, accounts, journal.read.first_sent(), opened)
            elif (known := mine[-1].with_names_of(opened)) != mine[-1] or accounts[-1] != mine[-1]:
                await journal.learn_accounts([*(each for each in accounts if each != mine[-1]), known])
        self.account, self._proven = opened, True

    def _refusal(
        self, journal: Journal, accounts: list[NotedAccount], sent_at: str, account: Account | None = None
    ) -> ConfigurationError:
        account = account or self.account
        if accounts:
            known = accounts[-1]
            # The same key at two addresses has the same name: the address distinguishes them.
            elsewhere = not is_one_origin(known.origin, account.origin)
            here = known.shown if elsewhere and account.owner in known.keys else ""
            now = f"{account.origin} (account {here})" if here else str(account)
            what = (
                f"the run in this state directory has sent to {known} since {known.first_at or sent_at}, not to {now}"
            )
        else:
            what = (
                f"the run in this state directory has sent to {_describe_target(journal, accounts)} since {sent_at},"
                f" and version 0.1.0 did not note to which account; this command goes to {account}"
            )
        return ConfigurationError(what, operation=_OPERATION, place=self._state_dir, hint=_HINT)

    def _now(self) -> str:
        return self.clock.wall().isoformat(timespec="seconds")


def identify_account(settings: Settings, credentials: Credentials) -> Account:
    """Return the account that settings and credentials lead to."""
    return identify(
        settings.api.base_url,
        api_key=credentials.api_key.reveal() if credentials.api_key else None,
        token=credentials.token.reveal() if credentials.token else None,
        headers=settings.api.headers,
    )


def _describe_target(journal: Journal, accounts: list[NotedAccount]) -> str:
    """Return what the journal knows of where a run has sent to."""
    if accounts:
        return str(accounts[-1])
    try:
        return origin_of(journal.read.facts().settings["api.base_url"])
    except (KeyError, ValueError):  # an old journal without facts, or a masked URL
        return journal.read.target() or "an account"


def name_person() -> str:
    """Return the name of the person who decides; the user of a container need not have one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python before 3.13: KeyError; after: OSError
        return f"user {os.getuid()}"

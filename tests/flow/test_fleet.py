"""What the runs of a fleet share: the turn to check their exports."""

from fakes import record, write_export

from masivo_stream.flow.commands.fleet import FleetRuntime, migrate_fleet
from masivo_stream.flow.fleet_file import load_fleet
from masivo_stream.model.contract import Kind, sandbox_key
from masivo_stream.model.notices import ChecksEnded, ChecksStarted
from masivo_stream.sandbox import SandboxOptions, parse_limits, running

NAMES = ("a", "b", "c")


class Watch:
    """Remembers which accounts are checked, in the sequence in which that begins and ends."""

    def __init__(self):
        self.checks, self.results = [], {}

    def observer_of(self, name):
        return _OfAccount(name, self.checks)

    def ended(self, result):
        self.results[result.name] = result.exit_code


class _OfAccount:
    def __init__(self, name, checks):
        self.name, self.checks = name, checks

    def notify(self, notice):
        if isinstance(notice, ChecksStarted | ChecksEnded):
            self.checks.append(self.name)


async def migrate(tmp_path, sandbox, **runtime):
    text = f'[settings.api]\nbase_url = "{sandbox.url}"\n[settings.limits]\nlimit = []\n[settings.verify]\nsample = 0\n'
    for name in NAMES:
        export = write_export(tmp_path / f"{name}.ndjson", [record(Kind.CUSTOMERS, each) for each in range(3)])
        text += f'[[accounts]]\nname = "{name}"\ncustomers = ["{export}"]\nstate_dir = "{tmp_path / name}"\n'
    (tmp_path / "fleet.toml").write_text(text)
    keys = {f"MASIVO_API_KEY_{name.upper()}": sandbox_key(number) for number, name in enumerate(NAMES, 1)}
    watch = Watch()
    found = await migrate_fleet(
        load_fleet(str(tmp_path / "fleet.toml"), environment=keys), FleetRuntime(watch=watch, **runtime)
    )
    assert (found.exit_code, watch.results) == (0, dict.fromkeys(NAMES, 0))
    return watch.checks


async def test_few_accounts_are_checked_at_a_time(tmp_path):
    """The first ones send while others are checked, and only the notes of a few are on the disk."""
    options = SandboxOptions(limits=parse_limits("none"), visible_after=0.0, accounts=len(NAMES))
    async with running(options) as sandbox:
        checks = await migrate(tmp_path, sandbox, checks_at_once=1)
    assert sorted(checks[::2]) == list(NAMES)
    assert checks[::2] == checks[1::2]

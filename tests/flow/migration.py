"""A migration in one process: exports in a folder, and a sandbox to send them to."""

from masivo_stream.edges.config import load_settings
from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.commands.migrate import migrate
from masivo_stream.flow.commands.verify import Sample, verify
from masivo_stream.flow.exports import Exports
from masivo_stream.generate.export import write
from masivo_stream.model.contract import Kind


class Migration:
    """Exports in a folder, and a sandbox to send them to."""

    def __init__(self, folder, sandbox):
        self.folder, self.sandbox = folder, sandbox
        self.credentials = Credentials(api_key=Secret(sandbox.api_key))
        self.settings = self.settings_with()

    def settings_with(self, **flags):
        quick = {
            "first_probe": 0.05,
            "events_settle": 0.3,
            "visible_timeout": 0.3,
            "limit": "none",
            "hand_off": 1,
            "sample": 0,
        }
        places = {"state_dir": str(self.folder / "state"), "shared_dir": str(self.folder / "shared")}
        return load_settings(flags={"base_url": self.sandbox.url, **quick, **places, **flags})

    def path(self, kind):
        return self.folder / f"{kind}.ndjson"

    def generate(self, count, *, kinds=tuple(Kind), rate=0.0, skipped=0.0):
        for kind in kinds:
            with self.path(kind).open("wb") as stream:
                write(stream, None, kind=kind, count=count, seed=5, rate=rate, skipped=skipped)

    async def migrate(self, *, observer=None, handle_signals=False, **flags):
        exports = {kind.value: [str(self.path(kind))] for kind in Kind if self.path(kind).exists()}
        return await migrate(
            self.settings_with(**flags),
            self.credentials,
            Exports(**exports),
            observer=observer,
            handle_signals=handle_signals,
        )

    async def verify(self, records=None, **more):
        sample = None if records is None else Sample(records=records)
        return await verify(self.settings, self.credentials, sample=sample, **more)

"""Sessions without a network: what a command opens, around an API that a test brings along."""

from fakes import Remembering

from masivo_stream.edges.secret import Credentials, Secret
from masivo_stream.flow.client import ApiConnection
from masivo_stream.flow.identity.account_binding import AccountBinding
from masivo_stream.flow.rate_limit import make_limiters
from masivo_stream.flow.runtime import Runtime
from masivo_stream.flow.session import Session


def make_session(settings, state, journal, api, clock, *, limiters=None, observer=None):
    """Return a connected session whose client is `api`; no quota is shared, and no memory of sent exports is open."""
    binding = AccountBinding(settings, Credentials(api_key=Secret("key")), clock)
    runtime = Runtime(clock=clock, chance=lambda: 0.0)
    session = Session(settings, state, journal, binding=binding, observer=observer or Remembering(), runtime=runtime)
    session.connection = ApiConnection(api, limiters or make_limiters(settings, clock))
    return session

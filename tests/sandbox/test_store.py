import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from sandbox import made
from sandbox.fake_clock import START

from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ConfigurationError
from masivo_stream.sandbox import store as store_module
from masivo_stream.sandbox.body_rules import validate
from masivo_stream.sandbox.parsed_batch import Refusal
from masivo_stream.sandbox.store import Store


def batch(kind: Kind, *entries: object):
    parsed = validate(kind, made.body(*entries))
    assert not isinstance(parsed, Refusal)
    return parsed


def test_a_file_is_private(tmp_path):
    """The store and the files beside it have mode 0600, whatever the umask or the mode before."""
    path = tmp_path / "store.db"
    path.touch(mode=0o666)
    path.chmod(0o666)
    before = os.umask(0)
    try:
        store = Store(str(path))
        store.enqueue(batch(Kind.CUSTOMERS, made.customer("c")), START)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    store.close()
    assert modes["store.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_a_store_outlives_its_process(tmp_path):
    """Effects, ledger, counts and the key of the tokens are kept."""
    path = str(tmp_path / "store.db")
    first = Store(path)
    first.enqueue(batch(Kind.CUSTOMERS, made.customer("c")), START)
    first.count("customers", "201")
    secret = first.secret()
    first.close()
    second = Store(path)
    ledger = second.ledger.read(START)
    assert (ledger.customers, ledger.requests, second.secret()) == ({"c": 1}, {"customers": {"201": 1}}, secret)
    second.close()


def test_a_killed_process_loses_nothing(tmp_path):
    """A batch that was enqueued before a SIGKILL is kept."""
    path = str(tmp_path / "store.db")
    program = (
        "import os, signal, sys\n"
        "from masivo_stream.model.contract import Kind\n"
        "from masivo_stream.sandbox.body_rules import validate\n"
        "from masivo_stream.sandbox.store import Store\n"
        "Store(sys.argv[1]).enqueue(validate(Kind.CUSTOMERS, sys.argv[2].encode()), 0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    text = made.body(made.customer("c")).decode()
    ended = subprocess.run([sys.executable, "-c", program, path, text], check=False)
    assert ended.returncode == -9
    store = Store(path)
    assert store.ledger.read(START).customers == {"c": 1}
    store.close()


def test_one_process_at_a_time_uses_a_store(tmp_path):
    """A store in use is refused."""
    path = str(tmp_path / "store.db")
    store = Store(path)
    with pytest.raises(ConfigurationError, match="locked"):
        Store(path)
    store.close()
    Store(path).close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to look like one" * 100, None])
def test_other_files_are_left_alone(tmp_path, content):
    """A file that is not a store of the sandbox is refused and not changed."""
    path = tmp_path / "store.db"
    if content is None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE customers (id)")
        other.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"store\.db"):
        Store(str(path))
    assert path.read_bytes() == before


def test_links_and_missing_directories_are_refused(tmp_path):
    """A link may lead to any file."""
    target = tmp_path / "target.db"
    link = tmp_path / "link.db"
    link.symlink_to(target)
    for path in (link, tmp_path / "missing" / "store.db", tmp_path):
        with pytest.raises(ConfigurationError):
            Store(str(path))
    assert not target.exists()


def test_a_failed_step_stores_nothing():
    """Half a batch is never stored."""
    store, untouched = Store(":memory:"), Store(":memory:")
    twins = batch(Kind.CUSTOMERS, made.customer("c"), made.customer("d"))
    clash = store_module.Customers((*twins.entries, made_twin(twins.entries[0])))
    with pytest.raises(sqlite3.IntegrityError):
        store.enqueue(clash, START)
    assert store.ledger.read(START) == untouched.ledger.read(START)
    store.close()
    untouched.close()


def made_twin(entry):
    return type(entry)(id="other", email=entry.email, body=entry.body)

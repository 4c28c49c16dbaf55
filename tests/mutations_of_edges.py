"""What can go wrong at the edges: files, locks, the wire. See `mutations`.

"half a dead letter stays on a full disk" wants a user who may mount one: where its test is skipped, it is not caught.

Left out, because nothing can be seen of them:

* The shield around opening an export: cut short, a thread makes a file object of a descriptor, and reads nothing.
* What a power failure does: here it is the calls that are seen, and their order.
* The lock's `LOCK_NB`: without it a second run waits for the first one, which doubles nothing.
"""

from mutation import Mutation

STATEDIR = "edges/test_state_dir.py::test_"
LETTERS, CLAIMS, API = (
    "edges/test_dead_letter_file.py::test_",
    "edges/test_claims.py::test_",
    "edges/test_api.py::test_",
)
FAULTS = "edges/test_api_faults.py::test_"

DISK = (
    Mutation(
        "a database that is there is opened and closed to see whether it is",
        "edges/sqlite_file.py",
        "os.O_CREAT | os.O_EXCL | os.O_CLOEXEC",
        "os.O_CREAT | os.O_CLOEXEC",
        "The process loses its locks; the next one removes the log, and what accounts have received is forgotten.",
        ("edges/test_sqlite_file.py::test_another_process_does_not_believe_that_it_is_alone",),
    ),
    Mutation(
        "a dead letter is not synced",
        "edges/files/counted_file.py",
        "            os.fsync(self._file)\n            self._synced = length",
        "            self._synced = length",
        "The journal counts dead letters that a power failure takes.",
        (LETTERS + "appended_dead_letters_are_synced",),
    ),
    Mutation(
        "dead letters are not synced when their file is closed",
        "edges/files/counted_file.py",
        "            os.fsync(self._file)\n        except OSError as error:",
        "            pass\n        except OSError as error:",
        "A dry run, which has no journal, leaves dead letters in memory only.",
        (LETTERS + "a_file_that_cannot_be_synced_is_reported_and_closed",),
    ),
    Mutation(
        "a replaced file is not synced",
        "edges/files/state_dir.py",
        "            fsync(stream.fileno())\n",
        "",
        "After a crash there is an empty file in the place of the list of doubts.",
        (STATEDIR + "a_replaced_file_is_durable_before_it_takes_its_place",),
    ),
    Mutation(
        "a replaced file is synced too late",
        "edges/files/state_dir.py",
        "            fsync(stream.fileno())\n        temporary.replace(path)\n",
        "            temporary.replace(path)\n            fsync(stream.fileno())\n",
        "After a crash there is an empty file in the place of the list of doubts.",
        (STATEDIR + "a_replaced_file_is_durable_before_it_takes_its_place",),
    ),
    Mutation(
        "a replaced file's name is not synced",
        "edges/files/state_dir.py",
        "        temporary.replace(path)\n        _sync_directory(path.parent, fsync)\n",
        "        temporary.replace(path)\n",
        "After a crash the old list of doubts is back.",
        (STATEDIR + "a_replaced_file_is_durable_before_it_takes_its_place",),
    ),
    Mutation(
        "a replaced file is written in place",
        "edges/files/state_dir.py",
        '    temporary = path.with_name(f".{path.name}.new")\n',
        "    temporary = path\n",
        "A crash in the middle leaves half of a list, and nothing of the old one.",
        (STATEDIR + "a_replaced_file_is_durable_before_it_takes_its_place",),
    ),
    Mutation(
        "a retry's copy is not synced",
        "edges/files/state_dir.py",
        "                self._fsync(file.fileno())\n",
        "",
        "The commit that empties the dead-letter file outlives the copy of its dead letters.",
        (STATEDIR + "a_file_that_is_created_is_durable_with_its_name",),
    ),
    Mutation(
        "a retry's copy's name is not synced",
        "edges/files/state_dir.py",
        "            _sync_directory(self.path, self._fsync)\n",
        "",
        "The commit that empties the dead-letter file outlives the copy of its dead letters.",
        (STATEDIR + "a_file_that_is_created_is_durable_with_its_name",),
    ),
    Mutation(
        "what is put aside is not synced",
        "edges/files/state_dir.py",
        "                _sync_directory(directory, self._fsync)\n",
        "                pass\n",
        "A run that was taken back is there again after a crash, and no run sends what it had sent.",
        (STATEDIR + "a_run_that_is_put_aside_is_durable",),
    ),
    Mutation(
        "the journal is put aside first",
        "edges/files/state_dir.py",
        "key=lambda path: path.name == JOURNAL)",
        "key=lambda path: path.name != JOURNAL)",
        "After a kill in the middle, dead letters of a run that was taken back stay among those of the next.",
        (STATEDIR + "a_run_that_was_put_aside_in_part_is_put_aside_completely",),
    ),
    Mutation(
        "uncounted dead letters stay",
        "edges/files/counted_file.py",
        "            os.ftruncate(file, length)\n",
        "            pass\n",
        "Dead letters that no commit counted are written a second time.",
        (LETTERS + "uncounted_lines_are_cut",),
    ),
    Mutation(
        "edited dead letters are not noticed",
        "edges/files/dead_letter_file.py",
        "        if checksum(file, length) != (length, crc):\n",
        "        if checksum(file, length)[0] != length:\n",
        "What a person corrected is cut in the middle of a line, or sent unchanged.",
        (LETTERS + "a_file_that_was_edited_is_left_alone",),
    ),
    Mutation(
        "half a dead letter stays on a full disk",
        "edges/files/counted_file.py",
        "                os.ftruncate(self._file, self.length)\n",
        "                pass\n",
        "The next dead letter is on a torn line, which no program can read.",
        (LETTERS + "a_disk_that_fills_up_leaves_whole_lines",),
    ),
    Mutation(
        "a read is cut in the middle",
        "edges/export/source.py",
        "        with anyio.CancelScope(shield=True):\n            block = await file.read(block_bytes)",
        "        with anyio.CancelScope(shield=False):\n            block = await file.read(block_bytes)",
        "A thread continues to read from a descriptor that another file now has.",
        ("edges/test_source.py::test_reading_a_file_is_not_cancelled_in_the_middle",),
    ),
)

LOCKS = (
    Mutation(
        "a state directory has many owners",
        "edges/files/state_dir.py",
        "    try:\n        _lock(lock)\n    except BlockingIOError as error:\n",
        "    try:\n        pass\n    except BlockingIOError as error:\n",
        "Two runs over one journal send every record twice.",
        (STATEDIR + "a_directory_in_use_is_refused_and_the_owner_named",),
    ),
    Mutation(
        "an export is sent by many runs",
        "edges/shared_dir/claims.py",
        "            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n            if _is(lock, path):\n",
        "            if _is(lock, path):\n",
        "Two runs with a state directory each send every record twice.",
        (CLAIMS + "one_run_at_a_time_sends_an_export_to_an_account",),
    ),
    Mutation(
        "an export is claimed by its name",
        "edges/shared_dir/claims.py",
        'return f"{status.st_dev}-{status.st_ino}"',
        'return f"{status.st_dev}-{hash(path)}"',
        "Under another name of one file a second run sends every record once more.",
        (CLAIMS + "another_name_of_a_file_is_the_same_claim",),
    ),
    Mutation(
        "runs on one account do not see each other",
        "edges/shared_dir/claims.py",
        "        others = True\n",
        "        others = False\n",
        "Two runs use up one quota, and no message says so.",
        (CLAIMS + "other_accounts_and_other_exports_are_free",),
    ),
    Mutation(
        "a key that others may read is taken",
        "edges/secret.py",
        "            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):\n",
        "            if False:\n",
        "A key can be read by every user of the machine, and no message says so.",
        ("edges/test_secret.py::test_a_key_file_that_others_can_open_is_refused",),
    ),
)

WIRE = (
    Mutation(
        "redirects are followed",
        "edges/api.py",
        "                allow_redirects=False,\n",
        "                allow_redirects=True,\n",
        "Key and personal data go wherever a server points.",
        (FAULTS + "a_redirect_is_never_followed",),
    ),
    Mutation(
        "connections are kept",
        "edges/api.py",
        "force_close=not reuse",
        "force_close=False",
        "A request races the server's idle timeout, and is needlessly in doubt.",
        (API + "every_request_has_its_own_connection",),
    ),
    Mutation(
        "the environment is trusted",
        "edges/api.py",
        "        trust_env=False,\n",
        "        trust_env=True,\n",
        "A variable of the machine, or a `.netrc`, diverts data and token.",
        (API + "the_environments_proxies_are_not_used", API + "netrc_is_not_used"),
    ),
    Mutation(
        "the token goes to the address of the key",
        "edges/api.py",
        "        url = self._base_url + contract.CONTRACTS[kind].path\n",
        '        url = self._auth_url.rsplit("/", 1)[0] + contract.CONTRACTS[kind].path\n',
        "Token and personal data go to an origin that is not theirs.",
        (API + "the_token_call_may_go_to_another_address",),
    ),
    Mutation(
        "the key goes to the address of the token",
        "edges/api.py",
        '        return await self._call("GET", self._auth_url, {"x-api-key": api_key})\n',
        '        return await self._call("GET", self._base_url, {"x-api-key": api_key})\n',
        "The key goes to an origin that is not its own.",
        (API + "the_token_call_may_go_to_another_address",),
    ),
    Mutation(
        "aiohttp repeats by itself",
        "edges/api.py",
        "        middlewares=(_once,),\n",
        "",
        "A revert whose answer is lost happens twice.",
        (FAULTS + "a_lost_call_is_not_repeated_by_the_client",),
    ),
    Mutation(
        "what left is not known",
        "edges/api.py",
        "        flight.sent = True\n",
        "        flight.sent = False\n",
        "A batch whose answer was lost counts as not sent, and is applied twice.",
        (FAULTS + "a_connection_lost_before_a_status_leaves_doubt",),
    ),
)

MUTATIONS = (*DISK, *LOCKS, *WIRE)

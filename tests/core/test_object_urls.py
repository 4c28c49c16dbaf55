"""URLs of objects: taken apart, never shown with a secret, and patterns that match as those of files do."""

import glob
import itertools
import os
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from masivo_stream.core.reading.object_urls import (
    is_folder_url,
    is_url,
    matching,
    read_folder,
    read_url,
    shown_url,
)
from masivo_stream.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "root", "key"),
    [
        ("s3://exports/a/customers.ndjson", "s3://exports", "a/customers.ndjson"),
        ("S3://exports/A", "s3://exports", "A"),
        ("gs://exports/a b+ü%41?x#y.gz", "gs://exports", "a b+ü%41?x#y.gz"),
        ("az://container/events-*.zst", "az://container", "events-*.zst"),
        ("https://a.test/x.ndjson", "https://a.test/x.ndjson", ""),
        ("https://a.test:8443/x%20y?sig=1%2B2&b#part", "https://a.test:8443/x%20y?sig=1%2B2&b", ""),
        ("http://127.0.0.1:9/x", "http://127.0.0.1:9/x", ""),
        ("http://[::1]:9/x", "http://[::1]:9/x", ""),
        ("http://localhost/x", "http://localhost/x", ""),
    ],
)
def test_a_url_is_taken_apart(name, root, key):
    """A key is what it says, without percent-encoding; `https://` is one object."""
    found = read_url(name)
    assert (found.root, found.key) == (root, key)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("ftp://a.test/x", "ftp:// is not read"),
        ("s3a://exports/x", "s3a:// is not read"),
        ("file:///x", "file:// is not read"),
        ("s3://exports", "names no object"),
        ("s3://exports/", "names no object"),
        ("s3:///x", "names no object"),
        ("gs://exports/folder/", "names a folder"),
        ("https://a.test", "names no object"),
        ("https://a.test/", "names no object"),
        ("https:///x", "names no object"),
        ("http://a.test/x", "is not encrypted"),
        ("http://127.0.0.1.a.test/x", "is not encrypted"),
        ("https://user:SECRET@a.test/x", "holds a user or a password"),
        ("https://a.test/*.ndjson?sig=SECRET", "cannot be listed"),
        ("https://a.test/x y?sig=SECRET", "is not a URL"),
        ("https://a.test/ü?sig=SECRET", "is not a URL"),
    ],
)
def test_what_is_no_url_of_an_object_is_refused(name, what):
    """With a way out, and without what is secret."""
    with pytest.raises(ConfigurationError, match=what) as caught:
        read_url(name)
    assert caught.value.hint
    assert "SECRET" not in f"{caught.value} {caught.value.place} {caught.value.hint}"


SECRET = st.text(string.ascii_letters + string.digits + "%=&+/?#", min_size=12).map(lambda text: "S3CR3T" + text)


@given(secret=SECRET, user=st.booleans(), scheme=st.sampled_from(["https", "HTTPS", "http"]))
def test_what_comes_before_the_host_and_after_the_path_is_never_shown(secret, user, scheme):
    """A presigned URL is as good as a key while it lasts."""
    before = "S3CR3T@" if user else ""
    name = f"{scheme}://{before}127.0.0.1/folder/x.ndjson?{secret}"
    assert shown_url(name) == f"{scheme.lower()}://127.0.0.1/folder/x.ndjson"
    if not user:
        found = read_url(name)
        assert "S3CR3T" not in f"{found.shown} {found!r}"
        assert "S3CR3T" in found.root


@given(st.text())
def test_any_other_name_is_shown_as_it_is(name):
    """Names of files, and keys: `?` is a character there."""
    if not name.lower().startswith(("http://", "https://")):
        assert shown_url(name) == name


@pytest.mark.parametrize("name", ["customers.ndjson", "-", "./s3:/x", "C:/x", "a//b", "/s3://x", "", "*://x"])
def test_a_name_of_a_file_is_no_url(name):
    """Only a scheme makes a URL."""
    assert not is_url(name)


@pytest.mark.parametrize(
    ("name", "root", "key"),
    [
        ("s3://out", "s3://out", ""),
        ("s3://out/", "s3://out", ""),
        ("gs://out/a/b/", "gs://out", "a/b"),
        ("AZ://out/a", "az://out", "a"),
    ],
)
def test_a_folder_is_taken_apart(name, root, key):
    """With or without a slash at its end."""
    assert is_folder_url(name)
    found = read_folder(name)
    assert (found.root, found.key) == (root, key)


@pytest.mark.parametrize(
    "key",
    ["/a", "/a/b", "a//b", "a/./b", "./a", "a/..", "../a", ".", "a//*", "a/../*.b", "a\x7f", "a\nb", "\udcff"],
)
def test_a_key_that_the_library_cannot_name_is_refused(key):
    """It would read or write another object, or end with a traceback."""
    for read, name in itertools.product((read_url, read_folder), (f"s3://exports/{key}", f"gs://exports/{key}/")):
        with pytest.raises(ConfigurationError, match="the key has") as caught:
            read(name)
        assert caught.value.hint
        assert caught.value.operation == ("find the export" if read is read_url else "name a folder in object storage")
    for read in (read_url, read_folder):
        assert read("s3://exports/.a/..b/c.").key == ".a/..b/c."


@pytest.mark.parametrize("bucket", ["a b", "a:b", "u@b", "a?b", "a#b", "*", "ü", "%41", ".."])
def test_a_bucket_of_another_name_is_not_opened(bucket):
    """The library would take a part of it as the name."""
    for read in (read_url, read_folder):
        with pytest.raises(ConfigurationError, match="not the name of a bucket"):
            read(f"s3://{bucket}/a")
    for right in ("a", "a.b-c_d", "$web", "A1"):
        assert read_url(f"az://{right}/x").root == f"az://{right}"


@pytest.mark.parametrize("name", ["out", "https://a.test/x", "s3:///x", "s3://", "ftp://a/b", ""])
def test_only_buckets_have_folders(name):
    """Nothing is written to anything else."""
    assert not is_folder_url(name)


# Patterns.

PART = st.text("ab.", min_size=1, max_size=3).filter(lambda part: part.strip("."))
KEYS = st.lists(st.lists(PART, min_size=1, max_size=3).map("/".join), max_size=8, unique=True)
PATTERN = st.lists(
    st.sampled_from(["*", "**", "?", "a*", "[ab]", "[!a]*", ".*", "a", "b", ".a", "*.b", "ab"]), min_size=1, max_size=3
).map("/".join)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=KEYS, pattern=PATTERN)
@example(keys=["a/b", "b", "a/.b/a"], pattern="**/b")
@example(keys=["a", "a/a/b"], pattern="**")
@example(keys=["b"], pattern="b/**")
def test_a_pattern_matches_the_keys_that_it_would_match_as_files(tmp_path_factory, keys, pattern):
    """Compared with `glob`, on a directory with files of these names."""
    keys = [key for key in keys if not any(other.startswith(key + "/") for other in keys)]  # no file is a directory
    root = tmp_path_factory.mktemp("tree")
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = glob.glob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - its rules are those of exports
    # `glob` finds "b/" by "b/**" where `b` is a file: the system knows of no such file, and `Path` drops the slash.
    files = sorted({os.path.normpath(name) for name in found if os.path.isfile(f"{root}/{name}")})  # noqa: PTH113
    assert sorted(matching(keys, pattern)) == files or pattern in keys
    url = read_url(f"s3://exports/{pattern}")
    prefix = f"{url.folder}/" if url.folder else ""
    for key in matching(keys, pattern):
        assert key.startswith(prefix)
        assert not url.is_flat or "/" not in key[len(prefix) :]


def test_a_key_that_is_written_like_a_pattern_is_found_under_its_name():
    """As a file is."""
    assert matching(["a[1].gz", "a1.gz"], "a[1].gz") == ["a[1].gz"]
    assert matching(["b", "a10", "a9"], "a*") == ["a10", "a9"]

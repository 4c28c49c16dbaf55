"""Advice about exports in object storage, and results that go there: if followed, everything arrives once."""

import pytest
from advice_tools import QUICK, expect_advice, make_exports, next_command, paste, sending
from end_to_end_tools import expected_ledger, run, run_installed
from object_server import credentials, serving

from masivo_stream.core.reading.object_answers import Patience
from masivo_stream.edges.objects.find_objects import find_objects
from masivo_stream.model.errors import ConfigurationError, InputError

pytestmark = pytest.mark.slow

SOON = {"MASIVO_FIRST_DELAY": "0.01", "MASIVO_LONGEST_DELAY": "0.05", "MASIVO_OUTAGE_LIMIT": "0.5"}


@pytest.fixture
def work(tmp_path):
    """A working directory with three customers."""
    return make_exports(tmp_path, kinds=["customers"])


@pytest.fixture
def bucket(work):
    """A server that has them, too."""
    with serving() as found:
        found.objects["exports/customers.ndjson"] = (work / "customers.ndjson").read_bytes()
        yield found


def environment_of(bucket):
    return {**QUICK, **SOON, **credentials(bucket.url)}


def validate(bucket, directory, *arguments, **environment):
    named = [argument.replace("SERVER", bucket.url) for argument in arguments]
    return run("validate", *named, cwd=directory, **{**environment_of(bucket), **environment})


def migrate(served, bucket, directory, *exports, **environment):
    flags = [*sending(served, directory), "--json", "--skip-checks", "all"]
    options = {**environment_of(bucket), **environment}
    return run("migrate", *exports, *flags, key=served.key, cwd=directory, **options)


RIGHT = "s3://exports/customers.ndjson"
WRONG_URLS = [
    ("ftp://exports/customers.ndjson", 2, "name a file, or an object with s3://, gs://, az:// or https://", RIGHT),
    ("s3://exports", 2, "write {…}://BUCKET/KEY", RIGHT),
    ("s3://exports/", 2, "write {…}://BUCKET/KEY", RIGHT),
    ("https://127.0.0.1/", 2, "write {…}://HOST/PATH", "SERVER/exports/customers.ndjson"),
    ("s3://exports/customers/", 2, 'name the objects in it, for example "{…}*.ndjson"', "s3://exports/*.ndjson"),
    (
        "https://ana:word@a.test/customers.ndjson",
        2,
        "others on this machine can read it in the list of processes: use a presigned URL, or s3://, gs:// or az://",
        "SERVER/exports/customers.ndjson?X-Amz-Signature=1",
    ),
    ("http://a.test/x", 2, "use https:// (http:// is for this machine only)", "SERVER/exports/customers.ndjson"),
    ("https://a.test/*.ndjson", 2, "name each object, or use s3://, gs:// or az://", "s3://exports/*.ndjson"),
    (
        "https://a.test/clientés.ndjson",
        2,
        "encode what is not ASCII with %, as browsers do",
        "SERVER/exports/%63ustomers.ndjson",
    ),
    ("s3://exports/customer.ndjson", 5, "check bucket and key, and the endpoint in the environment", RIGHT),
    ("s3://export/*.ndjson", 5, "check the pattern and the bucket, and the endpoint in the environment", RIGHT),
]


@pytest.mark.parametrize(("wrong", "code", "says", "right"), WRONG_URLS)
def test_a_wrong_url_is_corrected_as_its_hint_says(wrong, code, says, right, bucket, work):
    """Then the export is read."""
    done = validate(bucket, work, "--customers", wrong)
    assert done.returncode == code, done.stderr
    expect_advice(done, says)
    assert validate(bucket, work, "--customers", right).returncode == 0


KEY = "write each / once, and no . or ..; if the object really has that key, copy it to another one"
ENDPOINT = "write http://HOST:PORT or https://HOST into it, without a user or a password, or unset it"
UNSENT = "check endpoint, region and keys in the environment: they have no spaces and no line breaks"
UNLISTED = "name other folders or objects with the pattern, or copy that object to another key, and remove it"


@pytest.mark.parametrize(
    ("environment", "wrong", "says"),
    [
        ({}, "s3://exports//customers.ndjson", KEY),
        ({}, "s3://exports/customers.ndjson\n", "copy the object to another key"),
        ({}, "s3://exports?/customers.ndjson", "buckets are named with letters, digits, ., - and _"),
        ({"AWS_ENDPOINT_URL": "127.0.0.1:9"}, RIGHT, ENDPOINT),
        ({"AWS_ALLOW_HTTP": "false"}, RIGHT, "set {…}=true, or write https://HOST"),
        ({"AWS_SESSION_TOKEN": "a\nb"}, RIGHT, UNSENT),
        ({}, "s3://exports/**/c*.ndjson", UNLISTED),
    ],
)
def test_what_the_library_cannot_take_is_corrected(environment, wrong, says, bucket, monkeypatch):
    """A key, a bucket, an endpoint: then the object is found."""
    bucket.objects["exports/old//customers.ndjson"] = b""
    for name, value in {**credentials(bucket.url), **environment}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((ConfigurationError, InputError)) as caught:
        find_objects([wrong], Patience())
    assert caught.value.hint == says.replace("{…}", "AWS_ALLOW_HTTP")
    for name in environment:
        monkeypatch.delenv(name)
    for name, value in credentials(bucket.url).items():
        monkeypatch.setenv(name, value)
    assert find_objects([RIGHT], Patience())
    del bucket.objects["exports/old//customers.ndjson"]
    assert find_objects(["s3://exports/**/c*.ndjson"], Patience())


def test_a_signature_that_is_refused_is_renewed(bucket):
    """An `https://` URL is not read with the credentials in the environment."""
    bucket.always = "403"
    url = f"{bucket.url}/exports/customers.ndjson"
    with pytest.raises(InputError, match="may not be read: 403") as caught:
        find_objects([url], Patience())
    says = "the signature is missing or has expired: name the URL with a new one, and with all that follows the ?"
    assert caught.value.hint == says
    bucket.always = ""
    assert find_objects([f"{url}?X-Amz-Signature=1"], Patience())


def test_two_urls_with_one_name_are_named_once(bucket, work):
    """Or the second is downloaded, if it is another object."""
    url = "SERVER/exports/customers.ndjson"
    done = validate(bucket, work, "--customers", f"{url}?v=1", f"{url}?v=2")
    assert done.returncode == 2
    expect_advice(done, "name the object once; if they are two objects, download them, and name the files")
    assert validate(bucket, work, "--customers", f"{url}?v=2").returncode == 0
    assert validate(bucket, work, "--customers", "customers.ndjson").returncode == 0


@pytest.mark.parametrize("fault", ["whole", "no-time"])
def test_what_cannot_be_read_in_parts_is_downloaded(fault, served, bucket, work):
    """The server sends no ranges, or nothing by which a change would show."""
    bucket.always = fault
    if fault == "no-time":
        bucket.etag_of = lambda _body: None
    done = migrate(served, bucket, work, "--customers", RIGHT)
    assert (done.returncode, served.ledger()["customers"]) == (5, {})
    expect_advice(done, "download it, and name the file")
    assert migrate(served, bucket, work, "--customers", "customers.ndjson").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_credentials_and_endpoint_are_set_as_the_hints_say(bucket, work):
    """Missing, wrong, and those of another region."""
    token = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"}
    environment = {name: value for name, value in environment_of(bucket).items() if "KEY" not in name}
    done = run("validate", "--customers", RIGHT, cwd=work, **environment, **token)
    assert done.returncode == 5
    expect_advice(done, "set them in the environment, as docs/object-storage.md describes")
    for status, says in (
        ("403", "check the credentials in the environment; if they have expired, renew them; then start again"),
        ("400", "check the URL, and region and endpoint in the environment"),
    ):
        bucket.always = status
        done = validate(bucket, work, "--customers", RIGHT)
        assert done.returncode == 5
        expect_advice(done, says)
        bucket.always = ""
        assert validate(bucket, work, "--customers", RIGHT).returncode == 0


def test_a_replaced_object_is_put_back(served, bucket, work):
    """And new records go into a further object: all of them arrive, once."""
    text = bucket.objects["exports/customers.ndjson"]
    assert migrate(served, bucket, work, "--customers", RIGHT).returncode == 0
    (work / "more").mkdir()
    more = make_exports(work / "more", 5, kinds=["customers"])
    lines = (more / "customers.ndjson").read_bytes().splitlines(keepends=True)
    bucket.objects["exports/customers.ndjson"] = text + b"".join(lines[3:])
    done = migrate(served, bucket, work, "--customers", RIGHT)
    assert done.returncode == 5
    says = (
        "put the object back as it was, then start the same command again; put new records into a further object"
        " beside it"
    )
    expect_advice(done, says)
    bucket.objects["exports/customers.ndjson"] = text
    assert migrate(served, bucket, work, "--customers", RIGHT).returncode == 0
    bucket.objects["exports/more.ndjson"] = b"".join(lines[3:])
    assert migrate(served, bucket, work, "--customers", RIGHT, "s3://exports/more.ndjson").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(more)["customers"]


def test_an_object_that_is_elsewhere_is_named(served, bucket, work):
    """Put back, or named by its new URL: a command that takes no exports finds it."""
    assert migrate(served, bucket, work, "--customers", RIGHT).returncode == 0
    text = bucket.objects.pop("exports/customers.ndjson")
    verify = ["verify", "--all", "--json", *sending(served, work)]
    options = {"key": served.key, "cwd": work, **environment_of(bucket)}
    done = run(*verify, **options)
    assert done.returncode == 5
    (name,) = expect_advice(
        done,
        "put it back, or check endpoint and credentials in the environment; if it has another URL or signature now,"
        " add --moved {…}=URL",
    )
    bucket.objects["elsewhere/orders"] = text
    assert run(*verify, "--moved", f"{name}=s3://elsewhere/orders", **options).returncode == 0
    bucket.objects["exports/customers.ndjson"] = text
    assert run(*verify, **options).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_an_unfinished_object_is_written_elsewhere(served, bucket, work):
    """The finished one at another URL is recognised."""
    text = bucket.objects["exports/customers.ndjson"]
    bucket.objects["exports/customers.ndjson"] = text[:-9]
    done = migrate(served, bucket, work, "--customers", RIGHT)
    assert done.returncode == 5
    expect_advice(
        done,
        "an object cannot be added to: when the export is finished, write it to a further object, and name that one"
        " instead, or end the last line with a newline there; the part that was already read is recognised",
    )
    bucket.objects["exports/finished.ndjson"] = text
    assert migrate(served, bucket, work, "--customers", "s3://exports/finished.ndjson").returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_storage_that_does_not_answer_is_tried_again_later(served, bucket, work):
    """Nothing was sent; then the same command sends everything."""
    bucket.always = "503"
    done = migrate(served, bucket, work, "--customers", RIGHT)
    assert done.returncode == 6
    expect_advice(done, "start the same command again when it answers")
    bucket.always = ""
    assert migrate(served, bucket, work, "--customers", RIGHT).returncode == 0
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


PUBLISHED_LATER = "start the same command again: what was delivered is not sent again, and the results are published"


def test_results_that_were_not_published_are_published_later(served, bucket, work):
    """The next step is pasted."""
    bucket.deny_writes = True
    done = migrate(served, bucket, work, "--customers", RIGHT, "--publish", "s3://results")
    assert done.returncode == 6
    expect_advice(done, "allow these credentials to put objects there, or name another bucket")
    command = next_command(done, PUBLISHED_LATER)
    bucket.deny_writes = False
    bucket.put_faults.append("404")
    missing = paste(command, key=served.key, cwd=work, **credentials(bucket.url))
    expect_advice(missing, "create the bucket, or name another one")
    assert paste(command, key=served.key, cwd=work, **credentials(bucket.url)).returncode == 0
    assert "results/report.json" in bucket.objects
    assert served.ledger()["customers"] == expected_ledger(work)["customers"]


def test_a_place_for_results_is_corrected_as_its_hint_says(served, bucket, work):
    """Before anything is sent."""
    bad = [
        ("results", {}, "write s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://…/FOLDER"),
        ("s3://exports", {}, "publish to another folder or bucket"),
        ("az://results", {}, "set what is missing in the environment, as docs/object-storage.md describes"),
    ]
    for place, environment, says in bad:
        pattern = "s3://exports/*.ndjson"
        done = migrate(served, bucket, work, "--customers", pattern, "--publish", place, **environment)
        assert (done.returncode, served.ledger()["customers"]) == (2, {}), done.stderr
        expect_advice(done, says)
    assert migrate(served, bucket, work, "--customers", RIGHT, "--publish", "s3://results").returncode == 0
    assert "results/report.html" in bucket.objects


def test_what_cannot_be_in_object_storage_is_on_this_machine(served, bucket, work):
    """State, pages, and what is measured."""
    done = validate(bucket, work, "--customers", RIGHT, "--state-dir", "s3://results/state")
    assert done.returncode == 2
    expect_advice(done, "name a directory on this machine; --publish copies the results to a URL")
    assert validate(bucket, work, "--customers", RIGHT, "--state-dir", "here").returncode == 0
    assert migrate(served, bucket, work, "--customers", RIGHT).returncode == 0
    done = run("report", "-o", "s3://results/page.html", *sending(served, work)[-2:], cwd=work)
    assert done.returncode == 2
    expect_advice(done, "name a file; migrate --publish copies the report of a run to object storage")
    for wrong, right in ((["-o", "s3://results/c"], ["-o", "c"]), (["--invalid", 0.1, "-o", "az://c/c"], ["-o", "d"])):
        done = run("generate", "customers", "--records", 1, *wrong, cwd=work)
        assert done.returncode == 2
        expect_advice(done, "name a file or directory on this machine, and copy it when it is written")
        assert run("generate", "customers", "--records", 1, *right, cwd=work).returncode == 0
    done = run("bench", "--customers", RIGHT, cwd=work)
    assert done.returncode == 2
    expect_advice(done, "download the exports first")
    done = run("bench", "--customers", "customers.ndjson", "--rounds", 1, "--uploaders", 1, "--json", cwd=work)
    assert done.returncode == 0, done.stderr


SOURCE = b"id,name,email,registration_date\nC1,Ana,a@b.co,2020-01-01T10:00:00Z\nC2,Eva,e@b.co,2021-01-01T10:00:00Z\n"


def test_tables_in_a_bucket_are_prepared_as_the_hints_say(served, bucket, work):
    """A mapping is begun from a download, and reads the bucket; the exports are written here, and copied there."""
    bucket.objects["shop/people.csv"] = SOURCE
    options = {"cwd": work, **environment_of(bucket)}
    done = run("prepare", "--init", "three-tables", "s3://shop/people.csv", **options)
    assert done.returncode == 2
    expect_advice(
        done, "download one file of each kind and name these; then write the URLs in their place into the mapping"
    )
    (work / "people.csv").write_bytes(SOURCE)
    assert run("prepare", "--init", "three-tables", "people.csv", **options).returncode == 0
    (work / "mapping.toml").write_text(
        '[sources]\npeople = "s3://shop/people.csv"\n[customers]\nselect = "SELECT * FROM people"\n'
    )
    (work / "people.csv").unlink()
    done = run("prepare", "mapping.toml", "-o", "s3://results/export", **options)
    assert done.returncode == 2
    expect_advice(
        done,
        "name a directory (with --init, a file), and copy it when it is written, for example with aws s3 cp"
        " --recursive; migrate --from takes the URL of its copy",
    )
    done = run("prepare", "mapping.toml", "-o", "export", **options)
    assert done.returncode == 0, done.stderr
    bucket.objects["results/export/customers.ndjson"] = (work / "export/customers.ndjson").read_bytes()
    assert migrate(served, bucket, work, "--from", "s3://results/export").returncode == 0
    assert served.ledger()["customers"] == {"C1": 1, "C2": 1}


def test_a_url_of_something_else_is_checked(bucket, work):
    """Settings have some kilobytes."""
    bucket.objects["exports/config.toml"] = bytes(17 * 1024 * 1024)
    done = validate(bucket, work, "--customers", RIGHT, "--config", "s3://exports/config.toml")
    assert done.returncode == 5
    expect_advice(done, "check the URL")
    bucket.objects["exports/settings.toml"] = b"[upload]\nuploaders = 2\n"
    assert validate(bucket, work, "--customers", RIGHT, "--config", "s3://exports/settings.toml").returncode == 0


def test_the_extra_is_installed(bucket, work):
    """Without it, the command names it; here it is hidden, and then no longer."""
    (work / "hidden").mkdir()
    (work / "hidden/obstore.py").write_text("raise ImportError")
    environment = environment_of(bucket)
    done = run_installed("validate", "--customers", RIGHT, cwd=work, **environment, PYTHONPATH=str(work / "hidden"))
    assert done.returncode == 2, done.stderr
    expect_advice(done, "install it: pip install 'masivo-stream[cloud]'")
    assert run_installed("validate", "--customers", RIGHT, cwd=work, **environment).returncode == 0


def test_the_place_of_an_answer_is_corrected(bucket, work):
    """Nothing may be written there; elsewhere it may."""
    make_exports(work, 3, kinds=["customers"])
    part = ("--customers", "customers.ndjson", "--part", "1/1", "--out")
    bucket.always = "403"
    done = run("validate", *part, "s3://results/parts", cwd=work, **environment_of(bucket))
    assert done.returncode == 2
    expect_advice(
        done, "create the bucket, or correct --out; the credentials in the environment have to allow this place"
    )
    bucket.always = ""
    assert run("validate", *part, "s3://results/parts", cwd=work, **environment_of(bucket)).returncode == 0

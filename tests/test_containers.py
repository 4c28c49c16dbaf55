"""The container files agree with the program: flags, settings, exit codes, times, addresses, and process 1."""

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path

import image_recipe
import jsonschema
import pytest
import yaml
from end_to_end_tools import COMMAND, PATIENCE, clean_environment, run, serving, wait_until
from fakes import record, write_export

from masivo_stream.cli.options import CommonFlags, ExportFlags, RunFlags, SendingFlags, ValidationFlags
from masivo_stream.cli.validate import PartFlags
from masivo_stream.edges.config import load_settings
from masivo_stream.flow.commands.validate_part import read_part
from masivo_stream.model.contract import Kind
from masivo_stream.model.errors import ExitCode
from masivo_stream.model.settings import Settings
from masivo_stream.monitor.address import parse_address

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
CLAIM, JOB = yaml.safe_load_all((ROOT / "deploy" / "kubernetes-job.yaml").read_text())
POD = JOB["spec"]["template"]["spec"]
PARTS_CLAIM, PARTS_JOB = yaml.safe_load_all((ROOT / "deploy" / "kubernetes-parts.yaml").read_text())
SCHEMA = json.loads((ROOT / "tests" / "kubernetes_1_37_schema.json").read_text())
"""Of kubernetes-validate 1.37.0 on PyPI: what a Job and a claim refer to, strict, without descriptions."""
(CONTAINER,) = POD["containers"]
ANSWERED = ("/healthz", "/readyz")


def instructions(name):
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def image_environment():
    return dict(pair.split("=", 1) for pair in instructions("ENV")[-1].split())


def test_the_image_runs_the_program_itself():
    """Exec form, so that signals reach it; a number that is not root; a signal that stops it in an orderly way."""
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["masivo-stream"]
    user, group = instructions("USER")[0].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


def test_the_variables_of_the_image_are_settings():
    """Each `MASIVO_…` sets what it names, and the state is in the volume."""
    settings = load_settings(environment=image_environment())
    (volume,) = json.loads(instructions("VOLUME")[0])
    assert settings.state.state_dir.startswith(f"{volume}/")
    assert settings.state.shared_dir.startswith(f"{volume}/")
    assert parse_address(settings.monitor.monitor).loopback


def test_the_image_is_made_of_existing_files():
    """What is copied exists and is let through to the builder, and versions are pinned."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert "\n*\n" in (ROOT / ".dockerignore").read_text()
    copied = [name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]]
    for name in copied:
        assert (ROOT / name).exists()
    assert set(copied) == let_through
    assert "--constraint constraints.txt" in DOCKERFILE


def test_the_recipe_copies_before_it_runs(tmp_path, monkeypatch):
    """Without running it: each file gets to the builder before the command that needs it, and no file of a checkout."""
    build, final = image_recipe.stages((ROOT / "Dockerfile").read_text())
    recipe = image_recipe.Recipe(tmp_path, "")
    ran = []
    monkeypatch.setattr(
        recipe, "_run", lambda command, work, _: ran.append((command, {path.name for path in work.iterdir()}))
    )
    recipe.build(build, image_recipe.let_through((ROOT / ".dockerignore").read_text()))
    (made, empty), (installed, there) = ran
    assert (made, empty) == ("python -m venv /opt/masivo-stream", set())
    assert f"{tmp_path}/opt/masivo-stream/bin/pip install --constraint" in recipe.inside(installed)
    assert {"constraints.txt", "masivo_stream", "pyproject.toml", "setup.py"} <= there
    assert not [path for pattern in ("*.pyc", "*.so") for path in tmp_path.rglob(pattern)]
    assert final[0].name == "FROM"


def test_the_base_image_is_pinned_to_a_python_that_is_tested():
    """A version, and a distribution."""
    version, distribution = re.fullmatch(r"PYTHON=(\d\.\d+)-slim-(\w+)", instructions("ARG")[0]).groups()
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    assert f"Programming Language :: Python :: {version}" in classifiers
    assert distribution != "latest"
    assert instructions("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]


def test_the_recipe_is_wrong_if_a_file_does_not_reach_the_builder(tmp_path):
    """`.dockerignore` names each; an instruction that is not known is not passed over."""
    build, _ = image_recipe.stages((ROOT / "Dockerfile").read_text())
    with pytest.raises(ValueError, match=r"keeps setup.py from the builder"):
        image_recipe.Recipe(tmp_path, "").build(
            [each for each in build if each.name != "RUN"], ["pyproject.toml", "constraints.txt", "masivo_stream"]
        )
    with pytest.raises(ValueError, match="ADD is no instruction"):
        list(image_recipe.instructions("FROM a\nADD b c\n"))


def test_the_image_can_have_the_extra():
    """By a build argument that is empty unless it is given, with a pinned version; the page says how."""
    assert instructions("ARG")[-1] == "EXTRAS="
    assert 'constraints.txt ".${EXTRAS}"' in DOCKERFILE
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert {re.match(r"[a-z0-9-]+", name)[0] for name in extras["prepare"]} <= set(pinned)
    assert "--build-arg EXTRAS=[prepare] ." in (ROOT / "docs" / "containers.md").read_text()


def test_what_is_prepared_needs_no_home_and_no_network(tmp_path):
    """As in the image: no home directory, and a user without a name."""
    (tmp_path / "people.csv").write_text("id,name,email,joined\n1,Ana,a@b.co,2020-01-01T00:00:00Z\n")
    (tmp_path / "mapping.toml").write_text(
        """
        [sources]
        people = { path = "people.csv", dates = ["joined"] }
        [customers]
        select = "SELECT place, id, name, email, joined AS registration_date FROM people"
        """
    )
    done = run("prepare", "mapping.toml", "-o", "export", cwd=tmp_path, HOME="/nonexistent")
    assert done.returncode == 0, done.stderr


def test_the_health_check_is_a_module():
    """Python's own, for the image has no curl."""
    command = json.loads(DOCKERFILE.rsplit("CMD", 1)[1])
    assert command[:2] == ["python", "-m"]
    assert import_module(command[2])


def test_the_flags_and_variables_of_the_job_are_those_of_the_program():
    """Each flag is one of `migrate`'s, and kubelet reaches the monitor."""
    groups = (ExportFlags, ValidationFlags, SendingFlags, CommonFlags, RunFlags)
    flags = {f"--{field.name.replace('_', '-')}" for group in groups for field in dataclasses.fields(group)}
    named = [argument for argument in CONTAINER["args"] if argument.startswith("--")]
    assert CONTAINER["args"][0] == "migrate"
    assert set(named) <= flags
    variables = {entry["name"]: entry.get("value") for entry in CONTAINER["env"]}
    address = parse_address(load_settings(environment=variables).monitor.monitor)
    assert not address.loopback
    assert CONTAINER["ports"] == [{"name": "monitor", "containerPort": address.port}]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert CONTAINER[probe]["httpGet"]["path"] in ANSWERED
        assert CONTAINER[probe]["httpGet"]["port"] == "monitor"


def test_the_pod_has_enough_time_to_stop():
    """The grace is longer than the drain time, the default's and the one given."""
    given = float(CONTAINER["args"][CONTAINER["args"].index("--drain-time") + 1])
    assert POD["terminationGracePeriodSeconds"] >= max(given, Settings().upload.drain_time) + 15
    stop = re.search(r"--stop-timeout (\d+)", (ROOT / "docs" / "containers.md").read_text())[1]
    assert int(stop) >= Settings().upload.drain_time + 15


def test_the_job_restarts_only_what_can_continue():
    """Every exit code is an end or a reason to go on; a policy by exit codes wants pods that are not restarted."""
    assert POD["restartPolicy"] == "Never"
    ignored, failed = JOB["spec"]["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    codes = failed["onExitCodes"]
    assert (failed["action"], codes["operator"], codes["containerName"]) == ("FailJob", "In", CONTAINER["name"])
    go_on = {ExitCode.OUTAGE, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    assert set(codes["values"]) == set(ExitCode) - go_on - {ExitCode.COMPLETE}
    assert CLAIM["spec"]["accessModes"] == ["ReadWriteOncePod"]


@pytest.mark.parametrize("document", [CLAIM, JOB, PARTS_CLAIM, PARTS_JOB], ids=lambda each: each["metadata"]["name"])
def test_the_manifests_are_what_kubernetes_takes(document):
    """By its JSON schema, which allows no other fields."""
    version = {"Job": "batch", "PersistentVolumeClaim": "core"}[document["kind"]]
    schema = {**SCHEMA, "$ref": f"#/$defs/io.k8s.api.{version}.v1.{document['kind']}"}
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)] == []
    misspelled = json.loads(json.dumps(document)) | {"specs": {}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(misspelled)


def test_the_job_of_parts_gives_each_part_its_number():
    """One index each, and flags of the program; a part that cannot be made costs only itself."""
    spec = PARTS_JOB["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    arguments = container["args"]
    groups = (PartFlags, ExportFlags, ValidationFlags)
    flags = {f"--{field.name.replace('_', '-')}" for group in groups for field in dataclasses.fields(group)}
    assert arguments[0] == "validate"
    assert {argument for argument in arguments if argument.startswith("--")} <= flags
    count = spec["completions"]
    part = arguments[arguments.index("--part") + 1]
    assert spec["completionMode"] == "Indexed"
    assert [read_part(part, {"JOB_COMPLETION_INDEX": str(index)}) for index in (0, count - 1)] == [
        (1, count),
        (count, count),
    ]
    ignored, job, index = spec["podFailurePolicy"]["rules"]
    assert ignored["action"] == "Ignore"
    assert spec["backoffLimitPerIndex"] >= 1  # what `FailIndex` requires
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert (job["action"], job["onExitCodes"]["values"]) == ("FailJob", [ExitCode.CONFIGURATION])
    assert (index["action"], index["onExitCodes"]["values"]) == ("FailIndex", [ExitCode.BUG, ExitCode.INPUT])
    assert {rule["onExitCodes"]["containerName"] for rule in (job, index)} == {container["name"]}
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert arguments[arguments.index("--out") + 1] in mounts
    assert "/tmp" in mounts  # noqa: S108 - notes of the part
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_pod_has_only_the_rights_that_it_needs():
    """No root, nothing writable but its volumes, no capabilities, no token of the cluster's."""
    assert POD["securityContext"]["runAsNonRoot"]
    assert f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" == instructions("USER")[0]
    assert not POD["automountServiceAccountToken"]
    assert not POD["enableServiceLinks"]
    for container in (*POD["initContainers"], CONTAINER):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
    mounts = {mount["name"]: mount for mount in CONTAINER["volumeMounts"]}
    assert mounts["exports"]["readOnly"]
    assert "secret" not in mounts
    key_file = CONTAINER["args"][CONTAINER["args"].index("--api-key-file") + 1]
    assert key_file == POD["initContainers"][0]["command"][-1]
    assert key_file.startswith(mounts["key"]["mountPath"])


def namespaces_are_allowed():
    unshare = shutil.which("unshare")
    return (
        unshare
        and not subprocess.run(
            [unshare, "--pid", "--fork", "--mount-proc", "true"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.slow
def test_process_1_stops_in_an_orderly_way(tmp_path):
    """SIGTERM, which a process 1 gets only if it listens, ends in 143; then the same command goes on."""
    if not namespaces_are_allowed():
        pytest.skip("no unshare --pid here: it needs root, or user namespaces")
    export = write_export(tmp_path / "customers.ndjson", [record(Kind.CUSTOMERS, number) for number in range(3000)])
    with serving(tmp_path, "--limits", "1/0.4s") as served:
        target = ["--base-url", served.url, "--limit", "1/2s", "--state-dir", tmp_path / "state"]
        flags = ["migrate", "--customers", export, *target]
        outer = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", COMMAND, *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment(MASIVO_API_KEY=served.key),
        )  # fmt: skip
        wait_until(lambda: served.requests("customers"), outer)
        (first,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        assert re.search(r"NSpid:\s+\d+\s+1\n", Path(f"/proc/{first}/status").read_text())
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", first], check=True)
        assert outer.wait(PATIENCE) == ExitCode.TERMINATED
        done = run(*flags, "--json", key=served.key)
        assert (done.returncode, json.loads(done.stdout)["kinds"]["customers"]["accepted"]) == (0, 3000)
        assert set(served.ledger()["customers"].values()) == {1}

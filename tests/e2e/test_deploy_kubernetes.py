"""deploy/kubernetes: every field is one that Kubernetes and the Prometheus operator
know, the objects of each overlay fit each other, and the program does what they
expect of it."""
import copy
import json
import re
import shutil
import subprocess

import pytest
import yaml

import kustomize
from helpers import HERE, Client, get, group, post_chunked
from tls_helpers import context, pki, secure  # noqa: F401

ROOT = HERE.parents[1]
SAMPLES = ROOT / "deploy/kubernetes"
UNPACKED = ROOT / "third_party/unpacked"
OVERLAYS = {name: kustomize.render(SAMPLES / name) for name in (
    "base", "overlays/stateless", "overlays/spool", "overlays/tls",
    "overlays/spool-tls")}
MONITORS = {name: kustomize.render(SAMPLES / name)
            for name in ("prometheus", "prometheus-tls")}
# Each object once, however many of the folders have it.
OBJECTS = list({json.dumps(o): o for objects in
                (*OVERLAYS.values(), *MONITORS.values())
                for o in objects}.values())
# Of each kind the one with most in it.
RICHEST = list({o["kind"]: o for o in sorted(
    OBJECTS, key=lambda o: len(json.dumps(o)))}.values())
overlay = pytest.mark.parametrize("objects", OVERLAYS.values(), ids=OVERLAYS)


def of_kind(objects, kind):
    found, = (o for o in objects if o["kind"] == kind)
    return found


def pod_of(objects):
    return of_kind(objects, "Deployment")["spec"]["template"]


def container_of(objects):
    one, = pod_of(objects)["spec"]["containers"]
    return one


def complaints(objects):
    """{number of the object: [what its schema has against it]}"""
    p = subprocess.run(["node", str(HERE / "kubernetes/validate.mjs"),
                        str(UNPACKED)], input=json.dumps(objects), text=True,
                       capture_output=True, timeout=120)
    assert p.returncode == 0, p.stderr
    found = {}
    for line in p.stdout.splitlines():
        number, _, text = line.partition(" ")
        found.setdefault(int(number), []).append(text)
    return found


def places(value, path=()):
    """The path of each field of an object, and of each element of a list."""
    for key, inner in (value.items() if isinstance(value, dict) else
                       enumerate(value) if isinstance(value, list) else ()):
        yield (*path, key)
        yield from places(inner, (*path, key))


def parent(value, path):
    for key in path[:-1]:
        value = value[key]
    return value


def with_each_field(change):
    """A copy of the objects for each field: (where, the object changed there)."""
    for o in RICHEST:
        for path in places(o):
            if path[0] in ("apiVersion", "kind"):
                continue
            changed = copy.deepcopy(o)
            if change(parent(changed, path), path):
                yield f"{o['kind']} {path}", changed


def test_the_schemas_have_nothing_against_the_samples():
    assert complaints(OBJECTS) == {}


def test_the_schemas_would_find_a_misspelt_field():
    def misspell(holder, path):
        # Labels and the names of resources are anybody's choice.
        if isinstance(path[-1], int) or "/" in path[-1] or \
                path[-2:-1] in (("limits",), ("requests",), ("labels",),
                                ("annotations",)):
            return False
        holder[path[-1] + "x"] = holder.pop(path[-1])
        return True

    changed = list(with_each_field(misspell))
    found = complaints([o for _, o in changed])
    assert len(changed) > 90
    assert [w for i, (w, _) in enumerate(changed)
            if not any("x: unknown" in c for c in found.get(i, []))] == []


def test_the_schemas_would_find_a_value_of_a_wrong_type():
    def wrong(holder, path):
        if isinstance(holder[path[-1]], (dict, list)):
            return False
        holder[path[-1]] = ["a list"]
        return True

    changed = list(with_each_field(wrong))
    found = complaints([o for _, o in changed])
    assert len(changed) > 60
    assert [w for i, (w, _) in enumerate(changed) if i not in found] == []


def test_every_folder_is_rendered():
    assert {str(p.parent.relative_to(SAMPLES)) for p in
            SAMPLES.rglob("kustomization.yml")} == {
        *OVERLAYS, *MONITORS, "components/spool", "components/tls"}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl")
@pytest.mark.parametrize("folder", [*OVERLAYS, *MONITORS])
def test_kubectl_renders_the_same(folder):
    p = subprocess.run(["kubectl", "kustomize", SAMPLES / folder], timeout=60,
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    theirs = {kustomize.identity(o): o for o in yaml.safe_load_all(p.stdout)}
    assert theirs == {kustomize.identity(o): o for o in
                      (OVERLAYS | MONITORS)[folder]}


@overlay
def test_the_pod_fits_the_restricted_pod_security_standard(objects):
    labels = of_kind(objects, "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec, own = pod_of(objects)["spec"], container_of(objects)
    pod, ports = spec["securityContext"], own["ports"]
    own = own["securityContext"]
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & {*spec}
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert all("hostPort" not in p for p in ports)
    assert all({*v} in ({"name", "secret"}, {"name", "persistentVolumeClaim"})
               for v in spec["volumes"])


@overlay
def test_the_objects_fit_each_other(objects):
    pod, container = pod_of(objects), container_of(objects)
    labels = pod["metadata"]["labels"]
    service = of_kind(objects, "Service")
    policy = of_kind(objects, "NetworkPolicy")
    namespace = of_kind(objects, "Namespace")["metadata"]["name"]
    assert all(o["metadata"]["namespace"] == namespace for o in objects
               if o["kind"] != "Namespace")
    deployment = of_kind(objects, "Deployment")["spec"]
    assert deployment["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    port, = service["spec"]["ports"]
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    assert [port["targetPort"]] == [port["name"]] == [
        p["port"] for p in policy["spec"]["ingress"][0]["ports"]]
    args = container["args"]
    assert args[args.index("--listen") + 1] == f":{ports.pop(port['name'])}"
    if "--health" in args:
        assert args[args.index("--health") + 1] == f":{ports.pop('health')}"
    assert ports == {}
    makefile = (ROOT / "Makefile").read_text()
    version = re.search(r"^VERSION := (\S+)$", makefile, re.M).group(1)
    assert container["image"] == f"bellwire:{version}"
    volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
    mounts = {m["name"]: m for m in container["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert all(m.get("readOnly") or name == "spool" for name, m in mounts.items())
    places = [m["mountPath"] + "/" for m in mounts.values()]
    files = [a for a in args if a.startswith("/")]
    assert len(files) >= len(places)
    assert all(any(f.startswith(p) for p in places) for f in files)
    if "spool" in volumes:
        claim = volumes["spool"]["persistentVolumeClaim"]["claimName"]
        volume = of_kind(objects, "PersistentVolumeClaim")
        assert claim == volume["metadata"]["name"]
        assert volume["spec"]["accessModes"] == ["ReadWriteOnce"]
        assert deployment["strategy"] == {"type": "Recreate"}
        assert deployment["replicas"] == 1
        security = pod["spec"]["securityContext"]
        assert security["fsGroup"] == security["runAsGroup"]


@pytest.mark.parametrize("name, monitor, scheme", [
    ("base", "prometheus", "http"), ("overlays/tls", "prometheus-tls", "https")])
def test_the_monitor_and_the_receiver_find_the_service(name, monitor, scheme):
    objects = OVERLAYS[name]
    service = of_kind(objects, "Service")
    monitor = of_kind(MONITORS[monitor], "ServiceMonitor")
    meta, port = service["metadata"], service["spec"]["ports"][0]
    host = f'{meta["name"]}.{meta["namespace"]}.svc'
    assert monitor["metadata"]["namespace"] == meta["namespace"]
    assert monitor["spec"]["selector"]["matchLabels"] == meta["labels"]
    endpoint, = monitor["spec"]["endpoints"]
    assert endpoint["port"] == port["name"]
    assert endpoint.get("scheme", "http") == scheme
    secrets = {v["name"]: v["secret"]["secretName"]
               for v in pod_of(objects)["spec"]["volumes"]}
    token = endpoint["authorization"]["credentials"]
    assert token["name"] == secrets["secrets"]
    assert f'/etc/bellwire/{token["key"]}' in container_of(objects)["args"]
    if scheme == "https":
        assert endpoint["tlsConfig"]["serverName"] == host
        assert endpoint["tlsConfig"]["ca"]["secret"]["name"] == secrets["tls"]
    # The rules take what the operator's label of the job says.
    assert meta["labels"][monitor["spec"]["jobLabel"]] == "bellwire"
    receivers = yaml.safe_load((SAMPLES / "alertmanager.yml").read_text())
    urls = [c["url"] for r in receivers["receivers"] for c in r["webhook_configs"]]
    assert f'{scheme}://{host}:{port["port"]}/webhook' in urls


def test_the_operators_rules_are_those_of_prometheus():
    rules = yaml.safe_load(
        (ROOT / "deploy/prometheus/bellwire_rules.yml").read_text())
    for objects in MONITORS.values():
        assert of_kind(objects, "PrometheusRule")["spec"] == rules


@overlay
def test_probes_are_answered_and_the_limit_is_far(start, pki, tmp_path, objects):
    """As the pod starts it, but for ports of its own and where its files are."""
    container = container_of(objects)
    for name, content in (("token", b"of-the-secret\n"),
                          ("tls.crt", pki.server().cert.read_bytes()),
                          ("tls.key", pki.server().key.read_bytes())):
        (tmp_path / name).write_bytes(content)
    args = [f"{tmp_path}/{a.rpartition('/')[2]}" if a.startswith("/") else a
            for a in container["args"]]
    at = args.index("--listen")
    del args[at:at + 2]
    shut = "--health" in args
    if shut:
        args[args.index("--health") + 1] = "127.0.0.1:0"
    server = start(*args)
    if shut:
        secure(server, context(pki))
    for probe in ("livenessProbe", "readinessProbe"):
        asked = container[probe]["httpGet"]
        assert (asked["port"] == "health") == shut
        with Client(server.addresses[-1]) as kubelet:
            kubelet.send(get(asked["path"]))
            assert kubelet.answer().status == 200
    assert server.status_of("/metrics") == 401
    clients = [server.connect() for _ in range(40 if shut else 60)]
    request = post_chunked(group(2_000 if shut else 20_000),
                           "Authorization: Bearer of-the-secret", size=16384)
    answer = server.ask(request)
    assert answer.status == 200
    for c in clients:
        c.close()
    sizes = {k: int(re.fullmatch(r"(\d+)Mi", v["memory"]).group(1)) << 20
             for k, v in container["resources"].items()}
    assert server.memory_peak() < sizes["requests"] < sizes["limits"]

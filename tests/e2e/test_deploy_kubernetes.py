"""deploy/kubernetes: every field is one that Kubernetes and the Prometheus operator
know, the objects fit each other, and the program does what they expect of it."""
import copy
import json
import re
import subprocess

import yaml

from helpers import HERE, group, post_chunked

ROOT = HERE.parents[1]
SAMPLES = ROOT / "deploy/kubernetes"
UNPACKED = ROOT / "third_party/unpacked"
OBJECTS = [o for name in ("bellwire.yml", "servicemonitor.yml")
           for o in yaml.safe_load_all((SAMPLES / name).read_text())]
BY_KIND = {o["kind"]: o for o in OBJECTS}
POD = BY_KIND["Deployment"]["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]


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
    for o in OBJECTS:
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
                path[-2:-1] in (("limits",), ("requests",)):
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


def test_the_pod_fits_the_restricted_pod_security_standard():
    labels = BY_KIND["Namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    spec, pod = POD["spec"], POD["spec"]["securityContext"]
    own = CONTAINER["securityContext"]
    assert len(spec["containers"]) == 1
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & {*spec}
    assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert own["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert all("hostPort" not in p for p in CONTAINER["ports"])
    assert all({*v} == {"name", "secret"} for v in spec["volumes"])


def test_the_objects_fit_each_other():
    labels = POD["metadata"]["labels"]
    service, policy = BY_KIND["Service"], BY_KIND["NetworkPolicy"]
    monitor = BY_KIND["ServiceMonitor"]
    namespace = BY_KIND["Namespace"]["metadata"]["name"]
    assert all(o["metadata"]["namespace"] == namespace for o in OBJECTS
               if o["kind"] != "Namespace")
    assert BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert monitor["spec"]["selector"]["matchLabels"] == \
        service["metadata"]["labels"]
    port = service["spec"]["ports"][0]
    assert [port["targetPort"]] == [p["name"] for p in CONTAINER["ports"]] == \
        [p["port"] for p in policy["spec"]["ingress"][0]["ports"]]
    assert [e["port"] for e in monitor["spec"]["endpoints"]] == [port["name"]]
    makefile = (ROOT / "Makefile").read_text()
    version = re.search(r"^VERSION := (\S+)$", makefile, re.M).group(1)
    assert CONTAINER["image"] == f"bellwire:{version}"
    assert f':{CONTAINER["ports"][0]["containerPort"]}' in CONTAINER["args"]
    volume, = POD["spec"]["volumes"]
    mount, = CONTAINER["volumeMounts"]
    assert mount["name"] == volume["name"]
    token = monitor["spec"]["endpoints"][0]["authorization"]["credentials"]
    assert token["name"] == volume["secret"]["secretName"]
    assert f'{mount["mountPath"]}/{token["key"]}' in CONTAINER["args"]
    # The rules take what the operator's label of the job says.
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == \
        "bellwire"
    receiver = yaml.safe_load((SAMPLES / "alertmanager.yml").read_text())
    url = receiver["receivers"][0]["webhook_configs"][0]["url"]
    assert url == f'http://{service["metadata"]["name"]}.{namespace}.svc:' \
        f'{port["port"]}/webhook'


def test_probes_are_answered_and_the_limit_is_far(start, tmp_path):
    """As the pod starts it, but for a port of its own and where the token is."""
    token = tmp_path / "token"
    token.write_text("of-the-secret\n")
    args = list(CONTAINER["args"])
    at = args.index("--listen")
    del args[at:at + 2]
    args[args.index("/etc/bellwire/token")] = str(token)
    server = start(*args)
    for probe in ("livenessProbe", "readinessProbe"):
        assert server.status_of(CONTAINER[probe]["httpGet"]["path"]) == 200
    assert server.status_of("/metrics") == 401
    clients = [server.connect() for _ in range(60)]
    answer = server.ask(post_chunked(group(20_000), "Authorization: Bearer "
                                     "of-the-secret", size=16384))
    assert answer.status == 200
    for c in clients:
        c.close()
    sizes = {k: int(re.fullmatch(r"(\d+)Mi", v["memory"]).group(1)) << 20
             for k, v in CONTAINER["resources"].items()}
    assert server.memory_peak() < sizes["requests"] < sizes["limits"]

"""What `kubectl kustomize` makes of a folder, for as much of it as deploy/kubernetes
uses; anything else is an error, as is a patch that finds nothing to change."""
import copy

import yaml

KINDS = {"Kustomization": "kustomize.config.k8s.io/v1beta1",
         "Component": "kustomize.config.k8s.io/v1alpha1"}
KEYS = {"apiVersion", "kind", "resources", "components", "patches"}


def load(path):
    return list(yaml.safe_load_all(path.read_text()))


def identity(o):
    meta = o["metadata"]
    return o["apiVersion"], o["kind"], meta.get("namespace"), meta["name"]


def apply(document, operation):
    """RFC 6902, add and replace."""
    assert {*operation} == {"op", "path", "value"}, operation
    *way, last = operation["path"].removeprefix("/").split("/")
    for key in way:
        document = document[int(key) if isinstance(document, list) else key]
    value = copy.deepcopy(operation["value"])
    if isinstance(document, list):
        if last == "-":
            assert operation["op"] == "add", operation
            document.append(value)
        else:
            assert operation["op"] == "replace", operation
            document[int(last)] = value
    else:
        assert operation["op"] in ("add", "replace"), operation
        assert (last in document) == (operation["op"] == "replace"), operation
        document[last] = value


def patch(objects, how):
    assert {*how} == {"target", "patch"}, how
    target = how["target"]
    assert {*target} == {"kind", "name"}, target
    found = [o for o in objects if o["kind"] == target["kind"]
             and o["metadata"]["name"] == target["name"]]
    assert len(found) == 1, (target, len(found))
    for operation in yaml.safe_load(how["patch"]):
        apply(found[0], operation)


def render(folder, objects=None):
    """The objects of a folder; `objects`: what its component is put upon."""
    said, = load(folder / "kustomization.yml")
    kind = "Kustomization" if objects is None else "Component"
    assert (said["kind"], said["apiVersion"]) == (kind, KINDS[kind]), folder
    assert {*said} <= KEYS, folder
    objects = objects or []
    for name in said.get("resources", []):
        path = (folder / name).resolve()
        if path.is_dir():
            objects += render(path)
        else:
            assert path.parent == folder.resolve(), path  # kustomize's own rule
            objects += load(path)
    for name in said.get("components", []):
        render((folder / name).resolve(), objects)
    for how in said.get("patches", []):
        patch(objects, how)
    names = [identity(o) for o in objects]
    assert len(names) == len(set(names)), names
    return objects

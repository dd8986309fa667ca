"""Reads Kubernetes manifests, holds them against the schemas that the pinned packages carry, and prints them as JSON.

    manifests.py FILE...

Kubernetes' own kinds are checked against its OpenAPI schemas (kubernetes-validate), strictly: an unknown key is an error.
KServe's are checked against the models of its Python package, as strictly, and what of them is Kubernetes' own against
Kubernetes' models there. What is wrong ends the program with status 1.
"""

import json
import re
import sys

import kubernetes.client
import kserve.models
import kubernetes_validate
import yaml

KSERVE = {
    "ClusterServingRuntime": "V1alpha1ClusterServingRuntime",
    "InferenceService": "V1beta1InferenceService",
}


def main(paths):
    documents = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for document in yaml.safe_load_all(file):
                check(path, document)
                documents.append(document)
    json.dump(documents, sys.stdout)


def check(path, document):
    kind = document["kind"]
    try:
        if kind in KSERVE:
            check_model(kind, KSERVE[kind], document)
        else:
            version = kubernetes_validate.latest_version()
            kubernetes_validate.validate(document, version, strict=True)
    except (kubernetes_validate.ValidationError, ValueError) as error:
        sys.exit(f"{path}: {error}")


def check_model(place, name, value):
    """Holds a value against a type as the generated clients name them."""
    container = re.fullmatch(r"(list\[|dict\(str, |dict\[str, )(.+)[\])]", name, re.IGNORECASE)
    if name == "object" or value is None:
        return
    if container and container[1].lower() == "list[":
        expect(place, value, list)
        for index, item in enumerate(value):
            check_model(f"{place}[{index}]", container[2], item)
        return
    if container:
        expect(place, value, dict)
        for key, item in value.items():
            check_model(f"{place}.{key}", container[2], item)
        return
    scalars = {"str": str, "int": int, "bool": bool, "float": (int, float)}
    if name in scalars:
        expect(place, value, scalars[name])
        return
    model = getattr(kserve.models, name, None) or getattr(kubernetes.client, name, None)
    if model is None:
        raise ValueError(f"{place}: there is no model {name}")
    expect(place, value, dict)
    keys = {key: attribute for attribute, key in model.attribute_map.items()}
    for key, item in value.items():
        if key not in keys:
            raise ValueError(f"{place}.{key}: unknown; there are {', '.join(sorted(keys))}")
        check_model(f"{place}.{key}", model.openapi_types[keys[key]], item)
    # The constructor refuses what is missing.
    given = {keys[key]: item for key, item in value.items()}
    try:
        model(**given)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def expect(place, value, kind):
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ValueError(f"{place}: {value!r} is no {kind}")


main(sys.argv[1:])

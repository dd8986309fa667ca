"""What people send to /v1 without a client made for it: requests and urllib with files of NumPy, safetensors and Pillow."""

import io
import json
import urllib.error
import urllib.request
import zlib

import numpy as np
import requests
from PIL import Image
from safetensors import numpy as safetensors

from program import expect, expect_array, expect_words, rows, run

NPY = "application/x-npy"
NPZ = "application/x-npz"
SAFETENSORS = "application/vnd.safetensors"
OCTETS = "application/octet-stream"


def saved(save, *arrays, **named):
    """The file that a function of NumPy's or Pillow's writes."""
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def post(url, model, body, content_type, **headers):
    """The answer to a prediction, which must be one."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(f"{url}/v1/{model}/predict", data=body, headers={"Content-Type": content_type, **headers})
    expect(f"status of {answer.text[:200]}", answer.status_code, 200)
    return answer


# --- a model that multiplies by 3, and one that returns its two inputs


def an_npy_is_answered_with_an_npy(url):
    for array in [rows(2), np.asfortranarray(rows(4)), rows(2).astype(">f4"), np.float32(2.5).reshape(1)]:
        answer = post(url, "triple", saved(np.save, array), NPY)
        expect("type", answer.headers["content-type"], NPY)
        expect_array("output", np.load(io.BytesIO(answer.content)), (array * 3).astype(np.float32))


def an_npz_holds_several_inputs_and_outputs(url):
    a, b = rows(2), np.array([1, 2**53 + 1])
    for save in [np.savez, np.savez_compressed]:
        for body in [saved(save, a=a, b=b), saved(save, a, b)]:
            answer = post(url, "pair", body, NPZ)
            with np.load(io.BytesIO(answer.content)) as outputs:
                expect_array("a", outputs["OUTPUT__0"], a)
                expect_array("b", outputs["OUTPUT__1"], b)


def safetensors_hold_several_inputs_and_outputs(url):
    tensors = {"a": rows(2), "b": np.array([True, False])}
    answer = post(url, "pair", safetensors.save(tensors), SAFETENSORS)
    outputs = safetensors.load(answer.content)
    expect_array("a", outputs["OUTPUT__0"], tensors["a"])
    expect_array("b", outputs["OUTPUT__1"], tensors["b"])


def bare_bytes_are_described_by_headers(url):
    described = {"X_Forge_Dtype": "float32", "X_Forge_Shape": "2,3"}
    answer = post(url, "triple", rows(2).tobytes(), OCTETS, **described)
    expect("dtype", answer.headers["x-forge-dtype"], "float32")
    expect("shape", answer.headers["x-forge-shape"], "2,3")
    expect_array("output", np.frombuffer(answer.content, np.float32), rows(2).ravel() * 3)


def the_answer_comes_as_it_is_accepted(url):
    body = saved(np.save, rows(2))
    answer = post(url, "triple", body, NPY, Accept="application/json")
    expect("JSON", answer.json()["output"], (rows(2) * 3).tolist())
    answer = post(url, "triple", body, NPY, Accept=f"{SAFETENSORS};q=0.5, {NPZ}")
    with np.load(io.BytesIO(answer.content)) as outputs:
        expect_array("npz", outputs["OUTPUT__0"], rows(2) * 3)
    answer = post(url, "triple", json.dumps({"input": rows(2).tolist()}), "application/json", Accept=NPY)
    expect_array("npy of JSON", np.load(io.BytesIO(answer.content)), rows(2) * 3)


def a_batch_is_answered_whole(url):
    answer = post(url, "triple", saved(np.save, rows(100)), NPY, X_Forge_Batch="true")
    expect_array("npy", np.load(io.BytesIO(answer.content)), rows(100) * 3)
    body = json.dumps({"input": rows(3).tolist()})
    answer = post(url, "triple", body, "application/json", X_Forge_Batch="true")
    expect("JSON", answer.json()["output"], (rows(3) * 3).tolist())


def urllib_needs_no_headers_of_its_own(url):
    body = json.dumps({"input": [1, 2, 3]}).encode()
    with urllib.request.urlopen(f"{url}/v1/triple/predict", body) as answer:
        expect("output", json.load(answer)["output"], [3, 6, 9])
    broken = urllib.request.Request(f"{url}/v1/triple/predict", b"no array", {"Content-Type": NPY})
    try:
        urllib.request.urlopen(broken)
    except urllib.error.HTTPError as refusal:
        expect("status", refusal.code, 422)
        expect_words("cause", json.load(refusal)["detail"], "npy")
    else:
        raise AssertionError("it was not refused")


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


def outputs_of_a_structure_have_names(url):
    ids, values = np.array([1, 2]), rows(1, width=5)[0]
    inputs = {"ids": ids, "values": values, "scale": np.float64(2)}
    answer = post(url, "measures", saved(np.savez, **inputs), NPZ)
    with np.load(io.BytesIO(answer.content)) as outputs:
        expect_array("twice", outputs["0.twice"], ids * 2)
        expect_array("sums", outputs["0.sums"], values.sum())
        expect_array("plus one", outputs["OUTPUT__2"], values + 1)
        expect_array("scaled", outputs["OUTPUT__3"], values * 2)
        expect("sign", outputs["OUTPUT__4"].tolist(), ["positive"])
        expect("unit", outputs["OUTPUT__5"].tolist(), ["m"])


def strings_keep_an_answer_from_safetensors(url):
    body = safetensors.save({"ids": np.array([1, 2]), "values": rows(1)[0]})
    headers = {"Content-Type": SAFETENSORS, "Accept": SAFETENSORS}
    answer = requests.post(f"{url}/v1/measures/predict", data=body, headers=headers)
    expect("status", answer.status_code, 406)
    expect_words("cause", answer.json()["detail"], "strings")
    answer = post(url, "measures", body, SAFETENSORS, Accept=f"{SAFETENSORS}, application/json")
    expect("twice in JSON", answer.json()["outputs"]["output_0"]["twice"], [2, 4])


# --- a model that tells how red, green and blue an image is


def images_of_pillow_are_classified(url):
    red = Image.new("RGB", (80, 60), (250, 20, 10))
    exif = Image.Exif()
    exif[0x0112] = 6
    for what, body, content_type in [
        ("PNG", saved(lambda file: red.save(file, "PNG")), "image/png"),
        ("palette", saved(lambda file: red.quantize(4).save(file, "PNG")), "image/png"),
        ("alpha", saved(lambda file: red.convert("RGBA").save(file, "PNG")), "image/png"),
        ("JPEG", saved(lambda file: red.save(file, "JPEG")), "image/jpeg"),
        ("progressive", saved(lambda file: red.save(file, "JPEG", progressive=True)), "image/jpeg"),
        ("CMYK", saved(lambda file: red.convert("CMYK").save(file, "JPEG")), "image/jpeg"),
        ("turned", saved(lambda file: red.save(file, "JPEG", exif=exif)), "image/jpeg"),
    ]:
        answer = requests.post(f"{url}/v1/colors/predict?top=1", data=body, headers={"Content-Type": content_type})
        expect(f"status of {what}: {answer.text}", answer.status_code, 200)
        (best,) = answer.json()["classes"]
        expect(what, best["label"], "red")


def an_image_becomes_the_tensor_that_pillow_makes_of_it(url):
    """torchvision's Resize(64), CenterCrop(56) and ToTensor, done by hand."""
    pixels = np.random.default_rng(1).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    answer = post(url, "colors", saved(lambda file: image.save(file, "PNG")), "image/png")
    resized = image.resize((64 * 90 // 70, 64), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 56) / 2), round((resized.height - 56) / 2)
    cropped = np.asarray(resized)[top : top + 56, left : left + 56]
    tensor = (cropped.transpose(2, 0, 1) / 255).astype(np.float32)
    body = saved(np.save, tensor)
    expected = post(url, "colors", body, NPY, Accept="application/json")
    np.testing.assert_allclose(answer.json()["output"], expected.json()["output"], atol=1e-6)


def what_is_no_image_or_too_large_a_one_is_refused(url):
    def refused(body, content_type="image/png"):
        answer = requests.post(f"{url}/v1/colors/predict", data=body, headers={"Content-Type": content_type})
        return answer.status_code, answer.json()["detail"]

    whole = saved(lambda file: Image.new("RGB", (9, 9)).save(file, "PNG"))
    expect("no image", refused(b"GIF89a")[0], 422)
    expect("cut off", refused(whole[:50])[0], 422)
    expect("another type", refused(whole, "image/webp")[0], 415)
    # The size stands in a PNG's first chunk, which ends with its checksum: 100,000 pixels each way.
    header = whole[12:16] + (100_000).to_bytes(4, "big") * 2 + whole[24:29]
    claims = whole[:12] + header + zlib.crc32(header).to_bytes(4, "big") + whole[33:]
    status, cause = refused(claims)
    expect(f"status of {cause}", status, 413)
    expect_words("too large", cause, "100000 x 100000", "max_pixels")


if __name__ == "__main__":
    run(globals())

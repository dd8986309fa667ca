"""kserve, the Python SDK of KServe: its clients of V2 over HTTP and gRPC, and of V1."""

import httpx
import numpy as np
from kserve import InferInput, InferRequest, InferenceGRPCClient, InferenceRESTClient, RESTConfig

from program import expect, expect_array, expect_words, host_and_port, rows, run


def rest_client(protocol):
    # One that speaks to this machine only looks for no proxy and no certificates.
    return InferenceRESTClient(RESTConfig(protocol=protocol, retries=0, verify=False))


def given(name, datatype, array, **options):
    tensor = InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, **options)
    return tensor


# --- a model that multiplies by 3, and one that returns its two inputs


async def v2_tells_what_is_ready(url):
    client = rest_client("v2")
    expect("live", await client.is_server_live(url), True)
    expect("ready", await client.is_server_ready(url), True)
    expect("model ready", await client.is_model_ready(url, "triple"), True)
    expect("unknown ready", await client.is_model_ready(url, "nobody"), False)
    await client.close()


async def v2_answers_binary_and_json(url):
    client = rest_client("v2")
    for binary in [True, False]:
        request = InferRequest(
            model_name="triple",
            request_id="mine",
            infer_inputs=[given("x", "FP32", rows(2), binary_data=binary)],
            parameters={"binary_data_output": binary},
        )
        answer = await client.infer(url, request, model_name="triple")
        expect("id", answer.id, "mine")
        expect_array(f"binary {binary}", answer.outputs[0].as_numpy(), rows(2) * 3)
    await client.close()


async def v2_says_what_is_wrong(url):
    client = rest_client("v2")
    request = InferRequest(model_name="triple", infer_inputs=[given("y", "FP32", rows(1))])
    try:
        await client.infer(url, request, model_name="triple")
    except httpx.HTTPStatusError as refusal:
        expect("status", refusal.response.status_code, 400)
        expect_words("unknown input", refusal, "'y'")
    else:
        raise AssertionError("it was not refused")
    await client.close()


async def v1_answers_a_prediction_for_each_instance(url):
    client = rest_client("v1")
    expect("live", await client.is_server_live(url), True)
    expect("ready", await client.is_model_ready(url, "triple"), True)
    answer = await client.infer(url, {"instances": [[1, 2], [3, 4]]}, model_name="triple")
    expect("predictions", answer, {"predictions": [[3, 6], [9, 12]]})
    await client.close()


async def v2_is_spoken_over_grpc(url):
    async with InferenceGRPCClient(host_and_port(url), retries=0) as client:
        expect("live", await client.is_server_live(), True)
        expect("ready", await client.is_server_ready(), True)
        expect("model ready", await client.is_model_ready("triple"), True)
        for binary in [True, False]:
            request = InferRequest(
                model_name="triple",
                request_id="mine",
                infer_inputs=[given("x", "FP32", rows(2), binary_data=binary)],
            )
            answer = await client.infer(request)
            expect("id", answer.id, "mine")
            expect_array(f"binary {binary}", answer.outputs[0].as_numpy(), rows(2) * 3)


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


async def outputs_of_a_structure_have_names(url):
    client = rest_client("v2")
    ids, values = np.array([[1, 2], [3, 4]]), rows(2, width=5)
    for binary in [True, False]:
        inputs = [
            given("ids", "INT64", ids, binary_data=binary),
            given("values", "FP32", values, binary_data=binary),
            given("unit", "BYTES", np.array(["kg"], dtype=np.object_), binary_data=binary),
        ]
        parameters = {"binary_data_output": binary}
        request = InferRequest(model_name="measures", infer_inputs=inputs, parameters=parameters)
        answer = await client.infer(url, request, model_name="measures")
        names = [output.name for output in answer.outputs]
        expect("names", names, ["0.twice", "0.sums", "OUTPUT__2", "OUTPUT__3", "OUTPUT__4", "OUTPUT__5"])
        twice, sums, plus_one, _, signs, unit = answer.outputs
        expect_array("twice", twice.as_numpy(), ids * 2)
        expect_array("sums", sums.as_numpy(), values.sum(1))
        expect_array("plus one", plus_one.as_numpy(), values + 1)
        expect("signs", [text_of(text) for text in signs.as_numpy()], ["positive", "positive"])
        expect("unit", [text_of(text) for text in unit.as_numpy()], ["kg"])
    await client.close()


def text_of(value):
    """A string, which the SDK leaves as bytes where it came as bytes."""
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    run(globals())

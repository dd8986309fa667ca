"""tritonclient.http.aio, the same client for asyncio."""

import asyncio
from functools import partial

import numpy as np
import tritonclient.http.aio as triton

import triton_client
from program import expect, expect_array, expect_words, rows, run
from triton_client import refusal_awaited


client_of = partial(triton_client.client_of, triton)
given = partial(triton_client.given, triton)


# --- a model that multiplies by 3, and one that returns its two inputs


async def the_server_and_its_models_are_ready(url):
    async with client_of(url) as client:
        expect("live", await client.is_server_live(), True)
        expect("ready", await client.is_server_ready(), True)
        expect("model ready", await client.is_model_ready("triple"), True)
        expect("unknown ready", await client.is_model_ready("nobody"), False)
        metadata = await client.get_model_metadata("pair", model_version="1")
        expect("inputs", [tensor["name"] for tensor in metadata["inputs"]], ["a", "b"])
        config = await client.get_model_config("triple")
        expect("config", config["name"], "triple")
        index = await client.get_model_repository_index()
        expect("index", sorted(model["name"] for model in index), ["pair", "slow", "triple"])


async def tensors_are_binary_or_json(url):
    async with client_of(url) as client:
        for binary in [True, False]:
            answer = await client.infer(
                "triple",
                [given("x", "FP32", rows(2), binary_data=binary)],
                outputs=[triton.InferRequestedOutput("OUTPUT__0", binary_data=binary)],
                request_id="mine",
            )
            expect_array(f"binary {binary}", answer.as_numpy("OUTPUT__0"), rows(2) * 3)
            expect("id", answer.get_response()["id"], "mine")


async def bodies_can_be_compressed(url):
    async with client_of(url) as client:
        for algorithm in ["gzip", "deflate"]:
            answer = await client.infer(
                "triple",
                [given("x", "FP32", rows(100))],
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            expect_array(algorithm, answer.as_numpy("OUTPUT__0"), rows(100) * 3)


async def requests_at_once_are_told_apart(url):
    async with client_of(url) as client:
        async def ask(i):
            answer = await client.infer("triple", [given("x", "FP32", rows(2) + i)])
            expect_array(f"request {i}", answer.as_numpy("OUTPUT__0"), (rows(2) + i) * 3)

        await asyncio.gather(*(ask(i) for i in range(40)))


async def what_is_wrong_is_said(url):
    async with client_of(url) as client:
        refusal = await refusal_awaited(client.infer("triple", [given("y", "FP32", rows(1))]))
        expect_words("unknown input", refusal.message(), "'y'")
        expect("status", refusal.status(), "400")


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


async def outputs_of_a_structure_have_names(url):
    async with client_of(url) as client:
        async def ask(width):
            ids, values = np.full((1, width), width), rows(1, width)
            inputs = [
                given("ids", "INT64", ids),
                given("values", "FP32", values),
                given("unit", "BYTES", np.array([str(width)], dtype=np.object_)),
            ]
            answer = await client.infer("measures", inputs)
            expect_array("twice", answer.as_numpy("0.twice"), ids * 2)
            expect_array("sums", answer.as_numpy("0.sums"), values.sum(1))
            expect_array("plus one", answer.as_numpy("OUTPUT__2"), values + 1)
            expect_array("signs", answer.as_numpy("OUTPUT__4"), np.array([b"positive"], dtype=np.object_))
            unit = np.array([str(width).encode()], dtype=np.object_)
            expect_array("unit", answer.as_numpy("OUTPUT__5"), unit)

        # Of different lengths, at once.
        await asyncio.gather(*(ask(width) for width in range(1, 12)))


if __name__ == "__main__":
    run(globals())

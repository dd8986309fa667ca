"""tritonclient.grpc.aio, the same client for asyncio."""

import asyncio
from functools import partial

import numpy as np
import tritonclient.grpc.aio as triton

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
        metadata = await client.get_model_metadata("pair")
        expect("inputs", [tensor.name for tensor in metadata.inputs], ["a", "b"])


async def requests_at_once_are_told_apart(url):
    async with client_of(url) as client:
        async def ask(i):
            answer = await client.infer("triple", [given("x", "FP32", rows(2) + i)], request_id=str(i))
            expect_array(f"request {i}", answer.as_numpy("OUTPUT__0"), (rows(2) + i) * 3)
            expect("id", answer.get_response().id, str(i))

        await asyncio.gather(*(ask(i) for i in range(40)))


async def a_stream_answers_each_of_its_requests(url):
    async with client_of(url) as client:
        async def requests():
            for i in range(20):
                yield {"model_name": "triple", "inputs": [given("x", "FP32", rows(1) + i)], "request_id": str(i)}

        seen = set()
        async for result, error in client.stream_infer(requests()):
            expect("error", error, None)
            i = int(result.get_response().id)
            expect_array(f"request {i}", result.as_numpy("OUTPUT__0"), (rows(1) + i) * 3)
            seen.add(i)
        expect("answered", seen, set(range(20)))


async def what_is_wrong_is_said(url):
    async with client_of(url) as client:
        refusal = await refusal_awaited(client.infer("triple", [given("y", "FP32", rows(1))]))
        expect("status", refusal.status(), "StatusCode.INVALID_ARGUMENT")
        expect_words("unknown input", refusal.message(), "'y'")


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


async def outputs_of_a_structure_have_names(url):
    async with client_of(url) as client:
        async def ask(width):
            ids, values = np.full((1, width), width), rows(1, width)
            answer = await client.infer("measures", [given("ids", "INT64", ids), given("values", "FP32", -values - 1)])
            expect_array("twice", answer.as_numpy("0.twice"), ids * 2)
            expect_array("plus one", answer.as_numpy("OUTPUT__2"), -values)
            expect_array("signs", answer.as_numpy("OUTPUT__4"), np.array([b"negative"], dtype=np.object_))

        # Of different lengths, at once.
        await asyncio.gather(*(ask(width) for width in range(1, 12)))


if __name__ == "__main__":
    run(globals())

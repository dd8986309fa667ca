"""tritonclient.grpc, NVIDIA's client of Triton over gRPC. It may not share a process with kserve: both bring the
protocol's messages."""

import queue
from functools import partial

import grpc
import ml_dtypes
import numpy as np
import tritonclient.grpc as triton

import triton_client
from program import expect, expect_array, expect_words, host_and_port, rows, run
from triton_client import refusal_of

ANSWER_WITHIN_S = 30


client_of = partial(triton_client.client_of, triton)
given = partial(triton_client.given, triton)


# --- a model that multiplies by 3, and one that returns its two inputs


def the_server_tells_what_it_is(url):
    with client_of(url) as client:
        expect("live", client.is_server_live(), True)
        expect("ready", client.is_server_ready(), True)
        metadata = client.get_server_metadata(as_json=True)
        expect("name", metadata["name"], "forge")
        expect("statistics", "statistics" in metadata["extensions"], True)


def models_tell_what_they_are(url):
    with client_of(url) as client:
        expect("ready", client.is_model_ready("triple"), True)
        expect("ready in version 1", client.is_model_ready("triple", "1"), True)
        expect("unknown is ready", client.is_model_ready("nobody"), False)
        metadata = client.get_model_metadata("pair")
        expect("inputs", [tensor.name for tensor in metadata.inputs], ["a", "b"])
        config = client.get_model_config("pair").config
        expect("name in the config", config.name, "pair")
        expect("batches", config.max_batch_size > 1, True)
        index = client.get_model_repository_index().models
        index = {model.name: model.state for model in index}
        expect("index", index, {"pair": "READY", "slow": "READY", "triple": "READY"})


def tensors_are_answered(url):
    with client_of(url) as client:
        answer = client.infer("triple", [given("x", "FP32", rows(2))])
        expect_array("all outputs", answer.as_numpy("OUTPUT__0"), rows(2) * 3)
        wanted = [triton.InferRequestedOutput("OUTPUT__1")]
        inputs = [given("a", "FP32", rows(2)), given("b", "INT64", np.array([[1], [2**53 + 1]]))]
        answer = client.infer("pair", inputs, outputs=wanted)
        expect_array("the output asked for", answer.as_numpy("OUTPUT__1"), np.array([[1], [2**53 + 1]]))
        expect("outputs", len(answer.get_response().outputs), 1)


def every_datatype_comes_back(url):
    datatypes = {
        "BOOL": np.bool_, "UINT8": np.uint8, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32,
        "INT64": np.int64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
    }
    with client_of(url) as client:
        for datatype, dtype in datatypes.items():
            array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
            answer = client.infer("pair", [given("a", datatype, array), given("b", "FP32", rows(2))])
            expect_array(datatype, answer.as_numpy("OUTPUT__0"), array)
        exact = np.array([[0.5, -2.0, 3.0]], dtype=ml_dtypes.bfloat16)
        answer = client.infer("pair", [given("a", "BF16", exact), given("b", "FP32", rows(1))])
        expect_array("BF16", answer.as_numpy("OUTPUT__0"), exact)


def many_rows_are_answered_whole(url):
    with client_of(url) as client:
        for count in [1, 31, 200]:
            answer = client.infer("triple", [given("x", "FP32", rows(count))])
            expect_array(f"{count} rows", answer.as_numpy("OUTPUT__0"), rows(count) * 3)


def messages_can_be_as_large_as_bodies(url):
    with client_of(url) as client:
        large = np.random.default_rng(1).random((1, 3, 768, 768), dtype=np.float32)
        answer = client.infer("triple", [given("x", "FP32", large)])
        expect_array("output", answer.as_numpy("OUTPUT__0"), large * 3)


def messages_can_be_compressed(url):
    with client_of(url) as client:
        for algorithm in ["gzip", "deflate"]:
            inputs = [given("x", "FP32", rows(100))]
            answer = client.infer("triple", inputs, compression_algorithm=algorithm)
            expect_array(algorithm, answer.as_numpy("OUTPUT__0"), rows(100) * 3)


def ids_and_parameters_are_taken(url):
    with client_of(url) as client:
        answer = client.infer(
            "triple",
            [given("x", "FP32", rows(1))],
            model_version="1",
            request_id="mine",
            priority=1,
            timeout=5_000_000,
            client_timeout=ANSWER_WITHIN_S,
            headers={"x-request-id": "of-the-header"},
            parameters={"temperature": 0.5, "greedy": True, "stop": "x"},
        ).get_response()
        expect("id", answer.id, "mine")
        expect("model", answer.model_name, "triple")
        expect("version", answer.model_version, "1")


def requests_at_once_are_told_apart(url):
    with client_of(url) as client:
        answers = queue.Queue()
        for i in range(40):
            def keep(result, error, i=i):
                answers.put((i, result, error))

            client.async_infer("triple", [given("x", "FP32", rows(1) + i)], keep)
        for _ in range(40):
            i, result, error = answers.get(timeout=ANSWER_WITHIN_S)
            expect("error", error, None)
            expect_array(f"request {i}", result.as_numpy("OUTPUT__0"), (rows(1) + i) * 3)


def a_stream_answers_each_of_its_requests(url):
    with client_of(url) as client:
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        for i in range(20):
            name = "x" if i != 7 else "nothing"
            client.async_stream_infer("triple", [given(name, "FP32", rows(1) + i)], request_id=str(i))
        seen = set()
        errors = 0
        for _ in range(20):
            result, error = answers.get(timeout=ANSWER_WITHIN_S)
            if error is not None:
                expect_words("error", error, "nothing")
                errors += 1
                continue
            i = int(result.get_response().id)
            expect_array(f"request {i}", result.as_numpy("OUTPUT__0"), (rows(1) + i) * 3)
            seen.add(i)
        client.stop_stream()
        expect("answered", seen, set(range(20)) - {7})
        expect("refused", errors, 1)


def what_is_wrong_is_said(url):
    with client_of(url) as client:
        one = [given("x", "FP32", rows(1))]
        for what, status, call, words in [
            ("unknown model", "NOT_FOUND", lambda: client.infer("nobody", one), ["nobody"]),
            ("unknown version", "NOT_FOUND", lambda: client.infer("triple", one, model_version="99"), ["99"]),
            (
                "unknown input",
                "INVALID_ARGUMENT",
                lambda: client.infer("triple", [given("y", "FP32", rows(1))]),
                ["'y'"],
            ),
            (
                "unknown output",
                "INVALID_ARGUMENT",
                lambda: client.infer("triple", one, outputs=[triton.InferRequestedOutput("nothing")]),
                ["nothing"],
            ),
            (
                "missing input",
                "INVALID_ARGUMENT",
                lambda: client.infer("pair", [given("a", "FP32", rows(1))]),
                ["'b'"],
            ),
        ]:
            refusal = refusal_of(call)
            expect(what, refusal.status(), f"StatusCode.{status}")
            expect_words(what, refusal.message(), *words)


def statistics_count_requests_and_rows(url):
    with client_of(url) as client:
        def statistics():
            (model,) = client.get_inference_statistics("triple").model_stats
            return model

        before = statistics()
        for _ in range(3):
            client.infer("triple", [given("x", "FP32", rows(4))])
        after = statistics()
        expect("version", after.version, "1")
        success = lambda model: model.inference_stats.success.count
        expect("successes", success(after) - success(before), 3)
        expect("rows", after.inference_count - before.inference_count, 12)
        expect("queue", after.inference_stats.queue.ns > 0, True)


def models_are_unloaded_and_loaded(url):
    with client_of(url) as client:
        client.unload_model("triple")
        expect("ready once unloaded", client.is_model_ready("triple"), False)
        client.load_model("triple")
        expect("ready once loaded", client.is_model_ready("triple"), True)
        answer = client.infer("triple", [given("x", "FP32", rows(1))])
        expect_array("output", answer.as_numpy("OUTPUT__0"), rows(1) * 3)


def shared_memory_is_declined(url):
    with client_of(url) as client:
        expect("system", len(client.get_system_shared_memory_status().regions), 0)
        client.unregister_system_shared_memory()
        client.unregister_cuda_shared_memory()
        refusal_of(lambda: client.register_system_shared_memory("region", "/key", 64))


def a_call_can_be_given_up(url):
    with client_of(url) as client:
        outcome = queue.Queue()
        call = client.async_infer("slow", [given("x", "FP32", rows(1))], lambda result, error: outcome.put((result, error)))
        call.cancel()
        _, error = outcome.get(timeout=ANSWER_WITHIN_S)
        expect_words("error", error, "CANCELLED")
        refusal = refusal_of(lambda: client.infer("slow", [given("x", "FP32", rows(1))], client_timeout=0.05))
        expect("status", refusal.status(), "StatusCode.DEADLINE_EXCEEDED")
        # It is still there for others.
        answer = client.infer("triple", [given("x", "FP32", rows(1))])
        expect_array("output", answer.as_numpy("OUTPUT__0"), rows(1) * 3)


def typed_contents_are_taken_too(url):
    """What clients send that were made from the protocol's own messages."""
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    with grpc.insecure_channel(host_and_port(url)) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="pair")
        floats = request.inputs.add(name="a", datatype="FP32", shape=[2, 3])
        floats.contents.fp32_contents.extend([0.5, 1, 2, 3, 4, 5])
        small = request.inputs.add(name="b", datatype="INT8", shape=[2, 1])
        small.contents.int_contents.extend([-128, 127])
        answer = stub.ModelInfer(request, timeout=ANSWER_WITHIN_S)
        floats, small = answer.raw_output_contents
        expect_array("floats", np.frombuffer(floats, np.float32), np.float32([0.5, 1, 2, 3, 4, 5]))
        expect_array("small", np.frombuffer(small, np.int8), np.int8([-128, 127]))


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


def outputs_of_a_structure_have_names(url):
    with client_of(url) as client:
        ids, values = np.array([[1, 2], [3, 4]]), rows(2, width=5)
        inputs = [
            given("ids", "INT64", ids),
            given("values", "FP32", values),
            given("unit", "BYTES", np.array(["kg"], dtype=np.object_)),
            given("scale", "FP64", np.array([2.0])),
        ]
        answer = client.infer("measures", inputs)
        expect_array("twice", answer.as_numpy("0.twice"), ids * 2)
        expect_array("sums", answer.as_numpy("0.sums"), values.sum(1))
        expect_array("plus one", answer.as_numpy("OUTPUT__2"), values + 1)
        expect_array("scaled", answer.as_numpy("OUTPUT__3"), values * 2)
        signs = np.array([b"positive", b"positive"], dtype=np.object_)
        expect_array("signs", answer.as_numpy("OUTPUT__4"), signs)
        expect_array("unit", answer.as_numpy("OUTPUT__5"), np.array([b"kg"], dtype=np.object_))


if __name__ == "__main__":
    run(globals())

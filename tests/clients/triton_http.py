"""tritonclient.http, NVIDIA's client of Triton over HTTP."""

from functools import partial

import ml_dtypes
import numpy as np
import tritonclient.http as triton

import triton_client
from program import expect, expect_array, expect_words, rows, run
from triton_client import refusal_of


client_of = partial(triton_client.client_of, triton)
given = partial(triton_client.given, triton)


# --- a model that multiplies by 3, and one that returns its two inputs


def the_server_tells_what_it_is(url):
    with client_of(url) as client:
        expect("live", client.is_server_live(), True)
        expect("ready", client.is_server_ready(), True)
        metadata = client.get_server_metadata()
        expect("name", metadata["name"], "forge")
        for extension in ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]:
            expect(extension, extension in metadata["extensions"], True)


def models_tell_what_they_are(url):
    with client_of(url) as client:
        expect("ready", client.is_model_ready("triple"), True)
        expect("ready in version 1", client.is_model_ready("triple", "1"), True)
        expect("unknown is ready", client.is_model_ready("nobody"), False)
        metadata = client.get_model_metadata("pair")
        expect("name", metadata["name"], "pair")
        expect("inputs", [tensor["name"] for tensor in metadata["inputs"]], ["a", "b"])
        config = client.get_model_config("pair")
        expect("name in the config", config["name"], "pair")
        expect("batches", config["max_batch_size"] > 1, True)
        index = {model["name"]: model["state"] for model in client.get_model_repository_index()}
        expect("index", index, {"pair": "READY", "slow": "READY", "triple": "READY"})


def tensors_are_binary_unless_asked_otherwise(url):
    with client_of(url) as client:
        answer = client.infer("triple", [given("x", "FP32", rows(2))])
        expect_array("all outputs", answer.as_numpy("OUTPUT__0"), rows(2) * 3)
        output = answer.get_output("OUTPUT__0")
        expect("bytes", output["parameters"]["binary_data_size"], rows(2).nbytes)
        wanted = [triton.InferRequestedOutput("OUTPUT__0")]
        answer = client.infer("triple", [given("x", "FP32", rows(2))], outputs=wanted)
        expect_array("the output asked for", answer.as_numpy("OUTPUT__0"), rows(2) * 3)


def tensors_can_be_json_both_ways_or_one(url):
    with client_of(url) as client:
        for binary_in, binary_out in [(False, False), (True, False), (False, True)]:
            answer = client.infer(
                "triple",
                [given("x", "FP32", rows(2), binary_data=binary_in)],
                outputs=[triton.InferRequestedOutput("OUTPUT__0", binary_data=binary_out)],
            )
            expect_array(f"{binary_in} {binary_out}", answer.as_numpy("OUTPUT__0"), rows(2) * 3)
            expect("has data", "data" in answer.get_output("OUTPUT__0"), not binary_out)


def one_input_can_be_json_and_the_other_binary(url):
    with client_of(url) as client:
        for binary_a in [True, False]:
            inputs = [
                given("a", "FP32", rows(2), binary_data=binary_a),
                given("b", "INT64", np.array([[1], [2**53 + 1]]), binary_data=not binary_a),
            ]
            answer = client.infer("pair", inputs)
            expect_array("a", answer.as_numpy("OUTPUT__0"), rows(2))
            expect_array("b", answer.as_numpy("OUTPUT__1"), np.array([[1], [2**53 + 1]]))


def every_datatype_comes_back(url):
    datatypes = {
        "BOOL": np.bool_, "UINT8": np.uint8, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32,
        "INT64": np.int64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
    }
    with client_of(url) as client:
        for datatype, dtype in datatypes.items():
            array = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
            for binary in [True, False]:
                if datatype == "FP16" and not binary:
                    continue  # the client refuses it
                tensor = given("a", datatype, array, binary_data=binary)
                other = given("b", "FP32", rows(2))
                wanted = [triton.InferRequestedOutput("OUTPUT__0", binary_data=binary)]
                answer = client.infer("pair", [tensor, other], outputs=wanted)
                expect_array(f"{datatype} {binary}", answer.as_numpy("OUTPUT__0"), array)


def bfloat16_comes_back(url):
    with client_of(url) as client:
        exact = np.array([[0.5, -2.0, 3.0]], dtype=ml_dtypes.bfloat16)
        inputs = [given("a", "BF16", exact), given("b", "FP32", rows(1))]
        answer = client.infer("pair", inputs)
        expect_array("BF16", answer.as_numpy("OUTPUT__0"), exact)


def inputs_can_be_named_by_their_place(url):
    with client_of(url) as client:
        answer = client.infer("triple", [given("INPUT__0", "FP32", rows(1))])
        expect_array("output", answer.as_numpy("OUTPUT__0"), rows(1) * 3)


def many_rows_are_answered_whole(url):
    with client_of(url, network_timeout=60) as client:
        for count in [1, 31, 200]:
            answer = client.infer("triple", [given("x", "FP32", rows(count))])
            expect_array(f"{count} rows", answer.as_numpy("OUTPUT__0"), rows(count) * 3)


def large_tensors_are_answered_whole(url):
    with client_of(url, network_timeout=60) as client:
        large = np.random.default_rng(1).random((1, 3, 512, 512), dtype=np.float32)
        answer = client.infer("triple", [given("x", "FP32", large)])
        expect_array("output", answer.as_numpy("OUTPUT__0"), large * 3)


def requests_at_once_are_told_apart(url):
    with client_of(url, concurrency=8) as client:
        pending = [client.async_infer("triple", [given("x", "FP32", rows(1) + i)]) for i in range(40)]
        for i, request in enumerate(pending):
            expect_array(f"request {i}", request.get_result().as_numpy("OUTPUT__0"), (rows(1) + i) * 3)


def bodies_can_be_compressed(url):
    with client_of(url) as client:
        for algorithm in ["gzip", "deflate"]:
            answer = client.infer(
                "triple",
                [given("x", "FP32", rows(100))],
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
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
            sequence_id=7,
            sequence_start=True,
            sequence_end=True,
            parameters={"temperature": 0.5, "greedy": True, "stop": "x"},
        )
        head = answer.get_response()
        expect("id", head["id"], "mine")
        expect("model", head["model_name"], "triple")
        expect("version", head["model_version"], "1")


def what_is_wrong_is_said(url):
    with client_of(url) as client:
        one = [given("x", "FP32", rows(1))]
        refusal = refusal_of(lambda: client.infer("nobody", one))
        expect_words("unknown model", refusal.message(), "nobody")
        expect("status", refusal.status(), "404")
        refusal = refusal_of(lambda: client.infer("triple", one, model_version="99"))
        expect_words("unknown version", refusal.message(), "99")
        refusal = refusal_of(lambda: client.infer("triple", [given("y", "FP32", rows(1))]))
        expect_words("unknown input", refusal.message(), "'y'", "x")
        expect("status", refusal.status(), "400")
        wanted = [triton.InferRequestedOutput("nothing")]
        refusal = refusal_of(lambda: client.infer("triple", one, outputs=wanted))
        expect_words("unknown output", refusal.message(), "nothing")
        expect("status", refusal.status(), "400")
        refusal = refusal_of(lambda: client.infer("pair", [given("a", "FP32", rows(1))]))
        expect_words("missing input", refusal.message(), "'b'")
        uneven = [given("a", "FP32", rows(1)), given("b", "FP32", rows(2))]
        refusal = refusal_of(lambda: client.infer("pair", uneven))
        expect_words("uneven rows", refusal.message(), "rows")


def statistics_count_requests_and_rows(url):
    with client_of(url) as client:
        def statistics():
            (model,) = client.get_inference_statistics("triple")["model_stats"]
            return model

        before = statistics()
        expect("version", before["version"], "1")
        for _ in range(3):
            client.infer("triple", [given("x", "FP32", rows(4))])
        refusal_of(lambda: client.infer("triple", [given("y", "FP32", rows(1))]))
        after = statistics()
        success = lambda model: model["inference_stats"]["success"]["count"]
        expect("successes", success(after) - success(before), 3)
        expect("rows", after["inference_count"] - before["inference_count"], 12)
        ran = after["execution_count"] - before["execution_count"]
        expect("batches", 1 <= ran <= 12, True)
        for duration in ["queue", "compute_input", "compute_infer", "compute_output"]:
            expect(duration, after["inference_stats"][duration]["ns"] > 0, True)
        names = [model["name"] for model in client.get_inference_statistics()["model_stats"]]
        expect("all models", sorted(names), ["pair", "slow", "triple"])


def models_are_unloaded_and_loaded(url):
    with client_of(url) as client:
        client.unload_model("triple")
        expect("ready once unloaded", client.is_model_ready("triple"), False)
        expect("others", client.is_model_ready("pair"), True)
        client.load_model("triple")
        expect("ready once loaded", client.is_model_ready("triple"), True)
        answer = client.infer("triple", [given("x", "FP32", rows(1))])
        expect_array("output", answer.as_numpy("OUTPUT__0"), rows(1) * 3)
        refusal_of(lambda: client.load_model("nobody"))


def shared_memory_is_declined(url):
    with client_of(url) as client:
        expect("system", client.get_system_shared_memory_status(), [])
        expect("cuda", client.get_cuda_shared_memory_status(), [])
        client.unregister_system_shared_memory()
        client.unregister_cuda_shared_memory()
        refusal_of(lambda: client.register_system_shared_memory("region", "/key", 64))


# --- a model of several inputs and outputs, with free dimensions, a dict, a list and strings


def outputs_of_a_structure_have_names(url):
    with client_of(url) as client:
        ids, values = np.array([[1, 2], [3, 4]]), rows(2, width=5)
        answer = client.infer("measures", [given("ids", "INT64", ids), given("values", "FP32", values)])
        expect_array("twice", answer.as_numpy("0.twice"), ids * 2)
        expect_array("sums", answer.as_numpy("0.sums"), values.sum(1))
        expect_array("plus one", answer.as_numpy("OUTPUT__2"), values + 1)
        expect_array("scaled", answer.as_numpy("OUTPUT__3"), values)
        signs = np.array([b"positive", b"positive"], dtype=np.object_)
        expect_array("signs", answer.as_numpy("OUTPUT__4"), signs)
        expect_array("unit", answer.as_numpy("OUTPUT__5"), np.array([b"m"], dtype=np.object_))


def some_outputs_can_be_asked_for_in_any_form(url):
    with client_of(url) as client:
        ids, values = np.array([[1, 2, 3]]), rows(1, width=2)
        wanted = [
            triton.InferRequestedOutput("OUTPUT__4", binary_data=False),
            triton.InferRequestedOutput("0.sums"),
        ]
        inputs = [given("ids", "INT64", ids), given("values", "FP32", -values)]
        answer = client.infer("measures", inputs, outputs=wanted)
        names = [output["name"] for output in answer.get_response()["outputs"]]
        expect("names", names, ["OUTPUT__4", "0.sums"])
        expect("signs", answer.get_output("OUTPUT__4")["data"], ["negative"])
        expect_array("sums", answer.as_numpy("0.sums"), -values.sum(1))


def strings_and_numbers_can_be_arguments(url):
    with client_of(url) as client:
        ids, values = np.array([[7], [8]]), rows(2, width=4)
        for binary in [True, False]:
            inputs = [
                given("values", "FP32", values, binary_data=binary),
                given("unit", "BYTES", np.array(["kg", "kg"], dtype=np.object_), binary_data=binary),
                given("scale", "FP64", np.array([2.0]), binary_data=binary),
                given("ids", "INT64", ids, binary_data=binary),
            ]
            answer = client.infer("measures", inputs)
            expect_array("scaled", answer.as_numpy("OUTPUT__3"), values * 2)
            expect_array("unit", answer.as_numpy("OUTPUT__5"), np.array([b"kg"], dtype=np.object_))


def the_metadata_fits_what_is_sent(url):
    with client_of(url) as client:
        ids, values = np.array([[1, 2]]), rows(1)
        client.infer("measures", [given("ids", "INT64", ids), given("values", "FP32", values)])
        metadata = client.get_model_metadata("measures")
        names = [tensor["name"] for tensor in metadata["inputs"]]
        expect("inputs", names, ["ids", "values", "unit", "scale"])
        outputs = {tensor["name"]: tensor["datatype"] for tensor in metadata["outputs"]}
        expect(
            "outputs",
            outputs,
            {
                "0.twice": "INT64", "0.sums": "FP32", "OUTPUT__2": "FP32", "OUTPUT__3": "FP32",
                "OUTPUT__4": "BYTES", "OUTPUT__5": "BYTES",
            },
        )


if __name__ == "__main__":
    run(globals())

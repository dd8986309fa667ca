//! The clients that people use, against a real Forge: the programs of `tests/clients`, one test for each of their functions.
//!
//! They run in the environment that `scripts/python-env` makes.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod run;

use run::client;

client! {
    triton_http, "triton_http.py",
    multiplying: [
        the_server_tells_what_it_is,
        models_tell_what_they_are,
        tensors_are_binary_unless_asked_otherwise,
        tensors_can_be_json_both_ways_or_one,
        one_input_can_be_json_and_the_other_binary,
        every_datatype_comes_back,
        bfloat16_comes_back,
        inputs_can_be_named_by_their_place,
        many_rows_are_answered_whole,
        large_tensors_are_answered_whole,
        requests_at_once_are_told_apart,
        bodies_can_be_compressed,
        ids_and_parameters_are_taken,
        what_is_wrong_is_said,
        statistics_count_requests_and_rows,
        models_are_unloaded_and_loaded,
        shared_memory_is_declined,
    ],
    measuring: [
        outputs_of_a_structure_have_names,
        some_outputs_can_be_asked_for_in_any_form,
        strings_and_numbers_can_be_arguments,
        the_metadata_fits_what_is_sent,
    ],
}

client! {
    triton_http_aio, "triton_http_aio.py",
    multiplying: [
        the_server_and_its_models_are_ready,
        tensors_are_binary_or_json,
        bodies_can_be_compressed,
        requests_at_once_are_told_apart,
        what_is_wrong_is_said,
    ],
    measuring: [outputs_of_a_structure_have_names],
}

client! {
    triton_grpc, "triton_grpc.py",
    multiplying: [
        the_server_tells_what_it_is,
        models_tell_what_they_are,
        tensors_are_answered,
        every_datatype_comes_back,
        many_rows_are_answered_whole,
        messages_can_be_as_large_as_bodies,
        messages_can_be_compressed,
        ids_and_parameters_are_taken,
        requests_at_once_are_told_apart,
        a_stream_answers_each_of_its_requests,
        what_is_wrong_is_said,
        statistics_count_requests_and_rows,
        models_are_unloaded_and_loaded,
        shared_memory_is_declined,
        a_call_can_be_given_up,
        typed_contents_are_taken_too,
    ],
    measuring: [outputs_of_a_structure_have_names],
}

client! {
    triton_grpc_aio, "triton_grpc_aio.py",
    multiplying: [
        the_server_and_its_models_are_ready,
        requests_at_once_are_told_apart,
        a_stream_answers_each_of_its_requests,
        what_is_wrong_is_said,
    ],
    measuring: [outputs_of_a_structure_have_names],
}

client! {
    kserve_sdk, "kserve_sdk.py",
    multiplying: [
        v2_tells_what_is_ready,
        v2_answers_binary_and_json,
        v2_says_what_is_wrong,
        v1_answers_a_prediction_for_each_instance,
        v2_is_spoken_over_grpc,
    ],
    measuring: [outputs_of_a_structure_have_names],
}

client! {
    formats, "formats.py",
    multiplying: [
        an_npy_is_answered_with_an_npy,
        an_npz_holds_several_inputs_and_outputs,
        safetensors_hold_several_inputs_and_outputs,
        bare_bytes_are_described_by_headers,
        the_answer_comes_as_it_is_accepted,
        a_batch_is_answered_whole,
        urllib_needs_no_headers_of_its_own,
    ],
    measuring: [outputs_of_a_structure_have_names, strings_keep_an_answer_from_safetensors],
    seeing: [
        images_of_pillow_are_classified,
        an_image_becomes_the_tensor_that_pillow_makes_of_it,
        what_is_no_image_or_too_large_a_one_is_refused,
    ],
}

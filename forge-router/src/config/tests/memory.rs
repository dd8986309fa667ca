use forge_ipc::Geometry;

use super::*;

const DECLARED: &str = "[[models.m.inputs]]\nname = \"x\"\ndtype = \"float32\"\nshape = [768]";
const FREE: &str = "[[models.m.inputs]]\nname = \"x\"\ndtype = \"float32\"\nshape = [-1]";

#[test]
fn a_frame_holds_a_full_batch_where_everything_is_declared() {
    let learned = ResponsePayload::LearnedByLoading;
    for (lines, request, response) in [
        (String::new(), 8 << 20, ResponsePayload::Known(8 << 20)),
        ("frame_bytes = 1000".to_owned(), 1024, ResponsePayload::Known(1024)),
        (format!("frame_bytes = 4096\n{FREE}"), 4096, ResponsePayload::Known(4096)),
        (DECLARED.to_owned(), 32 * 768 * 4, learned),
        (format!("max_batch_size = 3\n{}", DECLARED.replace("768", "5")), 64, learned),
        (
            format!("{DECLARED}\n{}", FREE.replace('x', "y")),
            8 << 20,
            ResponsePayload::Known(8 << 20),
        ),
        (format!("{DECLARED}\n{}", DECLARED.replace('x', "y")), 2 * 32 * 768 * 4, learned),
    ] {
        let plan = memory_plan(&model(&lines));
        assert_eq!((plan.request_payload, plan.response_payload), (request, response), "{lines}");
        assert_eq!((plan.workers, plan.frames), (1, 2));
    }
}

#[test]
fn the_known_bytes_are_those_of_the_regions() {
    let geometry = Geometry::new(2, 4096, 4096).unwrap();
    let regions = geometry.request_region_bytes() + geometry.response_region_bytes();
    let plan = memory_plan(&model("frame_bytes = 4096\nworkers = 3"));
    assert_eq!(plan.known_bytes, 3 * regions);

    let least = Geometry::new(2, 32 * 768 * 4, 64).unwrap();
    let least = least.request_region_bytes() + least.response_region_bytes();
    assert_eq!(memory_plan(&model(DECLARED)).known_bytes, least - 2 * 64);
}

#[test]
fn the_report_tells_what_is_known_and_what_is_not() {
    let files = Files::new();
    // Gigabytes, beside which the rings' own words do not show.
    let text = format!(
        "[models.m]\npath = \"m.pt\"\n{}\n[models.open]\npath = \"m.pt\"\nworkers = 2\n\
         frame_bytes = 536_870_912\ncpus = \"0-3\"\ndevices = [\"cpu\", \"cuda:1\"]",
        DECLARED.replace("768", "8_388_608")
    );
    let config = files.load(&text).unwrap();
    let report = report(&config, Some(30 << 30));
    let expected = format!(
        "\
http://127.0.0.1:8000, models from {}

model      workers  device      threads  cpus     request frame  response frame  shared memory
m          1        cpu         4        any      2 x 1.0 GiB    after loading   2.0 GiB + responses
open       2        cpu cuda:1  2        0-1 2-3  2 x 512.0 MiB  2 x 512.0 MiB   4.0 GiB
total                                                                            6.0 GiB + responses
available                                                                        30.0 GiB

A response frame is sized once the model is loaded and has been run on a full batch;
its size is not known before.

The models were not loaded: `forge serve` shows whether they take what is declared.
",
        files.directory.display()
    );
    assert_eq!(report, expected);
}

#[test]
fn the_report_warns_where_the_machine_has_less() {
    let config = Files::new().load("[models.m]\npath = \"m.pt\"").unwrap();
    let warning = "\nwarning: this machine does not have that much memory available now\n";
    assert!(report(&config, Some(1 << 20)).ends_with(warning));
    for available in [None, Some(1 << 30)] {
        assert!(!report(&config, available).contains("warning"));
    }
}

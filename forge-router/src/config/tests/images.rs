use super::*;

#[test]
fn an_empty_preprocess_takes_images_as_they_are() {
    let preprocess = model("[models.m.preprocess]").preprocess.unwrap();
    assert_eq!((preprocess.resize, preprocess.center_crop), (None, None));
    assert_eq!((preprocess.mean, preprocess.std), ([0.0; 3], [1.0; 3]));
    assert_eq!((preprocess.layout, preprocess.color), (Layout::Chw, Color::Rgb));
    assert_eq!(preprocess.max_pixels.get(), 33_554_432);
    assert!((preprocess.scale * 255.0 - 1.0).abs() < 1e-9);
    assert_eq!(preprocess.fixed_shape(), None);
    assert_eq!(model("").preprocess, None);
}

#[test]
fn sizes_are_sides_or_heights_and_widths() {
    let read = |lines: &str| model(&format!("[models.m.preprocess]\n{lines}")).preprocess.unwrap();
    let sides = read("resize = 256\ncenter_crop = 224");
    assert_eq!(sides.resize, Some(Resize::ShorterSide(256)));
    assert_eq!(sides.fixed_shape(), Some([3, 224, 224]));
    let exact = read("resize = [10, 20]\nlayout = \"HWC\"");
    assert_eq!(exact.resize, Some(Resize::Exactly(Size { height: 10, width: 20 })));
    assert_eq!(exact.fixed_shape(), Some([10, 20, 3]));
}

#[test]
fn values_that_no_image_can_be_made_with_are_told() {
    let files = Files::new();
    for (line, told) in [
        ("resize = 0", "found 0, allowed is pixels from 1 to 16384, or [height, width] in them"),
        ("resize = [1, 2, 3]", "found [1, 2, 3], allowed is pixels"),
        ("center_crop = 20000", "found 20000, allowed is pixels"),
        ("mean = [0.5]", "found [0.5], allowed is one number for each of the three channels"),
        ("std = [1, 0, 1]", "found [1, 0, 1], allowed is a number that is not 0"),
        ("std = [1, 1e-60, 1]", "allowed is a number that is not 0"),
        ("scale = inf", "found inf, allowed is a number"),
        ("layout = \"NCHW\"", "found \"NCHW\", allowed is \"CHW\" or \"HWC\""),
        ("color = \"rgb\"", "found \"rgb\", allowed is \"RGB\" or \"BGR\""),
        ("max_pixels = 0", "allowed is a whole number of pixels from 1 to 4294967296"),
        ("resise = 3", "unknown key; did you mean resize?"),
    ] {
        let text = format!("[models.m]\npath = \"m.pt\"\n[models.m.preprocess]\n{line}");
        let [problem] = &files.problems(&text)[..] else { panic!("{line}") };
        let key = line.split(' ').next().unwrap();
        assert!(problem.starts_with(&format!("models.m.preprocess.{key}: ")), "{problem}");
        assert!(problem.contains(told), "{problem}");
    }
}

#[test]
fn what_is_declared_has_to_be_what_an_image_becomes() {
    let files = Files::new();
    let load = |preprocess: &str, dtype: &str, shape: &str| {
        let text = format!(
            "[models.m]\npath = \"m.pt\"\npreprocess = {{ {preprocess} }}\n\
             inputs = [{{ name = \"x\", dtype = \"{dtype}\", shape = {shape} }}]"
        );
        match files.load(&text) {
            Ok(_) => Vec::new(),
            refused => problems(refused),
        }
    };
    for (preprocess, dtype, shape) in [
        ("center_crop = 8", "float32", "[3, 8, 8]"),
        ("center_crop = 8", "uint8", "[3, -1, -1]"),
        ("resize = 8", "float16", "[-1, 8, -1]"),
        ("layout = \"HWC\"", "float32", "[-1, -1, 3]"),
        ("input = \"y\"", "int64", "[1]"),
    ] {
        assert!(load(preprocess, dtype, shape).is_empty(), "{preprocess} {shape}");
    }
    for (preprocess, dtype, shape, told) in [
        (
            "center_crop = 8",
            "float32",
            "[3, 8, 9]",
            "an image becomes [3, 8, 8], but input 'x' is declared as [3, 8, 9]",
        ),
        ("resize = 8", "float32", "[1, 8, 8]", "an image becomes [3, -1, -1]"),
        ("resize = 8", "float32", "[768]", "is declared as [768]"),
        ("resize = 8", "int64", "[3, 8, 8]", "becomes floats or uint8"),
    ] {
        let problems = load(preprocess, dtype, shape);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with("models.m.preprocess: ") && problems[0].contains(told),
            "{problems:?}"
        );
    }
}

#[test]
fn labels_are_the_lines_of_a_file_beside_the_config() {
    let files = Files::new();
    files.write("classes.txt", "cat\r\n dog \n\nlast");
    let text = "[models.m]\npath = \"m.pt\"\nlabels = \"classes.txt\"";
    let labels = files.load(text).unwrap().models.remove(0).labels.unwrap();
    let names: Vec<_> = (0..5).map(|class| labels.name(class)).collect();
    assert_eq!(names, [Some("cat"), Some("dog"), Some(""), Some("last"), None]);
    assert_eq!(labels.path, files.path("classes.txt"));
    files.write("classes.txt", "");
    assert!(files.problems(text)[0].contains("is empty"), "{:?}", files.problems(text));
    assert!(files.problems(&text.replace("classes", "no"))[0].contains("cannot be read"));
    std::fs::write(files.path("classes.txt"), [0xff, 0xfe]).unwrap();
    assert!(files.problems(text)[0].contains("UTF-8"), "{:?}", files.problems(text));
}

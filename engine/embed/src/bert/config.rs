//! What the JSON files of a model folder say, checked against what is implemented here.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::kernels::Activation;
use crate::Error;

/// Shape and variant of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Config {
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub layer_count: usize,
    pub head_count: usize,
    pub intermediate_size: usize,
    pub position_count: usize,
    pub token_type_count: usize,
    pub layer_norm_eps: f32,
    pub activation: Activation,
    pub pooling: Pooling,
    /// Longest text in tokens, framing tokens included; longer ones are cut.
    pub tokens_max: usize,
}

/// How token vectors become a text vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// The mean over all tokens, framing tokens included.
    Mean,
    /// The first token.
    Cls,
}

impl Pooling {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
        }
    }

    /// Pools token vectors (tokens x dim, at least one) into one of length dim. Not normalised.
    pub(super) fn pool(self, tokens: &[f32], dim: usize) -> Vec<f32> {
        match self {
            Self::Cls => tokens[..dim].to_vec(),
            Self::Mean => {
                let count = (tokens.len() / dim) as f32;
                let mut sum = vec![0.0; dim];
                for token in tokens.chunks_exact(dim) {
                    sum.iter_mut().zip(token).for_each(|(s, x)| *s += x);
                }
                sum.iter_mut().for_each(|s| *s /= count);
                sum
            }
        }
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default = "two")]
    type_vocab_size: usize,
    #[serde(default = "bert_eps")]
    layer_norm_eps: f32,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
}

// The defaults of the BERT configuration where a file leaves a field out.
fn two() -> usize {
    2
}
fn bert_eps() -> f32 {
    1e-12
}
fn gelu() -> String {
    "gelu".into()
}
fn absolute() -> String {
    "absolute".into()
}

#[derive(Deserialize)]
struct ModuleFile {
    r#type: String,
    #[serde(default)]
    path: PathBuf,
}

#[derive(Deserialize)]
struct PoolingFile {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

impl Config {
    /// Reads and checks `config.json`, `modules.json`, the pooling module's `config.json` and
    /// `sentence_bert_config.json`; all but the first may be absent (then: mean pooling, all positions).
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.json");
        let file: ConfigFile = read_json(&path)?
            .ok_or_else(|| Error::Read { path: path.clone(), source: std::io::ErrorKind::NotFound.into() })?;
        let wrong =
            |field: &str, expected: &str, found: String| Err(Error::field(&path, field, expected, found));
        if file.model_type != "bert" {
            return wrong("model_type", "\"bert\"", format!("{:?}", file.model_type));
        }
        if file.position_embedding_type != "absolute" {
            let found = format!("{:?}", file.position_embedding_type);
            return wrong("position_embedding_type", "\"absolute\"", found);
        }
        let Some(activation) = Activation::from_name(&file.hidden_act) else {
            return wrong("hidden_act", Activation::NAMES, format!("{:?}", file.hidden_act));
        };
        for (field, value) in [
            ("vocab_size", file.vocab_size),
            ("hidden_size", file.hidden_size),
            ("num_hidden_layers", file.num_hidden_layers),
            ("num_attention_heads", file.num_attention_heads),
            ("intermediate_size", file.intermediate_size),
            ("max_position_embeddings", file.max_position_embeddings),
            ("type_vocab_size", file.type_vocab_size),
        ] {
            if !(1..=1 << 24).contains(&value) {
                return wrong(field, "1 to 16777216", value.to_string());
            }
        }
        if !file.hidden_size.is_multiple_of(file.num_attention_heads) {
            let expected = format!("a multiple of num_attention_heads {}", file.num_attention_heads);
            return wrong("hidden_size", &expected, file.hidden_size.to_string());
        }
        if !(file.layer_norm_eps >= 0.0 && file.layer_norm_eps < 1.0) {
            return wrong("layer_norm_eps", "0 to 1", file.layer_norm_eps.to_string());
        }
        Ok(Self {
            vocab_size: file.vocab_size,
            hidden_size: file.hidden_size,
            layer_count: file.num_hidden_layers,
            head_count: file.num_attention_heads,
            intermediate_size: file.intermediate_size,
            position_count: file.max_position_embeddings,
            token_type_count: file.type_vocab_size,
            layer_norm_eps: file.layer_norm_eps,
            activation,
            pooling: read_pooling(folder)?,
            tokens_max: read_tokens_max(folder, file.max_position_embeddings)?,
        })
    }
}

/// The pooling mode, from the module list if there is one. A list with a module that is not implemented is refused:
/// leaving out a dense layer would give vectors that look right and are not.
fn read_pooling(folder: &Path) -> Result<Pooling, Error> {
    let modules_path = folder.join("modules.json");
    let mut pooling_folder = PathBuf::from("1_Pooling");
    if let Some(modules) = read_json::<Vec<ModuleFile>>(&modules_path)? {
        for (i, module) in modules.iter().enumerate() {
            match module.r#type.rsplit('.').next() {
                Some("Transformer" | "Normalize") => {}
                Some("Pooling") => pooling_folder.clone_from(&module.path),
                _ => {
                    return Err(Error::field(
                        &modules_path,
                        format!("[{i}].type"),
                        "Transformer, Pooling or Normalize",
                        format!("{:?}", module.r#type),
                    ));
                }
            }
        }
    }
    let path = folder.join(pooling_folder).join("config.json");
    let Some(file) = read_json::<PoolingFile>(&path)? else { return Ok(Pooling::Mean) };
    let others = file.pooling_mode_max_tokens
        || file.pooling_mode_mean_sqrt_len_tokens
        || file.pooling_mode_weightedmean_tokens
        || file.pooling_mode_lasttoken;
    match (file.pooling_mode_mean_tokens, file.pooling_mode_cls_token, others) {
        (true, false, false) => Ok(Pooling::Mean),
        (false, true, false) => Ok(Pooling::Cls),
        (mean, cls, _) => Err(Error::field(
            &path,
            "pooling_mode_*",
            "either pooling_mode_mean_tokens or pooling_mode_cls_token, nothing else",
            format!("mean {mean}, cls {cls}, others {others}"),
        )),
    }
}

fn read_tokens_max(folder: &Path, position_count: usize) -> Result<usize, Error> {
    let path = folder.join("sentence_bert_config.json");
    let tokens_max =
        read_json::<SentenceFile>(&path)?.and_then(|file| file.max_seq_length).unwrap_or(position_count);
    // Two framing tokens and one of text.
    if tokens_max < 3 {
        return Err(Error::field(&path, "max_seq_length", "at least 3", tokens_max.to_string()));
    }
    Ok(tokens_max.min(position_count))
}

/// The content of a JSON file, or nothing if there is no such file.
fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::malformed(path, e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::read(path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "bert", "vocab_size": 30522, "hidden_size": 384, "num_hidden_layers": 6,
        "num_attention_heads": 12, "intermediate_size": 1536, "max_position_embeddings": 512}"#;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn error(files: &[(&str, &str)]) -> String {
        Config::read(folder(files).path()).unwrap_err().to_string()
    }

    #[test]
    fn a_lone_config_gets_the_defaults_of_bert() {
        let config = Config::read(folder(&[("config.json", CONFIG)]).path()).unwrap();
        assert_eq!(config.pooling, Pooling::Mean);
        assert_eq!(config.tokens_max, 512);
        assert_eq!(config.activation, Activation::Gelu);
        assert_eq!(config.layer_norm_eps, 1e-12);
        assert_eq!(config.token_type_count, 2);
    }

    #[test]
    fn the_module_files_are_read() {
        let config = Config::read(
            folder(&[
                ("config.json", CONFIG),
                (
                    "modules.json",
                    r#"[{"type": "a.Transformer", "path": ""}, {"type": "a.Pooling", "path": "P"}]"#,
                ),
                ("P/config.json", r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#),
                ("sentence_bert_config.json", r#"{"max_seq_length": 256}"#),
            ])
            .path(),
        )
        .unwrap();
        assert_eq!(config.pooling, Pooling::Cls);
        assert_eq!(config.tokens_max, 256);
    }

    #[test]
    fn what_is_not_implemented_is_refused_by_field() {
        let with = |from: &str, to: &str| error(&[("config.json", &CONFIG.replace(from, to))]);
        assert!(with("\"bert\"", "\"roberta\"").contains("model_type: expected \"bert\", found \"roberta\""));
        assert!(with("384", "385").contains("hidden_size: expected a multiple of num_attention_heads 12"));
        assert!(with("\"num_hidden_layers\": 6", "\"num_hidden_layers\": 0").contains("num_hidden_layers"));
        assert!(with("}", ", \"hidden_act\": \"silu\"}").contains("hidden_act"));
        assert!(
            with("}", ", \"position_embedding_type\": \"relative_key\"}").contains("position_embedding_type")
        );
        assert!(with("\"hidden_size\": 384,", "").contains("hidden_size"));
        assert!(error(&[]).contains("cannot read"));
        let dense = r#"[{"type": "a.Transformer"}, {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#;
        assert!(error(&[("config.json", CONFIG), ("modules.json", dense)]).contains("[1].type"));
        let max = r#"{"pooling_mode_max_tokens": true}"#;
        assert!(error(&[("config.json", CONFIG), ("1_Pooling/config.json", max)]).contains("pooling_mode_*"));
        let short = r#"{"max_seq_length": 2}"#;
        assert!(
            error(&[("config.json", CONFIG), ("sentence_bert_config.json", short)])
                .contains("max_seq_length")
        );
    }

    #[test]
    fn pooling_is_the_mean_or_the_first() {
        let tokens = [1.0, 2.0, 3.0, 6.0];
        assert_eq!(Pooling::Mean.pool(&tokens, 2), [2.0, 4.0]);
        assert_eq!(Pooling::Cls.pool(&tokens, 2), [1.0, 2.0]);
    }
}

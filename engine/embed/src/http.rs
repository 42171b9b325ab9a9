//! An OpenAI-compatible embedding endpoint: POST {url}/embeddings with {model, input}.
//!
//! The answer is not trusted: count, order, width and numbers are checked before a vector leaves here. What the endpoint
//! computes cannot be seen, so the identity is its address and model name; whoever swaps the model behind a name has to
//! start a new data folder.
//!
//! The API key goes into one request header and nowhere else: no Debug, no error, no redirect.

mod retry;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::retry::{RetryPolicy, Verdict};
use crate::embeddings::{is_blank, normalise};
use crate::{Embedder, Embeddings, Error, ModelIdentity};

/// Largest answer read, in bytes: 2,048 texts of 4,096 dimensions with room to spare.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// How much of an error's body is quoted, in characters.
const BODY_HEAD_CHARS: usize = 300;

/// Where an endpoint is and how to talk to it.
#[derive(Clone)]
pub struct HttpEndpoint {
    /// Base address, as in `https://host/v1`; `/embeddings` is added.
    pub url: String,
    /// The model's name, as the endpoint knows it.
    pub model: String,
    /// Sent as a bearer token where given.
    pub api_key: Option<String>,
    /// Length of the vectors; asked of the endpoint with a one-word request where not given.
    pub dim: Option<u32>,
    /// Time for one attempt from connecting to the last byte, in milliseconds.
    pub timeout_ms: u64,
    /// Texts in one request at most.
    pub batch_len_max: usize,
}

impl fmt::Debug for HttpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpEndpoint")
            .field("url", &self.url)
            .field("model", &self.model)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("dim", &self.dim)
            .field("timeout_ms", &self.timeout_ms)
            .field("batch_len_max", &self.batch_len_max)
            .finish()
    }
}

impl HttpEndpoint {
    fn check(&self) -> Result<(), Error> {
        let setting = |field, rule, found: &str| Err(Error::Setting { field, rule, found: found.to_owned() });
        let rule = "must be http:// or https:// followed by a host";
        match self.url.split_once("://") {
            Some(("http" | "https", rest)) if !rest.is_empty() && !rest.starts_with('/') => {
                // The address becomes part of the identity in the log, and secrets do not belong there.
                if rest.contains(['@', '?', '#']) {
                    return setting("url", "must have no user, password, query or fragment", "one of them");
                }
            }
            _ => return setting("url", rule, &self.url),
        }
        if self.model.is_empty() {
            return setting("model", "must not be empty", "nothing");
        }
        if self
            .api_key
            .as_ref()
            .is_some_and(|key| key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()))
        {
            return setting("api_key", "must be visible ASCII without spaces", "something else");
        }
        if self.dim == Some(0) {
            return setting("dim", "must be above 0 where given", "0");
        }
        if self.timeout_ms == 0 {
            return setting("timeout_ms", "must be above 0", "0");
        }
        if self.batch_len_max == 0 {
            return setting("batch_len_max", "must be above 0", "0");
        }
        Ok(())
    }
}

/// An endpoint opened.
pub struct HttpEmbedder {
    identity: ModelIdentity,
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    batch_len_max: usize,
    retry: RetryPolicy,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<AnswerRow>,
}

#[derive(Deserialize)]
struct AnswerRow {
    index: Option<usize>,
    embedding: Vec<f32>,
}

impl HttpEmbedder {
    /// Checks the settings and, where no width is given, asks the endpoint for one. With a width given, the endpoint is
    /// first spoken to by the first `embed`.
    ///
    /// # Errors
    /// A setting that breaks a rule; with no width given, everything `embed` may answer.
    pub fn open(endpoint: &HttpEndpoint) -> Result<Self, Error> {
        Self::open_with(endpoint, RetryPolicy::default())
    }

    fn open_with(endpoint: &HttpEndpoint, retry: RetryPolicy) -> Result<Self, Error> {
        endpoint.check()?;
        let base = endpoint.url.trim_end_matches('/');
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(endpoint.timeout_ms)))
            .http_status_as_error(false)
            // A redirected POST would carry texts, and perhaps the key, to a host nobody named.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .new_agent();
        let mut embedder = Self {
            identity: ModelIdentity {
                name: endpoint.model.clone(),
                dim: endpoint.dim.unwrap_or(0),
                fingerprint: format!("{base}#{}", endpoint.model),
            },
            agent,
            url: format!("{base}/embeddings"),
            authorization: endpoint.api_key.as_ref().map(|key| format!("Bearer {key}")),
            batch_len_max: endpoint.batch_len_max,
            retry,
        };
        if endpoint.dim.is_none() {
            let rows = embedder.request(&["width"])?;
            embedder.identity.dim =
                u32::try_from(rows[0].len()).ok().filter(|&dim| dim > 0).ok_or_else(|| {
                    embedder.wrong("data[0].embedding", "1 to 2^32 numbers", rows[0].len().to_string())
                })?;
        }
        Ok(embedder)
    }

    fn wrong(
        &self,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Error {
        Error::Answer {
            url: self.url.clone(),
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The vectors of one batch as they came, in the order of the texts.
    fn request(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        let body = serde_json::to_vec(&Request { model: &self.identity.name, input: texts })
            .expect("this is a bug: strings did not serialise");
        let answer = self.retry.run(|attempts| self.attempt(&body, attempts))?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|e| self.wrong("body", "embeddings in JSON", e.to_string()))?;
        self.in_order(answer.data, texts.len())
    }

    /// Sends once. The body of a good answer, or what to do about a bad one.
    fn attempt(&self, body: &[u8], attempts: u32) -> Verdict<Vec<u8>> {
        let unreachable = |e: &ureq::Error| Error::Unreachable {
            url: self.url.clone(),
            attempts,
            reason: self.without_key(&e.to_string()),
        };
        let mut request = self.agent.post(&self.url).content_type("application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            // A connection that was refused or broke may work in a moment. A timeout was long enough already.
            Err(e @ (ureq::Error::Io(_) | ureq::Error::ConnectionFailed)) => {
                return Verdict::Again { error: unreachable(&e), wait: None };
            }
            Err(e) => return Verdict::Final(unreachable(&e)),
        };
        let status = response.status().as_u16();
        // Only the form in seconds; a date would need a clock that agrees with theirs.
        let retry_after_s = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse::<u64>().ok());
        let content = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        if status == 200 {
            return match content {
                Ok(content) => Verdict::Done(content),
                Err(e @ ureq::Error::Io(_)) => Verdict::Again { error: unreachable(&e), wait: None },
                Err(e) => Verdict::Final(unreachable(&e)),
            };
        }
        let text = String::from_utf8_lossy(&content.unwrap_or_default()).into_owned();
        let body_head = self.without_key(&text).chars().take(BODY_HEAD_CHARS).collect();
        let error = Error::Refused { url: self.url.clone(), status, attempts, retry_after_s, body_head };
        match status {
            408 | 429 | 500 | 502 | 503 | 504 => {
                Verdict::Again { error, wait: retry_after_s.map(Duration::from_secs) }
            }
            _ => Verdict::Final(error),
        }
    }

    /// Some endpoints quote the key they were given back in their errors.
    fn without_key(&self, text: &str) -> String {
        match self.authorization.as_deref().and_then(|a| a.strip_prefix("Bearer ")) {
            Some(key) => text.replace(key, "[redacted]"),
            None => text.to_owned(),
        }
    }

    /// Puts the rows in the order of their indices; an answer without any index is taken to be in order.
    fn in_order(&self, data: Vec<AnswerRow>, count: usize) -> Result<Vec<Vec<f32>>, Error> {
        if data.len() != count {
            return Err(self.wrong("data", format!("{count} rows"), data.len().to_string()));
        }
        if data.iter().all(|row| row.index.is_none()) {
            return Ok(data.into_iter().map(|row| row.embedding).collect());
        }
        let mut rows: Vec<Option<Vec<f32>>> = vec![None; count];
        for (i, row) in data.into_iter().enumerate() {
            let place = row.index.and_then(|index| rows.get_mut(index)).filter(|place| place.is_none());
            let Some(place) = place else {
                let expected = format!("each of 0 to {} once", count - 1);
                return Err(self.wrong(format!("data[{i}].index"), expected, format!("{:?}", row.index)));
            };
            *place = Some(row.embedding);
        }
        Ok(rows
            .into_iter()
            .map(|row| row.expect("this is a bug: as many rows as places left one empty"))
            .collect())
    }
}

impl Embedder for HttpEmbedder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let dim = self.identity.dim as usize;
        let mut embeddings = Embeddings::zeros(texts.len(), dim);
        // Endpoints refuse empty texts; here they are zero rows.
        let sent: Vec<usize> = (0..texts.len()).filter(|&i| !is_blank(texts[i])).collect();
        for batch in sent.chunks(self.batch_len_max) {
            let inputs: Vec<&str> = batch.iter().map(|&i| texts[i]).collect();
            for (&i, vector) in batch.iter().zip(self.request(&inputs)?) {
                if vector.len() != dim {
                    let field = format!("embedding of text {i}");
                    return Err(self.wrong(field, format!("{dim} numbers"), vector.len().to_string()));
                }
                let row = embeddings.row_mut(i);
                row.copy_from_slice(&vector);
                normalise(row);
            }
        }
        Ok(embeddings)
    }
}

#[cfg(test)]
mod tests;

//! Which requests have a session.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

/// Some requests: those under a path, or those that a function picks.
///
/// A text is a path with all that is below it: `/static` is `/static` and `/static/logo.png`, but not
/// `/statics`. An array is any of its texts.
///
/// ```
/// use session_layer::RequestFilter;
///
/// let filter = RequestFilter::from(["/static", "/health"])
///     .or(RequestFilter::test(|request| request.headers.contains_key("x-probe")));
/// ```
#[derive(Clone)]
pub struct RequestFilter(Vec<Rule>);

#[derive(Clone)]
enum Rule {
    Under(String),
    Test(Arc<dyn Fn(&Parts) -> bool + Send + Sync>),
}

impl RequestFilter {
    /// The requests for which `test` is true.
    pub fn test(test: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(vec![Rule::Test(Arc::new(test))])
    }

    /// These, and `other`.
    #[must_use]
    pub fn or(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    pub(crate) fn holds(&self, request: &Parts) -> bool {
        self.0.iter().any(|rule| match rule {
            Rule::Under(path) => is_under(request.uri.path(), path),
            Rule::Test(test) => test(request),
        })
    }
}

impl From<&str> for RequestFilter {
    fn from(path: &str) -> Self {
        Self(vec![Rule::Under(path.trim_end_matches('/').to_owned())])
    }
}

impl From<String> for RequestFilter {
    fn from(path: String) -> Self {
        Self::from(path.as_str())
    }
}

impl<const N: usize> From<[&str; N]> for RequestFilter {
    fn from(paths: [&str; N]) -> Self {
        Self(
            paths
                .into_iter()
                .flat_map(|path| Self::from(path).0)
                .collect(),
        )
    }
}

impl fmt::Debug for RequestFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFilter").finish_non_exhaustive()
    }
}

fn is_under(path: &str, root: &str) -> bool {
    let rest = path.strip_prefix(root);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_a_slash() {
        for (path, root, holds) in [
            ("/static", "/static", true),
            ("/static/", "/static", true),
            ("/static/logo.png", "/static/", true),
            ("/statics", "/static", false),
            ("/", "/static", false),
            ("/anything", "/", true),
            ("*", "/static", false),
        ] {
            let (parts, ()) = http::Request::get(path).body(()).unwrap().into_parts();
            assert_eq!(
                RequestFilter::from(root).holds(&parts),
                holds,
                "{path} {root}"
            );
        }
    }
}

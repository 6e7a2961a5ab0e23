//! Query parameters (rest-api.md §1.5, §3.2). Names have no case; what an operation does not define is ignored.

use std::borrow::Cow;
use std::sync::Arc;

use hublet_wire::id::ConnId;
use hublet_wire::odata::{Filter, QUERY_BYTES_MAX};
use hublet_wire::percent;

use super::API_VERSIONS;
use super::error::RestError;

/// The parameters in order.
#[derive(Debug)]
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'q> Parameters<'q> {
    pub(super) fn parse(query: &'q str) -> Self {
        Self(percent::query_pairs(query).collect())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        values.map(|(_, value)| &**value)
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    /// It is given more than once.
    pub(super) fn single(&self, name: &'static str) -> Result<Option<&str>, RestError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => {
                Err(RestError::validation(name, format!("The parameter '{name}' is given twice.")))
            }
        }
    }

    /// A whole number in a range; `None` when absent.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn number(&self, name: &'static str, min: u32, max: u32) -> Result<Option<u32>, RestError> {
        let Some(text) = self.single(name)? else { return Ok(None) };
        match text.trim().parse::<i64>().ok().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(RestError::validation(
                name,
                format!(
                    "The value '{text}' is not valid. It must be a whole number between {min} and {max}."
                ),
            )),
        }
    }

    /// The ids in `excluded`. Texts that are no id exclude nobody.
    pub(super) fn excluded(&self) -> impl Iterator<Item = ConnId> {
        self.all("excluded").filter_map(|text| text.parse().ok())
    }

    /// Checks `api-version`: absent, or once, known and not older than `since`. `uri` is what the request is for.
    ///
    /// # Errors
    /// It is neither.
    pub(super) fn check_version(&self, uri: impl FnOnce() -> String, since: &str) -> Result<(), RestError> {
        let mut values = self.all("api-version");
        match (values.next(), values.next()) {
            (None, _) => Ok(()),
            // Dates in this form are in the order of their text.
            (Some(version), None)
                if API_VERSIONS.split(", ").any(|known| known == version && known >= since) =>
            {
                Ok(())
            }
            (Some(version), _) => Err(RestError::Version { uri: uri(), version: version.to_owned() }),
        }
    }

    /// The api-version asked for, or the newest one.
    pub(super) fn version(&self) -> &str {
        let newest = API_VERSIONS.rsplit(", ").next().unwrap_or_default();
        self.all("api-version").next().unwrap_or(newest)
    }

    /// The filter; none when it is absent or empty.
    ///
    /// # Errors
    /// It is given twice or is not a valid filter.
    pub(super) fn filter(&self) -> Result<Option<Arc<Filter>>, RestError> {
        parse_filter(self.single("filter")?.unwrap_or_default(), QUERY_BYTES_MAX)
    }
}

/// A filter from its text; an empty one filters nothing (rest-api.md §3.2).
///
/// # Errors
/// It is not valid.
pub(super) fn parse_filter(text: &str, bytes_max: usize) -> Result<Option<Arc<Filter>>, RestError> {
    if text.is_empty() {
        return Ok(None);
    }
    let filter = Filter::parse(text, bytes_max).map_err(|error| RestError::bad_request(error.to_string()))?;
    Ok(Some(Arc::new(filter)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(query: &str) -> Result<Option<u32>, RestError> {
        Parameters::parse(query).number("minutesToExpire", 1, 2_147_483_647)
    }

    #[test]
    fn numbers_in_range() {
        assert_eq!(numbers("").unwrap(), None);
        assert_eq!(numbers("MINUTESTOEXPIRE=5").unwrap(), Some(5));
        assert_eq!(numbers("minutesToExpire=2147483647").unwrap(), Some(2_147_483_647));
        for wrong in ["0", "-1", "x", "", "2147483648", "1.5", "99999999999999999999"] {
            assert!(numbers(&format!("minutesToExpire={wrong}")).is_err(), "{wrong}");
        }
        assert!(numbers("minutesToExpire=1&minutesToExpire=1").is_err());
    }

    #[test]
    fn versions() {
        let check = |query: &str| Parameters::parse(query).check_version(String::new, "").is_ok();
        for version in API_VERSIONS.split(", ") {
            assert!(check(&format!("api-version={version}")), "{version}");
        }
        assert!(check("") && check("Api-Version=2024-12-01"));
        for wrong in [
            "api-version=",
            "api-version=2099-01-01",
            "api-version=2024-12-01&api-version=2024-12-01",
            "api-version=2024-12-01,2024-01-01",
            "api-version=2021-05-01-preview",
        ] {
            assert!(!check(wrong), "{wrong}");
        }
        let since = |query: &str| Parameters::parse(query).check_version(String::new, "2023-07-01").is_ok();
        assert!(since("api-version=2023-07-01") && since("api-version=2024-12-01") && since(""));
        assert!(!since("api-version=2022-11-01"));
    }

    #[test]
    fn excluded_ids() {
        let id = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 1 };
        let other = ConnId { slot: 3, ..id };
        let excluded =
            |query: &str| Parameters::parse(query).excluded().map(|id| id.slot).collect::<Vec<_>>();
        assert_eq!(excluded(&format!("excluded={id}&x=1&Excluded={other}&excluded=y")), [2, 3]);
        assert_eq!(excluded(&format!("excluded={id},{other}")), [] as [u32; 0]);
    }
}

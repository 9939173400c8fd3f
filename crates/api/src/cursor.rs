//! Page cursors: a store position, sealed for the list that it belongs to.
//!
//! A `nextToken` opens only for the same operation, account, region and filters; anything else is not a token.

use auth::seal;
use store::{PageRequest, Position};
use wire::Operation;

use crate::app::Caller;
use crate::constraints::Breach;

/// Page length where the caller asks for none (API model, the texts of `maxResults`).
const PAGE_DEFAULT: u32 = 50;
/// The same in the lists of configurations for compositions.
const PAGE_DEFAULT_OF_CONFIGURATIONS: u32 = 100;

/// One list of one caller, with its filters: what a cursor is good for.
pub(crate) struct List {
    context: Vec<Vec<u8>>,
    page_default: u32,
}

impl List {
    /// The list of `operation` for the caller. `filters` are all members of the request that choose what is in the list.
    pub(crate) fn new(operation: Operation, caller: &Caller, filters: &[Option<&str>]) -> Self {
        let mut context = vec![
            operation.name().as_bytes().to_vec(),
            caller.key.account.as_str().as_bytes().to_vec(),
            caller.region.as_str().as_bytes().to_vec(),
        ];
        for filter in filters {
            let mut part = vec![u8::from(filter.is_some())];
            part.extend_from_slice(filter.unwrap_or_default().as_bytes());
            context.push(part);
        }
        let is_long = matches!(
            operation,
            Operation::ListEncoderConfigurations | Operation::ListStorageConfigurations
        );
        let page_default = if is_long {
            PAGE_DEFAULT_OF_CONFIGURATIONS
        } else {
            PAGE_DEFAULT
        };
        Self {
            context,
            page_default,
        }
    }

    /// Reads the request's page. An empty token is the first page.
    pub(crate) fn page(
        &self,
        key: &[u8; seal::KEY_LEN],
        max_results: Option<i32>,
        next_token: Option<&str>,
    ) -> Result<PageRequest, Breach> {
        let after = match next_token {
            None | Some("") => None,
            Some(token) => {
                let content = seal::open(key, &self.parts(), token)
                    .map_err(|seal::BrokenSeal| Breach::NextToken)?;
                Some(Position(content))
            }
        };
        let limit = max_results
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or(self.page_default);
        Ok(PageRequest { after, limit })
    }

    /// The token of the next page, if there is one.
    pub(crate) fn next_token(
        &self,
        key: &[u8; seal::KEY_LEN],
        next: Option<Position>,
    ) -> Option<String> {
        next.map(|Position(content)| seal::seal(key, &self.parts(), &content))
    }

    fn parts(&self) -> Vec<&[u8]> {
        self.context.iter().map(Vec::as_slice).collect()
    }
}

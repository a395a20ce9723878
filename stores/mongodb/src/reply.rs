//! What the server says about many statements of one command.

use mongodb::bson::{Bson, Document};
use session_store_api::{Error, Result};

use crate::error::{server_error, unreadable};
use crate::statement::REFUSED;

/// For each of so many statements, in their order, whether its condition held.
///
/// An error if the server does not confirm what it has done.
pub(crate) fn answers(reply: &Document, statements: usize) -> Result<Vec<Result<bool>>> {
    if let Some(concern) = reply.get("writeConcernError") {
        return Err(failure(concern));
    }
    let mut answers = vec![Ok(true); statements];
    let failed = match reply.get("writeErrors") {
        None => &Vec::new(),
        Some(Bson::Array(failed)) => failed,
        Some(_) => return Err(unreadable()),
    };
    for error in failed {
        let index = number(error, "index").and_then(|index| usize::try_from(index).ok());
        let answer = index.and_then(|index| answers.get_mut(index));
        *answer.ok_or_else(unreadable)? = match number(error, "code") {
            Some(REFUSED) => Ok(false),
            _ => Err(failure(error)),
        };
    }
    Ok(answers)
}

/// Our error for one of the server's. Its text shows keys, so it goes no further.
fn failure(error: &Bson) -> Error {
    let name = error
        .as_document()
        .and_then(|error| error.get_str("codeName").ok());
    match number(error, "code") {
        Some(code) => server_error(code, name.unwrap_or_default()),
        None => unreadable(),
    }
}

fn number(of: &Bson, name: &str) -> Option<i32> {
    of.as_document()?.get_i32(name).ok()
}

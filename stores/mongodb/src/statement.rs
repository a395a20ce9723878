//! What a change of one record looks like to MongoDB.
//!
//! Every change is an update by a pipeline, so that the server's own clock is in it: `$$NOW`, which stands
//! still while a command runs. A condition is in the pipeline too, and makes the update fail where it does
//! not hold ([`REFUSED`]). That is how each call of a batch hears its own answer: of many updates in one
//! command the server tells how many did something, but not which; which ones failed, it does tell.
//!
//! A condition could not stand in the filter anyway: an upsert refuses `$$NOW` there.

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{RawBinaryRef, RawBsonRef, RawDocumentBuf, rawdoc};

use crate::write::{Change, Content, Write};

/// The code by which an update says that its condition does not hold: `ConversionFailure`.
pub(crate) const REFUSED: i32 = 241;

/// The update that makes this change, or the delete if it is [`Change::Destroy`].
pub(crate) fn statement(call: &Write) -> RawDocumentBuf {
    let key = call.key.as_str();
    match &call.change {
        Change::Set(content) => rewrite(key, content, None),
        Change::SetIfAbsent(content) => {
            rewrite(key, content, Some(rawdoc! { "$not": [is_live()] }))
        }
        Change::SetIfPresent(content) => rewrite(key, content, Some(is_live())),
        Change::SetIfUnchanged(content, old) => {
            let same = rawdoc! { "$eq": ["$value", binary(old)] };
            rewrite(key, content, Some(rawdoc! { "$and": [is_live(), same] }))
        }
        Change::Touch(life) => {
            let deadline = deadline(*life, Some(is_live()));
            update(key, rawdoc! { "expires_at": deadline })
        }
        Change::Destroy => rawdoc! { "q": { "_id": key }, "limit": 1 },
    }
}

fn rewrite(key: &str, content: &Content, condition: Option<RawDocumentBuf>) -> RawDocumentBuf {
    let fields = rawdoc! {
        "value": binary(&content.value),
        "expires_at": deadline(content.life, condition),
    };
    update(key, fields)
}

/// Where there is no record the pipeline runs too, on nothing but the key: if it fails, none is made.
fn update(key: &str, fields: RawDocumentBuf) -> RawDocumentBuf {
    rawdoc! { "q": { "_id": key }, "u": [{ "$set": fields }], "upsert": true }
}

/// So many milliseconds from now; no date at all, and so a failure, if the condition does not hold.
fn deadline(life: i64, condition: Option<RawDocumentBuf>) -> RawDocumentBuf {
    let deadline = rawdoc! { "$add": ["$$NOW", life] };
    match condition {
        None => deadline,
        Some(condition) => rawdoc! { "$toDate": { "$cond": [condition, deadline, false] } },
    }
}

fn is_live() -> RawDocumentBuf {
    rawdoc! { "$gt": ["$expires_at", "$$NOW"] }
}

fn binary(bytes: &[u8]) -> RawBsonRef<'_> {
    let subtype = BinarySubtype::Generic;
    RawBsonRef::Binary(RawBinaryRef { subtype, bytes })
}

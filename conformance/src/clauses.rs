//! The clauses of the contract, as they stand in the documentation of the traits.

/// One promise of the contract.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Clause {
    /// `C01` to `C20` for every store, `A01` to `A09` for atomic ones.
    pub id: &'static str,
    /// The promise in a few words.
    pub promise: &'static str,
}

/// Every clause, in order. The full wording stands on the traits of `session-store-api`.
pub const CLAUSES: &[Clause] = &[
    Clause {
        id: "C01",
        promise: "a key never set reads as None",
    },
    Clause {
        id: "C02",
        promise: "bytes come back exactly",
    },
    Clause {
        id: "C03",
        promise: "set replaces value and expiry",
    },
    Clause {
        id: "C04",
        promise: "different keys are different records",
    },
    Clause {
        id: "C05",
        promise: "destroy removes, and never minds",
    },
    Clause {
        id: "C06",
        promise: "never early",
    },
    Clause {
        id: "C07",
        promise: "never late",
    },
    Clause {
        id: "C08",
        promise: "a max age of zero leaves nothing",
    },
    Clause {
        id: "C09",
        promise: "any duration is accepted",
    },
    Clause {
        id: "C10",
        promise: "Session means the session lifetime",
    },
    Clause {
        id: "C11",
        promise: "clones and handles are one store",
    },
    Clause {
        id: "C12",
        promise: "concurrent sets leave one value, whole",
    },
    Clause {
        id: "C13",
        promise: "a cancelled call harms no other",
    },
    Clause {
        id: "C14",
        promise: "a broken backend is an error, never None",
    },
    Clause {
        id: "C15",
        promise: "no key, value or password is shown",
    },
    Clause {
        id: "C16",
        promise: "a value over the limit is TooLarge",
    },
    Clause {
        id: "C17",
        promise: "namespaces never meet",
    },
    Clause {
        id: "C18",
        promise: "Send, dyn, any runtime, one connection",
    },
    Clause {
        id: "C19",
        promise: "the process's clock changes no lifetime",
    },
    Clause {
        id: "C20",
        promise: "durable records survive a restart",
    },
    Clause {
        id: "A01",
        promise: "Absent writes on free keys only",
    },
    Clause {
        id: "A02",
        promise: "Present writes on live keys only",
    },
    Clause {
        id: "A03",
        promise: "Unchanged writes over the same bytes only",
    },
    Clause {
        id: "A04",
        promise: "of many Absent one wins",
    },
    Clause {
        id: "A05",
        promise: "increments by Unchanged lose none",
    },
    Clause {
        id: "A06",
        promise: "destroyed stays destroyed",
    },
    Clause {
        id: "A07",
        promise: "touch renews, and never revives",
    },
    Clause {
        id: "A08",
        promise: "expiry rules hold for set_if and touch",
    },
    Clause {
        id: "A09",
        promise: "histories are linearizable",
    },
];

/// The promise of a clause, or nothing for a name that is none.
pub(crate) fn promise(id: &str) -> &'static str {
    let clause = CLAUSES.iter().find(|clause| clause.id == id);
    clause.map_or("", |clause| clause.promise)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cases;
    use crate::context::MAX_CASE_NAME;

    #[test]
    fn the_clauses_are_those_of_the_traits() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../session-store-api/src/store.rs"
        );
        let docs = fs::read_to_string(path).unwrap();
        let documented = docs.lines().filter_map(|line| {
            let clause = line.strip_prefix("/// * **")?;
            Some(clause.split_once("**")?.0)
        });
        let documented: Vec<&str> = documented.collect();
        let listed: Vec<&str> = CLAUSES.iter().map(|clause| clause.id).collect();
        assert_eq!(listed, documented);
    }

    #[test]
    fn every_clause_has_a_case() {
        let proved: Vec<String> = cases::all().iter().map(|case| case.clause()).collect();
        let unproved = CLAUSES
            .iter()
            .filter(|clause| !proved.iter().any(|id| id == clause.id));
        let unproved: Vec<&str> = unproved.map(|clause| clause.id).collect();
        assert!(unproved.is_empty(), "clauses without a case: {unproved:?}");
    }

    #[test]
    fn every_case_names_its_clause_in_order_and_once() {
        let place = |id: &str| CLAUSES.iter().position(|clause| clause.id == id);
        let (mut names, mut last) = (Vec::new(), None);
        for case in cases::all() {
            let place = place(&case.clause());
            assert!(place.is_some(), "{} names no clause", case.name);
            assert!(
                last <= place,
                "{} is not in the order of clauses",
                case.name
            );
            assert!(!names.contains(&case.name), "{} is there twice", case.name);
            assert!(
                case.name.len() <= MAX_CASE_NAME,
                "{} is too long",
                case.name
            );
            names.push(case.name);
            last = place;
        }
    }
}

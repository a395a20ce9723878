//! The suite passes the store and catches the mistake.
#![allow(clippy::unwrap_used, reason = "a test panics on the unexpected")]

use std::process::Command;

#[test]
fn the_store_passes() {
    let (code, report) = run(&[]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("\nfiles keeps the contract: "), "{report}");
}

#[test]
fn the_mistake_is_caught_in_its_clause() {
    let (code, report) = run(&["--mistake"]);
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("\nmistaken files breaks C03"), "{report}");
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_custom-store");
    let output = Command::new(program).args(arguments).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

//! What is sent for each verb, and what its answer means.

use std::io::Write;

use redis::{Cmd, RedisWrite, ToRedisArgs, Value};
use session_store_api::{Result, SessionKey};

use crate::error::unexpected_answer;

/// The longest life that is told from a longer one: ten thousand years, in milliseconds. Redis adds it to
/// its clock in 64 bits.
const LONGEST: u64 = 10_000 * 366 * 24 * 60 * 60 * 1000;

/// Writes if the value still is as it was. One key, so it runs in a cluster too.
pub(crate) const SCRIPT: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
if ARGV[3] == '0' then redis.call('DEL', KEYS[1]) \
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end \
return 1";

/// The name by which a server remembers [`SCRIPT`]: its SHA-1.
pub(crate) const SCRIPT_SHA1: &str = "1fa37635c712d00abb29326104f4bc61b891e1f6";

/// What a record is called in Redis: the prefix and the key.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) key: &'a SessionKey,
}

impl Name<'_> {
    /// Its bytes, one after the other.
    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        self.prefix
            .bytes()
            .chain(self.key.as_bytes().iter().copied())
    }

    fn len(self) -> usize {
        self.prefix.len() + self.key.as_bytes().len()
    }
}

impl ToRedisArgs for Name<'_> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut arg = out.writer_for_next_arg();
        // Into memory, so it always works.
        let _ = arg.write_all(self.prefix.as_bytes());
        let _ = arg.write_all(self.key.as_bytes());
    }
}

/// How long a record is to live, in milliseconds as Redis takes them.
#[derive(Clone, Copy)]
pub(crate) struct Life(u64);

impl Life {
    pub(crate) fn new(millis: u64) -> Self {
        Self(millis.min(LONGEST))
    }

    /// Redis refuses to write what is over at once; then there is to be nothing.
    pub(crate) fn is_over(self) -> bool {
        self.0 == 0
    }
}

pub(crate) fn get(name: Name<'_>) -> Cmd {
    command("GET", name, 0)
}

pub(crate) fn set(name: Name<'_>, value: &[u8], life: Life) -> Cmd {
    if life.is_over() {
        return del(name);
    }
    let mut set = command("SET", name, value.len());
    set.arg(value).arg("PX").arg(life.0);
    set
}

pub(crate) fn del(name: Name<'_>) -> Cmd {
    command("DEL", name, 0)
}

pub(crate) fn exists(name: Name<'_>) -> Cmd {
    command("EXISTS", name, 0)
}

/// For a life that is not over at once.
pub(crate) fn set_if_absent(name: Name<'_>, value: &[u8], life: Life) -> Cmd {
    let mut set = set(name, value, life);
    set.arg("NX");
    set
}

pub(crate) fn set_if_present(name: Name<'_>, value: &[u8], life: Life) -> Cmd {
    let mut set = set(name, value, life);
    if !life.is_over() {
        set.arg("XX");
    }
    set
}

/// `EVALSHA` of a script that the server may not know yet.
pub(crate) fn set_if_unchanged(name: Name<'_>, old: &[u8], value: &[u8], life: Life) -> Cmd {
    eval("EVALSHA", SCRIPT_SHA1, name, old, value, life)
}

/// The same, with the script itself.
pub(crate) fn set_if_unchanged_anew(name: Name<'_>, old: &[u8], value: &[u8], life: Life) -> Cmd {
    eval("EVAL", SCRIPT, name, old, value, life)
}

pub(crate) fn touch(name: Name<'_>, life: Life) -> Cmd {
    let mut touch = command("PEXPIRE", name, 0);
    touch.arg(life.0);
    touch
}

/// The value that a `GET` found.
pub(crate) fn value(answer: Value) -> Result<Option<Vec<u8>>> {
    match answer {
        Value::BulkString(value) => Ok(Some(value)),
        Value::Nil => Ok(None),
        _ => Err(unexpected_answer()),
    }
}

/// Whether the command did what it was to do.
pub(crate) fn done(answer: &Value) -> Result<bool> {
    match answer {
        Value::Okay => Ok(true),
        Value::Nil => Ok(false),
        Value::Int(count) => Ok(*count > 0),
        _ => Err(unexpected_answer()),
    }
}

fn eval(verb: &str, script: &str, name: Name<'_>, old: &[u8], value: &[u8], life: Life) -> Cmd {
    let room = verb.len() + script.len() + name.len() + old.len() + value.len() + ROOM;
    let mut eval = Cmd::with_capacity(7, room);
    eval.arg(verb).arg(script).arg(1).arg(name);
    eval.arg(old).arg(value).arg(life.0);
    eval
}

/// Room for the short words of a command.
const ROOM: usize = 32;

fn command(verb: &str, name: Name<'_>, value_len: usize) -> Cmd {
    let mut command = Cmd::with_capacity(6, verb.len() + name.len() + value_len + ROOM);
    command.arg(verb).arg(name);
    command
}

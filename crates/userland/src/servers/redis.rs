//! Redis: strings, counters, lists' lengths, and its configuration.

use super::serve;
use crate::process::Process;
use node::{Connection, Input, Service};
use sim::Ctx;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

struct Database {
    values: RefCell<BTreeMap<String, String>>,
    config: RefCell<BTreeMap<String, String>>,
}

struct Server(Rc<Database>);

impl Service for Server {
    fn connected(&self, ctx: &Ctx, connection: Connection) {
        let database = self.0.clone();
        ctx.detached().spawn(async move {
            while let Some(words) = request(&connection.input).await {
                let quit = words.first().is_some_and(|word| word.eq_ignore_ascii_case("quit"));
                if !connection.output.push(database.execute(&words).as_bytes()) || quit {
                    break;
                }
            }
        });
    }
}

/// A line without its end.
async fn line(input: &Input) -> Option<String> {
    let line = input.read_line().await?;
    Some(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// A request: an array of strings, or words on a line.
async fn request(input: &Input) -> Option<Vec<String>> {
    let first = line(input).await?;
    let Some(count) = first.strip_prefix('*') else {
        return Some(first.split_whitespace().map(str::to_owned).collect());
    };
    let mut words = Vec::new();
    for _ in 0..count.parse::<usize>().ok()?.min(1000) {
        line(input).await?;
        words.push(line(input).await?);
    }
    Some(words)
}

/// An answer as `redis-cli` shows it; none at the end of the connection.
pub(crate) async fn answer(input: &Input) -> Option<String> {
    let first = line(input).await?;
    let rest = first.get(1..).unwrap_or_default().to_owned();
    match first.chars().next()? {
        ':' => Some(format!("(integer) {rest}")),
        '-' => Some(format!("(error) {rest}")),
        '$' if rest == "-1" => Some("(nil)".to_owned()),
        '$' => line(input).await,
        '*' => {
            let mut items = Vec::new();
            for number in 1..=rest.parse::<usize>().ok()?.min(1000) {
                line(input).await?;
                items.push(format!("{number}) \"{}\"", line(input).await?));
            }
            Some(if items.is_empty() { "(empty array)".to_owned() } else { items.join("\n") })
        }
        _ => Some(rest),
    }
}

impl Database {
    fn execute(&self, words: &[String]) -> String {
        let bulk = |value: Option<&String>| match value {
            Some(value) => format!("${}\r\n{value}\r\n", value.len()),
            None => "$-1\r\n".to_owned(),
        };
        let array = |items: Vec<&String>| {
            let all: String = items.iter().map(|item| bulk(Some(item))).collect();
            format!("*{}\r\n{all}", items.len())
        };
        let Some((command, args)) = words.split_first() else { return String::new() };
        let command = command.to_ascii_uppercase();
        let mut values = self.values.borrow_mut();
        let integer = |value: i64| format!(":{value}\r\n");
        match (command.as_str(), args) {
            ("PING", []) => "+PONG\r\n".to_owned(),
            ("PING" | "ECHO", [text, ..]) => bulk(Some(text)),
            ("SET", [key, value, ..]) => {
                values.insert(key.clone(), value.clone());
                "+OK\r\n".to_owned()
            }
            ("GET", [key, ..]) => bulk(values.get(key)),
            ("DEL", keys) => {
                integer(keys.iter().filter(|key| values.remove(*key).is_some()).count() as i64)
            }
            ("EXISTS", keys) => {
                integer(keys.iter().filter(|key| values.contains_key(*key)).count() as i64)
            }
            ("INCR" | "DECR", [key, ..]) => {
                let step = if command == "INCR" { 1 } else { -1 };
                let value = values.entry(key.clone()).or_default();
                let number = value.parse::<i64>().unwrap_or_default().wrapping_add(step);
                *value = number.to_string();
                integer(number)
            }
            ("KEYS", _) => array(values.keys().collect()),
            ("DBSIZE", _) => integer(values.len() as i64),
            ("CONFIG", [sub, key, ..]) if sub.eq_ignore_ascii_case("get") => {
                let config = self.config.borrow();
                match config.get_key_value(key) {
                    Some((key, value)) => array(vec![key, value]),
                    None => "*0\r\n".to_owned(),
                }
            }
            ("CONFIG", [sub, key, value]) if sub.eq_ignore_ascii_case("set") => {
                self.config.borrow_mut().insert(key.clone(), value.clone());
                "+OK\r\n".to_owned()
            }
            ("INFO", _) => bulk(Some(&"redis_version:8.0.0\r\nrole:master".to_owned())),
            ("SELECT" | "QUIT" | "AUTH" | "SAVE" | "FLUSHALL", _) => "+OK\r\n".to_owned(),
            (command, _) => format!("-ERR unknown command '{command}'\r\n"),
        }
    }
}

/// A size such as `2mb` in bytes.
fn bytes(text: &str) -> String {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "k" => 1000,
        "kb" => 1024,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => 1,
    };
    digits.parse::<u64>().map_or_else(|_| text.to_owned(), |n| n.saturating_mul(factor).to_string())
}

/// `redis-server [FILE] [--NAME VALUE]…`
pub(super) async fn server(p: Process) -> i32 {
    let preset = [
        ("port", "6379"),
        ("maxmemory", "0"),
        ("maxmemory-policy", "noeviction"),
        ("appendonly", "no"),
    ];
    let mut config: BTreeMap<String, String> =
        preset.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let mut set = |name: &str, value: &str| {
        let value = if name == "maxmemory" { bytes(value) } else { value.to_owned() };
        config.insert(name.to_owned(), value);
    };
    let mut args = p.args().iter();
    while let Some(arg) = args.next() {
        if let Some(name) = arg.strip_prefix("--") {
            set(name, args.next().map_or("", String::as_str));
            continue;
        }
        match p.read_file(arg) {
            Ok(text) => {
                for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
                    if let Some((name, value)) = line.trim().split_once(char::is_whitespace) {
                        set(name, value.trim());
                    }
                }
            }
            Err(_) => {
                p.fail(&format!(
                    "Fatal error, can't open config file '{arg}': No such file or directory"
                ));
                return 1;
            }
        }
    }
    let port = config.get("port").and_then(|port| port.parse().ok()).unwrap_or(6379);
    let database = Database { values: RefCell::default(), config: RefCell::new(config) };
    if !p.node.listen(p.pid, port, false, Rc::new(Server(Rc::new(database)))) {
        p.fail(&format!(
            "Could not create server TCP listening socket *:{port}: bind: Address already in use"
        ));
        return 1;
    }
    p.say("1:M * Ready to accept connections tcp");
    serve(p).await
}

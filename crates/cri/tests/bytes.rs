//! Bytes from everywhere: random messages, damaged messages, noise.
//!
//! The random numbers are the same in every run. What prost's typed code says about the same bytes
//! is the measure.

use cri::descriptor::{
    self, Annotated, JsonStyle, Kind, Label, annotate, from_json, to_json, to_json_with,
};
use cri::{Message, Named};
use serde_json::{Map, Value, json};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A message that differs from the default in everything that it has, as people's JSON.
    fn message(&mut self, name: &str) -> Value {
        let mut object = Map::new();
        for field in &descriptor::message(name).expect("known").fields {
            if self.one_in(3) {
                continue;
            }
            let value = match field.label {
                Label::Singular => self.value(field.kind),
                Label::Repeated => (0..=self.below(3)).map(|_| self.value(field.kind)).collect(),
                Label::Map => {
                    let keys = 0..=self.below(3);
                    keys.map(|key| (format!("key/{key}"), self.value(field.kind))).collect()
                }
            };
            object.insert(field.name.to_owned(), value);
        }
        Value::Object(object)
    }

    fn value(&mut self, kind: Kind) -> Value {
        match kind {
            Kind::Bool => json!(true),
            Kind::Bytes => json!(["AA==", "L2Jpbi9zaA==", "//79"][self.below(3)]),
            Kind::Double => json!((self.next() as i32) as f64 / 64.0 + 0.001),
            Kind::Int32 => json!(self.next() as i32 | 1),
            Kind::Int64 => json!(self.next() as i64 >> self.below(63) | 1),
            Kind::Uint32 => json!(self.next() as u32 | 1),
            Kind::Uint64 => json!(self.next() >> self.below(63) | 1),
            Kind::String => json!(["x", "näme", "a\nb \"c\"", "容器"][self.below(4)]),
            Kind::Enum(_) => {
                let values = &kind.enumeration().expect("an enum").values;
                json!(values[1 + self.below(values.len() - 1)].0)
            }
            Kind::Message(_) => self.message(kind.message().expect("a message").name),
        }
    }
}

/// What prost makes of the bytes: its own encoding of what it understood.
fn by_prost<M: Named>(bytes: &[u8]) -> Option<Vec<u8>> {
    M::decode(bytes).ok().map(|message| message.encode_to_vec())
}

type Recode = fn(&[u8]) -> Option<Vec<u8>>;

/// Messages that, between them, contain nearly every other one.
const TYPED: [(&str, Recode); 12] = {
    macro_rules! typed {
        ($($name:ident)*) => { [$((stringify!($name), by_prost::<cri::$name> as Recode)),*] };
    }
    typed! {
        RunPodSandboxRequest CreateContainerRequest RestorePodRequest PodSandboxStatusResponse
        ContainerStatusResponse ContainerEventResponse ListPodSandboxStatsResponse
        ListPodSandboxMetricsResponse StatusResponse ImageFsInfoResponse ExecSyncResponse
        UpdateContainerResourcesRequest
    }
};

fn recode(name: &str) -> Option<Recode> {
    TYPED.iter().find(|typed| typed.0 == name).map(|typed| typed.1)
}

#[test]
fn every_message_survives_json_and_bytes() {
    let mut random = Random(1);
    for message in descriptor::messages() {
        for _ in 0..20 {
            let json = random.message(message.name);
            let bytes = from_json(message.name, &json).expect("readable");
            assert_eq!(to_json(message.name, &bytes).as_ref(), Ok(&json), "{}", message.name);
            for style in [JsonStyle::RECORDED, JsonStyle::CRICTL] {
                let other = to_json_with(message.name, &bytes, style).expect("well-formed");
                assert_eq!(from_json(message.name, &other).as_ref(), Ok(&bytes), "{other}");
            }
            if let Some(recode) = recode(message.name) {
                assert_eq!(recode(&bytes).as_ref(), Some(&bytes), "{json}");
            }
            assert_covered(&annotate(message.name, &bytes).expect("well-formed"), bytes.len());
        }
    }
}

/// Rows of one depth lie side by side and fill the payload around them.
fn assert_covered(rows: &[Annotated], length: usize) {
    let mut open = vec![(0, length)];
    for row in rows {
        while open.len() > row.depth + 1 {
            let (at, end) = open.pop().expect("as deep as the row before");
            assert_eq!(at, end, "a gap before {row:?}");
        }
        let (at, end) = open.last_mut().expect("there is an outer field");
        assert_eq!(row.range.start, *at, "{row:?}");
        assert!(row.range.end <= *end && row.payload.end == row.range.end, "{row:?}");
        *at = row.range.end;
        let nested = row.value.is_empty() && row.wire_type == descriptor::WireType::Len;
        if nested {
            open.push((row.payload.start, row.payload.end));
        }
    }
    assert!(open.into_iter().all(|(at, end)| at == end));
}

#[test]
fn damage_is_noticed_exactly_where_prost_notices_it() {
    let mut random = Random(2);
    let (mut sound, mut broken) = (0, 0);
    for round in 0..4000 {
        let (name, recode) = TYPED[round % TYPED.len()];
        let mut bytes = from_json(name, &random.message(name)).expect("readable");
        for _ in 0..=random.below(3) {
            damage(&mut bytes, &mut random);
        }
        match (to_json(name, &bytes), recode(&bytes)) {
            (Ok(json), Some(_)) => {
                annotate(name, &bytes).expect("what is JSON can be annotated");
                json_agrees_with_prost(name, &json, &bytes, recode);
                sound += 1;
            }
            (Err(error), found) => {
                // proto3 has no groups; prost still skips them.
                let group = matches!(error.to_string(), text if text.contains("wire type 3"));
                assert!(found.is_none() || group, "{name}: {error}: {bytes:02x?}");
                assert_eq!(annotate(name, &bytes).expect_err("the same bytes"), error);
                let descriptor::DescriptorError::Malformed { offset, .. } = error else {
                    panic!("{error:?}");
                };
                assert!(offset <= bytes.len());
                broken += 1;
            }
            (Ok(json), None) => panic!("{name}: prost refuses what became {json}"),
        }
    }
    assert!(sound > 400 && broken > 400, "{sound} sound, {broken} broken");
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, random.next() as u8),
        2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        _ => {
            let more = bytes[at..].to_vec();
            bytes.extend(more);
        }
    }
}

/// Unless there are fields that prost drops, our JSON means what prost understood.
fn json_agrees_with_prost(name: &str, json: &Value, bytes: &[u8], recode: Recode) {
    if json.to_string().contains("\"?") || json.to_string().contains("NaN") {
        return;
    }
    let ours = from_json(name, json).expect("what we wrote");
    assert_eq!(Some(&ours), recode(bytes).as_ref(), "{name}: {json}");
}

#[test]
fn noise_never_panics() {
    let mut random = Random(3);
    for message in descriptor::messages() {
        for length in 0..60 {
            let bytes = random.bytes(length);
            let annotated = annotate(message.name, &bytes);
            assert_eq!(annotated.is_ok(), to_json(message.name, &bytes).is_ok(), "{bytes:02x?}");
            if let Ok(rows) = annotated {
                assert_covered(&rows, length);
            }
        }
    }
}

#[test]
fn fields_that_nobody_knows_are_shown() {
    // Field 2, which is known; field 17 twice, a number and a text; field 9 of eight bytes.
    let bytes = b"\x10\x1e\x88\x01\x07\x8a\x01\x02hi\x49\x01\0\0\0\0\0\0\0";
    assert_eq!(
        to_json("StopContainerRequest", bytes).expect("well-formed"),
        json!({ "timeout": 30, "?17": [7, "aGk="], "?9": [1] }),
    );
    let rows = annotate("StopContainerRequest", bytes).expect("well-formed");
    let shown: Vec<_> =
        rows.iter().map(|row| (row.name, row.number, &*row.type_name, &*row.value)).collect();
    assert_eq!(
        shown,
        [
            (Some("timeout"), 2, "int64", "30"),
            (None, 17, "unknown", "7"),
            (None, 17, "unknown", "\"hi\""),
            (None, 9, "unknown", "1"),
        ],
    );
}

#[test]
fn numbers_at_the_edges_are_those_of_prost() {
    // More bits than the type has, from a writer that thought of a wider one.
    let long = b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let metadata = cri::PodSandboxMetadata::decode(&long[..]).expect("well-formed");
    assert_eq!(descriptor::json(&metadata), json!({ "attempt": u32::MAX }));
    assert_eq!(to_json("PodSandboxMetadata", long).as_ref(), Ok(&descriptor::json(&metadata)));

    // A value that the enum does not have, and a negative one, which takes ten bytes.
    for number in [17, -1] {
        let namespaces = cri::NamespaceOption { pid: number, ..Default::default() };
        assert_eq!(descriptor::json(&namespaces), json!({ "pid": number }));
        let bytes = from_json("NamespaceOption", &json!({ "pid": number }));
        assert_eq!(bytes, Ok(namespaces.encode_to_vec()));
    }

    for (number, json) in [
        (f64::NEG_INFINITY, json!({ "Avg10": "-Infinity" })),
        (0.1, json!({ "Avg10": 0.1 })),
        (-0.0, json!({ "Avg10": -0.0 })),
    ] {
        let data = cri::PsiData { avg10: number, ..Default::default() };
        assert_eq!(from_json("PsiData", &json), Ok(data.encode_to_vec()), "{json}");
    }
}

#[test]
fn mistakes_in_bytes_say_where() {
    let cases: [(&str, &[u8], &str); 7] = [
        ("VersionRequest", b"\x0a\x05v1", "byte 0: 5 bytes announced, 2 there"),
        ("VersionRequest", b"\x0a\x02v\xff", "byte 3: a string that is not UTF-8"),
        ("VersionRequest", b"\x08\x01", "byte 0: field 1 is VARINT and should be LEN"),
        ("VersionRequest", b"\x0a\x01a\x00", "byte 3: no field has such a number"),
        ("VersionRequest", b"\x0b", "byte 0: wire type 3 is not in use"),
        ("StopContainerRequest", b"\x10\x80", "byte 1: a number breaks off"),
        ("RunPodSandboxRequest", b"\x0a\x04\x0a\x02\x0a\x01", "byte 4: 1 bytes announced, 0 there"),
    ];
    for (name, bytes, mistake) in cases {
        assert_eq!(annotate(name, bytes).expect_err("malformed").to_string(), mistake);
    }
}

#[test]
fn annotations_read_like_the_definition() {
    let sandbox = json!({
        "hostname": "web",
        "labels": { "app": "web" },
        "linux": { "security_context": {
            "namespace_options": { "pid": 1 },
            "supplemental_groups": [3000, 4000],
            "privileged": true,
        }},
    });
    let bytes = from_json("PodSandboxConfig", &sandbox).expect("readable");
    let rows = annotate("PodSandboxConfig", &bytes).expect("well-formed");
    let mut text = String::new();
    for row in &rows {
        let hex: String =
            bytes[row.range.start..row.payload.start].iter().map(|b| format!("{b:02x} ")).collect();
        text += &format!(
            "{:3}..{:<3} {:8}{:indent$}{} = {}: {} {} {}\n",
            row.range.start,
            row.range.end,
            hex,
            "",
            row.name.unwrap_or("?"),
            row.number,
            row.type_name,
            row.wire_type.as_str(),
            row.value,
            indent = 2 * row.depth,
        );
    }
    assert_eq!(
        text,
        "  0..5   12 03   hostname = 2: string LEN \"web\"
  5..17  32 0a   labels = 6: map<string, string> LEN 
  7..12  0a 03     key = 1: string LEN \"app\"
 12..17  12 03     value = 2: string LEN \"web\"
 17..33  42 0e   linux = 8: LinuxPodSandboxConfig LEN 
 19..33  12 0c     security_context = 2: LinuxSandboxSecurityContext LEN 
 21..25  0a 02       namespace_options = 1: NamespaceOption LEN 
 23..25  10            pid = 2: NamespaceMode VARINT CONTAINER (1)
 25..31  2a 04       supplemental_groups = 5: repeated int64 LEN [3000, 4000]
 31..33  30          privileged = 6: bool VARINT true
",
    );
}

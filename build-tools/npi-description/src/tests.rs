// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is read, and what is refused.

use std::path::Path;

use super::*;

/// The example of the document.
fn example() -> String {
    let document = include_str!("../../../docs/describing-an-npi.md").lines();
    let inside = document
        .skip_while(|line| !line.starts_with("name = "))
        .take_while(|line| *line != "```");
    inside.collect::<Vec<_>>().join("\n")
}

fn read(text: &str) -> Result<Npi, Wrong> {
    parse(Path::new("npi.toml"), text)
}

#[test]
fn the_example_is_read() {
    let npi = read(&example()).unwrap();
    assert_eq!(npi.name, "keyvalue");
    let get = npi.function_at(Side::Provider, 8).unwrap();
    assert_eq!(get.name, "get");
    assert!(get.pends() && !get.is_completion());
    assert_eq!(get.matched_by, Some(Match::Parameter(1)));
    let got = npi.function("got").unwrap();
    assert_eq!((got.side, got.offset), (Side::Client, 8));
    assert_eq!(got.completes, ["get"]);
    assert_eq!(got.returns, Returns::Void);
    let query = npi.structure("Query").unwrap();
    assert_eq!((query.size, query.align), (16, 8));
    assert_eq!(query.field("status").unwrap().offset, 8);
    assert_eq!(query.field("key").unwrap().value, Number(1..=100));
}

/// What replaces what in the example, the line that is wrong, and a part of the reason.
const WRONG: &[(&str, &str, usize, &str)] = &[
    (
        "name = \"keyvalue\"",
        "name = \"key value\"",
        1,
        "is no word",
    ),
    ("name = \"keyvalue\"", "name = \"int\"", 1, "is a word of C"),
    (
        "name = \"keyvalue\"",
        "name = \"schlüssel\"",
        1,
        "is no word",
    ),
    ("name = \"keyvalue\"\n", "", 1, "missing field `name`"),
    (
        "name = \"keyvalue\"",
        "name = \"a_name_that_is_much_longer_than_any_identifier_that_a_compiler_tells_apart\"",
        1,
        "is longer than 64 characters",
    ),
    (
        "type = \"u64\", value",
        "type = \"[u64; +4]\", value",
        21,
        "is no array",
    ),
    (
        "type = \"u64\", value",
        "type = \"[[[[[[[[[u8; 1]; 1]; 1]; 1]; 1]; 1]; 1]; 1]; 1]\", value",
        21,
        "more than 8 dimensions",
    ),
    (
        "matched_by = \"query\"",
        "matched_by = \"query\"\nif_offered = 1",
        25,
        "no field is what `if_offered` speaks of",
    ),
    ("6d1ff1b5-5f3c-4ae8", "6d1ff1b5-5f3c4ae8", 2, "is no GUID"),
    ("6d1ff1b5-5f3c-4ae8", "6d1ff1bg-5f3c-4ae8", 2, "is no GUID"),
    ("\"6d1ff1b5", "\"{6d1ff1b5", 2, "is no GUID"),
    (
        "6d1ff1b5-5f3c-4ae8-9f9b-2b4f1d0ce2a7",
        "00000000-0000-0000-0000-000000000000",
        2,
        "is no GUID",
    ),
    ("[provider]", "[providers]", 4, "unknown field `providers`"),
    (
        "table = \"ProviderTable\"",
        "table = \"Provider\"",
        5,
        "is not described",
    ),
    (
        "table = \"ProviderTable\"",
        "tabel = \"ProviderTable\"",
        5,
        "unknown field `tabel`",
    ),
    ("table = \"ProviderTable\"", "table = 5", 5, "invalid type"),
    (
        "table = \"ProviderTable\"",
        "table = \"Query\"",
        25,
        "is in no table",
    ),
    (
        "table = \"ClientTable\"",
        "table = \"ProviderTable\"",
        25,
        "is in both tables",
    ),
    (
        "name = \"get\", type = \"function\"",
        "name = \"put\", type = \"function\"",
        12,
        "`put` is not described",
    ),
    (
        "name = \"size\", type = \"u32\", is = \"size\"",
        "name = \"size\", type = \"u32\", is = \"length\"",
        11,
        "a field is no `length`",
    ),
    (
        "name = \"size\", type = \"u32\", is = \"size\"",
        "name = \"size\", type = \"i32\", is = \"size\"",
        11,
        "said by a number",
    ),
    (
        "name = \"size\", type = \"u32\", is = \"size\"",
        "name = \"size\", type = \"u32\", is = \"size\", value = 8",
        11,
        "the size is known",
    ),
    (
        "name = \"get\", type = \"function\"",
        "name = \"size\", type = \"u8\"",
        12,
        "is there twice",
    ),
    (
        "type = \"u64\", value",
        "type = \"u65\", value",
        21,
        "`u65` is not described",
    ),
    (
        "type = \"u64\", value",
        "type = \"u 64\", value",
        21,
        "is no type",
    ),
    (
        "type = \"u64\", value",
        "type = \"[u64; 0]\", value",
        21,
        "is no array",
    ),
    (
        "type = \"u64\", value",
        "type = \"[u64; 3]\", value",
        21,
        "holds no number",
    ),
    (
        "type = \"u64\", value",
        "type = \"Query\", value",
        19,
        "contains itself",
    ),
    (
        "type = \"u64\", value",
        "type = \"*Key\", value",
        21,
        "`Key` is not described",
    ),
    ("value = [1, 100]", "value = [100, 1]", 21, "is empty"),
    (
        "value = [1, 100]",
        "value = [1, 2, 3]",
        21,
        "[lowest, highest]",
    ),
    (
        "value = [1, 100]",
        "value = \"many\"",
        21,
        "[lowest, highest]",
    ),
    (
        "type = \"u64\", value = [1, 100]",
        "type = \"u8\", value = 256",
        21,
        "holds 0 to 255",
    ),
    (
        "type = \"u64\", value = [1, 100]",
        "type = \"u8\", optional = true",
        21,
        "only a function",
    ),
    ("reply = 0", "reply = \"key\"", 22, "has another type"),
    ("reply = 0", "reply = \"keys\"", 22, "there is no field"),
    (
        "reply = 0",
        "counted_by = \"key\"",
        22,
        "only an array has elements",
    ),
    (
        "reply = 0",
        "reply = true",
        22,
        "a number or the name of a field",
    ),
    (
        "irql = \"<= DISPATCH_LEVEL\"\nparameters",
        "parameters",
        25,
        "missing field `irql`",
    ),
    (
        "irql = \"<= DISPATCH_LEVEL\"\nparameters",
        "irql = \"DISPATCH\"\nparameters",
        26,
        "is no IRQL",
    ),
    (
        "[{ is = \"binding\" }, { name = \"query\", type = \"*Query\" }]\ncompleted_by",
        "[{ is = \"context\" }]\ncompleted_by",
        27,
        "a parameter is no `context`",
    ),
    (
        "[{ is = \"binding\" }, { name = \"query\", type = \"*Query\" }]\ncompleted_by",
        "[{ name = \"query\" }]\ncompleted_by",
        25,
        "`name` and `type`",
    ),
    (
        "[{ is = \"binding\" }, { name = \"query\", type = \"*Query\" }]\ncompleted_by",
        "[{ name = \"query\", type = \"Query\" }]\ncompleted_by",
        27,
        "not passed as it is",
    ),
    (
        "completed_by = \"got\"",
        "completed_by = \"get\"",
        28,
        "of the peer's table",
    ),
    (
        "completed_by = \"got\"",
        "completed_by = \"nobody\"",
        28,
        "of the peer's table",
    ),
    ("completed_by = \"got\"\n", "", 28, "nothing completes this"),
    ("matched_by = \"query\"\n", "", 28, "add `matched_by`"),
    (
        "matched_by = \"query\"",
        "matched_by = \"key\"",
        29,
        "has no parameter `key`",
    ),
    (
        "matched_by = \"query\"",
        "matched_by = \"binding\"",
        29,
        "has no parameter `binding`",
    ),
    (
        "matched_by = \"query\"",
        "matched_by = \"query\"\ncancels = \"got\"",
        30,
        "a function of the same table that pends",
    ),
    (
        "[client]\n",
        "[client]\nkeeps_calling = \"got\"\n",
        7,
        "the peer has no function `got`",
    ),
    (
        "[client]\n",
        "[client]\nbegins_with = \"get\"\n",
        7,
        "add its `module_id`",
    ),
    (
        "[client]\n",
        "[client]\naccepts_all = true\n",
        7,
        "add the `module_id`",
    ),
    (
        "[provider]\n",
        "[provider]\nbegins_with = \"got\"\n",
        5,
        "a provider does not call",
    ),
    (
        "[client]\n",
        "[client]\nalso_calls = [{ function = \"get\", calls = 8, of = \"get\" }]\n",
        7,
        "add its `module_id`",
    ),
    (
        "[provider]\n",
        "[provider]\nheeds = \"get\"\n",
        5,
        "`get` is no function of its own that cancels",
    ),
    (
        "matched_by = \"query\"",
        "matched_by = \"query\"\nafter = \"get\"",
        30,
        "is not another function",
    ),
    (
        "matched_by = \"query\"",
        "matched_by = \"query\"\nreturns = \"void\"",
        28,
        "pends by its status",
    ),
    (
        "name = \"query\", type = \"*Query\" }]\ncompleted_by",
        "name = \"query\", type = \"*Query\", looked_up = true }]\ncompleted_by",
        27,
        "a callee looks up its binding",
    ),
    (
        "[{ is = \"binding\" }, { name = \"query\", type = \"*Query\" }]\ncompleted_by",
        "[{ is = \"binding\", looked_up = 1 }]\ncompleted_by",
        27,
        "boolean",
    ),
    (
        "returns = \"void\"",
        "returns = \"guid\"",
        32,
        "a function returns",
    ),
    (
        "[functions.got]",
        "[functions.int]",
        17,
        "`got` is not described",
    ),
    ("name = \"keyvalue\"", "name = keyvalue", 1, "correct it"),
];

#[test]
fn what_is_wrong_is_refused_in_one_line_with_its_place() {
    for (old, new, line, reason) in WRONG {
        let text = example();
        assert!(text.contains(old), "{old}");
        let error = read(&text.replacen(old, new, 1)).expect_err(new);
        let shown = error.to_string();
        assert_eq!(error.line(), Some(*line), "{new}: {shown}");
        assert!(shown.contains(reason), "{new}: {shown}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
}

#[test]
fn a_size_that_its_field_cannot_hold_is_refused() {
    let large = "fields = [\n{ name = \"size\", type = \"u8\", is = \"size\" },\n\
                 { name = \"bytes\", type = \"[u8; 300]\" },\n]";
    let text = format!("{}\n[structures.Large]\n{large}\n", example());
    let error = read(&text).expect_err("u8 holds 255").to_string();
    assert!(error.contains("`Large` has 301 bytes"), "{error}");
}

#[test]
fn structures_inside_each_other_are_refused_before_the_stack_ends() {
    let nested = |depth: u32| {
        let inner = depth + 1;
        format!("\n[structures.S{depth}]\nfields = [{{ name = \"a\", type = \"S{inner}\" }}]")
    };
    let mut text = example() + &(0..100).map(nested).collect::<String>();
    text += "\n[structures.S100]\nfields = [{ name = \"a\", type = \"u8\" }]\n";
    let error = read(&text).expect_err("too deep").to_string();
    assert!(error.contains("is inside of 64 others"), "{error}");
    let arrays = "[".repeat(100_000) + "u8" + &"; 1]".repeat(100_000);
    let text = example().replacen(
        "type = \"u64\", value",
        &format!("type = \"{arrays}\", value"),
        1,
    );
    let error = read(&text).expect_err("too deep").to_string();
    assert!(error.contains("more than 8 dimensions"), "{error}");
}

#[test]
fn a_binding_and_what_a_completion_completes_may_be_looked_up() {
    let (head, tail) = example().split_once("[functions.got]").map_or_else(
        || panic!("it has `got`"),
        |(head, tail)| (head.to_owned(), tail.to_owned()),
    );
    let tail = tail
        .replace("\"binding\"", "\"binding\", looked_up = true")
        .replace("*Query\"", "*Query\", looked_up = true");
    let npi = read(&format!("{head}[functions.got]{tail}")).unwrap();
    let all = |name: &str| {
        let parameters = &npi.function(name).unwrap().parameters;
        parameters.iter().map(|it| it.looked_up).collect::<Vec<_>>()
    };
    assert_eq!(all("got"), [true, true]);
    assert_eq!(all("get"), [false, false]);
}

#[test]
fn order_matches_without_a_parameter() {
    let text = example().replace("matched_by = \"query\"", "matched_by = \"order\"");
    let npi = read(&text).unwrap();
    for name in ["get", "got"] {
        assert_eq!(npi.function(name).unwrap().matched_by, Some(Match::Order));
    }
}

#[test]
fn an_identifier_is_written_and_read_as_a_guid() {
    let id = NpiId(0x1e32_787f_806c_4f83_98e4_7dbe_c512_9701);
    let text = serde_json::to_string(&id).unwrap();
    assert_eq!(text, "\"{1e32787f-806c-4f83-98e4-7dbec5129701}\"");
    assert_eq!(serde_json::from_str::<NpiId>(&text).unwrap(), id);
    assert!(serde_json::from_str::<NpiId>("\"{1e32}\"").is_err());
}

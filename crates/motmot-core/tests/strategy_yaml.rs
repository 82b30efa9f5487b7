//! The YAML reader: every problem at once, each with its place and its mend.
#![allow(clippy::unwrap_used, missing_docs)]

use motmot_core::yaml::{self, Node, Problems, Value};

/// Parses `text`, lets `read` read it, and compares all problems.
fn check(text: &str, read: impl FnOnce(&Node, &mut Problems), expected: &str) {
    let mut problems = Problems::new("f.yaml");
    if let Some(node) = yaml::parse(text, &mut problems) {
        read(&node, &mut problems);
    }
    assert_eq!(problems.to_string(), expected);
}

fn nothing(_: &Node, _: &mut Problems) {}

#[test]
fn a_document_knows_its_places() {
    let mut problems = Problems::new("f.yaml");
    let node = yaml::parse("a: 1\nlist:\n  - x\n  - {y: 'z'}\n", &mut problems).unwrap();
    assert!(problems.is_empty(), "{problems}");
    let Value::Map(entries) = &node.value else { panic!("{node:?}") };
    let list = &entries[1];
    assert_eq!((list.key.as_str(), list.place.line, list.place.column), ("list", 2, 1));
    let Value::List(elements) = &list.value.value else { panic!("{list:?}") };
    assert_eq!((elements[0].place.line, elements[0].place.column), (3, 5));
    let Value::Map(inner) = &elements[1].value else { panic!("{elements:?}") };
    assert_eq!((inner[0].value.place.line, inner[0].value.place.column), (4, 9));
    assert_eq!(inner[0].value.value, Value::Scalar { text: "z".to_owned(), plain: false });
}

#[test]
fn all_unknown_fields_and_bad_values_are_told_at_once() {
    check(
        "naem: x\nlimit: 90\nsize: big\nwhat: 1\n",
        |node, problems| {
            let mut fields = node.fields("a shop", problems).unwrap();
            assert!(fields.demand("name", "give it one", problems).is_none());
            assert!(fields.take("limit").unwrap().duration(problems).is_none());
            assert!(fields.take("size").unwrap().integer(1..=5, problems).is_none());
            fields.finish(problems);
        },
        "f.yaml:1:1: a shop has no `name`\n  mend: give it one\n\
         f.yaml:1:1: unknown field `naem` in a shop; did you mean `name`?\n  mend: allowed here: `name`, `limit` or `size`\n\
         f.yaml:2:8: `90` has no unit\n  mend: say which is meant: `90s`, `90m`, `90h` or `90d`\n\
         f.yaml:3:7: `big` where a whole number is expected\n  mend: write a whole number from 1 to 5, without quotes\n\
         f.yaml:4:1: unknown field `what` in a shop\n  mend: allowed here: `name`, `limit` or `size`",
    );
}

#[test]
fn every_duplicate_key_is_told_with_both_lines() {
    check(
        "a: 1\nb: {c: 1, c: 2}\na: 3\n",
        nothing,
        "f.yaml:2:11: `c` is given twice: on line 2 and on line 2\n  mend: keep one of them\n\
         f.yaml:3:1: `a` is given twice: on line 1 and on line 3\n  mend: keep one of them",
    );
}

#[test]
fn anchors_aliases_tags_and_a_second_document_are_refused() {
    check(
        "a: &x 1\nb: *x\nc: !!str 2\n---\nd: 1\n",
        nothing,
        "f.yaml:1:7: an anchor (`&name`) is not read here\n  mend: remove it, and write the value out where it is meant\n\
         f.yaml:2:4: an alias (`*name`) is not read here\n  mend: write the value out where it is meant\n\
         f.yaml:3:10: a tag (`!name`) is not read here\n  mend: remove it; to force a text, put it into quotes\n\
         f.yaml:4:1: a second document begins here\n  mend: one file holds one document: remove the `---`",
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    for text in ["a: [1, 2\n", "a: 'x\n", "a: b: c\n", "a:\n\tb: 1\n", "a: 1\n  b: 2\n", "? [a]\n: 1\n", "", "# nothing\n", "*x"]
    {
        let mut problems = Problems::new("f.yaml");
        yaml::parse(text, &mut problems);
        assert!(!problems.is_empty(), "{text:?}");
        assert!(problems.to_string().starts_with("f.yaml:"), "{problems}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    for (text, why) in [
        ("a".repeat(yaml::MAX_TEXT + 1), "at most 1048576 are read"),
        ("[".repeat(50), "nested more than 32 deep"),
        ("[".repeat(500_000), "recursion limit exceeded"), // the parser's own bound, and no stack that overflows
        ("- ".repeat(300_000), "nested more than 32 deep"),
        ("{a: ".repeat(200_000), "recursion limit exceeded"),
    ] {
        let mut problems = Problems::new("f.yaml");
        assert!(yaml::parse(&text, &mut problems).is_none());
        assert!(problems.to_string().contains(why), "{problems}");
    }
}

#[test]
fn scalars_are_read_as_what_is_asked_for() {
    let text = "{word: met, slip: mett, number: 5, quoted: '5', yes: yes, on: true, none: ~, half: 0.5, nan: .nan, many: 1e999}";
    check(
        text,
        |node, problems| {
            let mut fields = node.fields("it", problems).unwrap();
            let mut take = |name| fields.take(name).unwrap();
            assert_eq!(take("word").word("an outcome", &["met", "unmet"], problems), Some("met"));
            assert_eq!(take("number").integer(1..=5, problems), Some(5));
            assert_eq!(take("number").text(problems), Some("5"));
            assert_eq!(take("on").boolean(problems), Some(true));
            assert_eq!(take("half").decimal(0.0..=1.0, problems), Some(0.5));
            assert_eq!(take("word").list_or_single().len(), 1);
            assert_eq!(take("slip").word("an outcome", &["met", "unmet"], problems), None);
            assert_eq!(take("number").integer(6..=7, problems), None);
            assert_eq!(take("quoted").integer(1..=5, problems), None);
            assert_eq!(take("yes").boolean(problems), None);
            assert_eq!(take("none").text(problems), None);
            assert_eq!(take("nan").decimal(0.0..=1.0, problems), None);
            assert_eq!(take("many").decimal(0.0..=1.0, problems), None);
            fields.finish(problems);
        },
        "f.yaml:1:19: `mett` is not an outcome; did you mean `met`?\n  mend: write `met` or `unmet`\n\
         f.yaml:1:33: `5` is out of range\n  mend: write a whole number from 6 to 7, without quotes\n\
         f.yaml:1:44: `5` where a whole number is expected\n  mend: write a whole number from 1 to 5, without quotes\n\
         f.yaml:1:54: `yes` where `true` or `false` is expected\n  mend: write `true` or `false`, without quotes\n\
         f.yaml:1:75: nothing where a text is expected\n  mend: write a word or a text in quotes here\n\
         f.yaml:1:94: `.nan` where a number is expected\n  mend: write a number from 0 to 1, without quotes\n\
         f.yaml:1:106: `inf` is out of range\n  mend: write a number from 0 to 1, without quotes",
    );
}

#[test]
fn what_is_quoted_from_the_file_is_fit_for_a_terminal() {
    let long = "x".repeat(5_000);
    let mut problems = Problems::new("f.yaml");
    let node = yaml::parse(&format!("[\"\\e[31mred\\nline\", {long}]"), &mut problems).unwrap();
    for element in node.list_or_single() {
        assert_eq!(element.word("a colour", &["red"], &mut problems), None);
    }
    let told = problems.to_string();
    assert!(told.starts_with("f.yaml:1:2: `\u{fffd}[31mred\u{fffd}line` is not a colour\n  mend: "), "{told}");
    assert!(told.len() < 1_500 && told.contains('…'), "{}", told.len());
}

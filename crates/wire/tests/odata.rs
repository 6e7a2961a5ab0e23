//! Filters: what they pick, what is refused and in which words, and limits, in the order of rest-api.md §7.

use hublet_wire::odata::{
    BODY_BYTES_MAX, CALLS_MAX, DEPTH_MAX, Filter, OPERATORS_MAX, QUERY_BYTES_MAX, Scratch,
};

#[path = "../../../fuzz/fuzz_targets/checks/odata_filter.rs"]
#[allow(dead_code, reason = "the corpus uses the rest")]
mod checks;

#[path = "tables/filters.rs"]
mod filters;

use checks::{Connection, EXAMPLES};
use filters::{REFUSED, WORKED};

#[track_caller]
fn parse(text: &str) -> Filter {
    Filter::parse(text, BODY_BYTES_MAX).expect(text)
}

#[track_caller]
fn refusal(text: &str) -> String {
    Filter::parse(text, BODY_BYTES_MAX).expect_err(text).to_string()
}

/// The results for the connections A to D.
#[track_caller]
fn results(text: &str) -> String {
    let filter = parse(text);
    let mut scratch = Scratch::default();
    let results = EXAMPLES.iter().map(|connection| filter.matches(connection, &mut scratch));
    results.map(|result| if result { 'T' } else { 'f' }).collect()
}

/// Whether the filter picks a connection of this user.
#[track_caller]
fn picks_user(text: &str, user: &str) -> bool {
    let connection = Connection { user: Some(user), ..EXAMPLES[0].clone() };
    parse(text).matches(&connection, &mut Scratch::default())
}

#[test]
fn worked_examples() {
    for (text, expected) in WORKED {
        assert_eq!(results(text), *expected, "{text}");
    }
}

#[test]
fn precedence_and_grouping() {
    for (text, printed) in [
        ("true or true and false", "true or (true and false)"),
        ("true and false or true", "(true and false) or true"),
        ("true or false or true", "(true or false) or true"),
        ("not true and false", "(not true) and false"),
        ("not true eq false", "(not true) eq false"),
        ("not not true", "not (not true)"),
        ("true eq not false", "true eq (not false)"),
        ("not ('a' in groups)", "not ('a' in groups)"),
        ("not 'a' in groups", "not ('a' in groups)"),
        ("1 eq 1 eq true", "(1 eq 1) eq true"),
        ("1 in (1,2) in (true)", "(1 in (1,2)) in (true)"),
        ("userId in () or 1 lt 2 and 2 gt 1", "(userId in ()) or ((1 lt 2) and (2 gt 1))"),
        ("(((true)))", "true"),
        ("(true or false) and true", "(true or false) and true"),
        ("1 in (1 , length( groups ),null)", "1 in (1,length(groups),null)"),
        ("true in (1 eq 1,false)", "true in ((1 eq 1),false)"),
        ("substring( USERID , -1,+7 ) eq ''", "substring(userId,-1,7) eq ''"),
        ("connectionid eq Protocol or 'O''B' in GROUPS", "(connectionId eq protocol) or ('O''B' in groups)"),
        ("not(true)or(false)", "(not true) or false"),
        ("userId eq'user1'", "userId eq 'user1'"),
        ("\t\r\n true \n", "true"),
        ("", "true"),
    ] {
        assert_eq!(parse(text).to_string(), printed, "{text}");
    }
    assert_eq!(parse(" true").text(), " true");
}

#[test]
fn literals_and_names() {
    for text in [
        "'' eq ''",
        "'O''Brien' ne 'OBrien'",
        "length('''') eq 1",
        "length('''''') eq 2",
        "+1 eq 1",
        "-0 eq 0",
        "2147483647 gt -2147483648",
        "null eq null",
        "userId in (null) eq (userId eq null)",
    ] {
        assert_eq!(results(text), "TTTT", "{text}");
    }
    // Identifiers ignore case; operators, functions and literals do not.
    for text in [
        "userId Eq 'a'",
        "NOT true",
        "not TRUE",
        "userId eq NULL",
        "true AND true",
        "ToLower(userId) eq 'a'",
        "'a' IN groups",
    ] {
        refusal(text);
    }
}

#[test]
fn functions() {
    for text in [
        "length(userId) eq 10",
        "tolower(userId) eq 'äb😀 ab-c '",
        "toupper(userId) eq 'ÄB😀 AB-C '",
        "trim(userId) eq 'Äb😀 AB-c'",
        "contains(userId,'😀')",
        "contains(userId,'')",
        "not contains(userId,'äb')",
        "startswith(userId,'Äb')",
        "not startswith(userId,'äb')",
        "endswith(userId,'-c ')",
        "indexof(userId,'AB') eq 5",
        "indexof(userId,'') eq 0",
        "concat(userId,'') eq userId",
        "substring(userId,2,2) eq '😀'",
        "substring(userId,3) eq null",
        "substring(userId,2,1) eq null",
        "substring(userId,10) eq ''",
        "substring(userId,11) eq null",
        "substring(userId,-1) eq null",
        "substring(userId,0,-1) eq null",
        "substring(userId,8,3) eq null",
        "substring(userId,8,length(null)) eq null",
        "substring(userId,length(userId)) eq ''",
        "tolower(toupper(trim(concat(userId,userId)))) eq 'äb😀 ab-c äb😀 ab-c'",
        "substring(substring(concat(' ',userId),1),2) eq concat('😀',' AB-c ')",
        "concat(tolower(userId),toupper(userId)) eq 'äb😀 ab-c ÄB😀 AB-C '",
        "toupper(trim(connectionId)) eq 'CONN-1'",
        "toupper(protocol) eq 'JSON.WEBPUBSUB.AZURE.V1'",
        "length(concat(userId,concat(connectionId,protocol))) eq 39",
    ] {
        assert!(picks_user(text, "Äb😀 AB-c "), "{text}");
    }
}

#[test]
fn functions_of_null() {
    for text in [
        "length(null) eq null",
        "tolower(null) eq null",
        "toupper(null) eq null",
        "trim(null) eq null",
        "not contains(null,'a')",
        "not contains('a',null)",
        "not startswith(null,'')",
        "not endswith('',null)",
        "indexof(null,'') eq -1",
        "indexof('a',null) eq -1",
        "concat(null,'a') eq 'a'",
        "concat('a',null) eq 'a'",
        "concat(null,null) eq null",
        "concat('',null) ne null",
        "substring(null,0) eq null",
        "substring('a',null) eq null",
        "length(substring('a',2)) eq null",
    ] {
        assert_eq!(results(text), "TTTT", "{text}");
    }
}

#[test]
fn types() {
    for (text, expected) in [
        // Values of different kinds are different, which is no error.
        ("'true' eq true", "ffff"),
        ("1 ne '1'", "TTTT"),
        ("null eq false", "ffff"),
        ("groups eq null", "ffff"),
        ("groups eq groups", "TTTT"),
        ("1 in groups", "ffff"),
        ("userId in groups", "ffff"),
        ("'group1' in (groups)", "ffff"),
        ("1 in ('1',true,null,1)", "TTTT"),
        ("tolower(userId) eq length(userId)", "ffTf"),
        // Null is neither more nor less.
        ("length(userId) gt 0", "TTfT"),
        ("null ge null", "ffff"),
        ("1 le null", "ffff"),
        ("not (null lt 1)", "TTTT"),
    ] {
        assert_eq!(results(text), expected, "{text}");
    }
}

/// A type error that the validation does not show is no match, whatever stands around it.
#[test]
fn type_errors_of_single_connections() {
    for (text, expected) in [
        ("contains(length(userId),'a')", "ffff"),
        ("not contains(length(userId),'a')", "ffTf"),
        ("true or contains(length(userId),'a')", "ffTf"),
        ("not (false and contains(length(userId),'a'))", "ffTf"),
        ("concat('a',length(protocol)) eq 'a'", "fTTf"),
        ("length(length(userId)) eq null", "ffTf"),
    ] {
        assert_eq!(results(text), expected, "{text}");
    }
}

/// The list of rest-api.md §7.6.
#[test]
fn refused() {
    for text in REFUSED {
        let message = refusal(text);
        assert!(message.starts_with("Invalid syntax for '"), "{message}");
        assert!(message.ends_with(". (Parameter 'filter')"), "{message}");
    }
}

/// The table of rest-api.md §7.5, then the other errors that name types and tokens.
#[test]
fn messages() {
    for (text, expression, detail) in [
        ("not length(userId) gt 5", "not length(userId)", "Type 'null', expect 'bool'."),
        ("( not 'a' )", "not 'a'", "Type 'string', expect 'bool'."),
        ("userId lt 1", "userId lt 1", "Type 'string', expect 'int'."),
        ("invalid(ab,c)", "invalid(ab,c)", "Token 'invalid(ab,c)' is not supported."),
        ("ab eq 1", "ab eq 1", "Token 'ab' is not supported."),
        ("USERID", "userId", "Type 'string', expect 'bool'."),
        ("null", "null", "Type 'null', expect 'bool'."),
        ("groups", "groups", "Type 'collection', expect 'bool'."),
        ("length(groups)", "length(groups)", "Type 'int', expect 'bool'."),
        ("true  or( userId )", "true or userId", "Type 'string', expect 'bool'."),
        ("1 and (true or true)", "1 and (true or true)", "Type 'int', expect 'bool'."),
        ("null gt 'a'", "null gt 'a'", "Type 'string', expect 'int'."),
        ("true gt false", "true gt false", "Type 'bool', expect 'int'."),
        ("'a' in ('a') and 1 lt groups", "1 lt groups", "Type 'collection', expect 'int'."),
        ("userId in 'group1'", "userId in 'group1'", "Type 'string', expect 'collection'."),
        ("'a' in null", "'a' in null", "Type 'null', expect 'collection'."),
        ("not contains( 1 , 'a' )", "contains(1,'a')", "Type 'int', expect 'string'."),
        ("contains('a',groups)", "contains('a',groups)", "Type 'collection', expect 'string'."),
        ("length(true) eq 1", "length(true)", "Type 'bool', expect 'string'."),
        ("substring('a','b') eq ''", "substring('a','b')", "Type 'string', expect 'int'."),
        ("substring('a',0,true) eq ''", "substring('a',0,true)", "Type 'bool', expect 'int'."),
        ("true and (ab eq (1 lt 2))", "ab eq (1 lt 2)", "Token 'ab' is not supported."),
        ("ab", "ab", "Token 'ab' is not supported."),
        ("eq eq 1", "eq eq 1", "Token 'eq' is not supported."),
        ("not TRUE or ab", "not TRUE", "Token 'TRUE' is not supported."),
        ("userId in ('a',Null)", "userId in ('a',Null)", "Token 'Null' is not supported."),
        ("ab eq cd(ef)", "ab eq cd(ef)", "Token 'ab' is not supported."),
        ("trim(ab) eq 1", "trim(ab)", "Token 'ab' is not supported."),
        ("now() eq 1", "now() eq 1", "Token 'now()' is not supported."),
        ("f('O''B') eq 1", "f('O''B') eq 1", "Token 'f('O''B')' is not supported."),
        ("not startswith(userId)", "startswith(userId)", "Function 'startswith' takes 2 arguments, not 1."),
        ("length() eq 1", "length()", "Function 'length' takes 1 argument, not 0."),
        ("substring('') eq ''", "substring('')", "Function 'substring' takes 2 or 3 arguments, not 1."),
        // What is not well-formed is shown as it is.
        ("ab  eq", "ab  eq", "Expected an expression at position 7."),
        (" ", " ", "Expected an expression at position 2."),
        ("(true", "(true", "Expected an operator or ')' at position 6."),
        ("true)", "true)", "Expected an operator or the end at position 5."),
        ("()", "()", "Expected an expression at position 2."),
        ("f(1,)", "f(1,)", "Expected an expression at position 5."),
        ("f(,1)", "f(,1)", "Expected an expression at position 3."),
        ("1 in (1 2)", "1 in (1 2)", "Expected an operator, ',' or ')' at position 9."),
        ("'a' in not true", "'a' in not true", "Expected an operator or the end at position 12."),
        ("'ü' add 'a'", "'ü' add 'a'", "Expected an operator or the end at position 5."),
        ("guid'a' eq 1", "guid'a' eq 1", "Expected an operator or the end at position 5."),
        ("1.5 eq 1", "1.5 eq 1", "The number at position 1 is not a 32-bit integer."),
        ("'ü' eq \"a\"", "'ü' eq \"a\"", "Character '\"' at position 8 is not supported."),
        ("'ü' eq 'a", "'ü' eq 'a", "The string that starts at position 8 has no closing quote."),
    ] {
        let expected = format!("Invalid syntax for '{expression}': {detail} (Parameter 'filter')");
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn depth_limit() {
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(results(&nested(DEPTH_MAX)), "TTTT");
    assert!(refusal(&nested(DEPTH_MAX + 1)).contains("Parentheses are nested more than 32 deep."));
    let calls = |depth: usize| format!("{}'a'{} eq 'a'", "trim(".repeat(depth), ")".repeat(depth));
    assert_eq!(results(&calls(DEPTH_MAX)), "TTTT");
    assert!(refusal(&calls(DEPTH_MAX + 1)).contains("Parentheses are nested more than 32 deep."));
    let lists = |depth: usize| format!("{}true{}", "true in (".repeat(depth), ")".repeat(depth));
    assert_eq!(results(&lists(DEPTH_MAX)), "TTTT");
    assert!(refusal(&lists(DEPTH_MAX + 1)).contains("Parentheses are nested more than 32 deep."));
    // Of what is side by side, no number is too deep.
    assert_eq!(results(&vec!["((true))"; 200].join(" and ")), "TTTT");
    refusal(&"(".repeat(BODY_BYTES_MAX));
}

#[test]
fn operator_limit() {
    for (operator, operand) in [(" or ", "true"), (" and ", "true"), (" eq ", "true"), (" in ", "groups")] {
        let message = refusal(&vec![operand; OPERATORS_MAX + 2].join(operator));
        assert!(message.contains("There are more than 256 operators."), "{message}");
    }
    assert_eq!(results(&vec!["true"; OPERATORS_MAX + 1].join(" and ")), "TTTT");
    let nots = |count: usize| "not ".repeat(count) + "true";
    assert_eq!(results(&nots(OPERATORS_MAX)), "TTTT");
    assert!(refusal(&nots(OPERATORS_MAX + 1)).contains("There are more than 256 operators."));
    // As deep as a printed expression gets.
    let deepest = nots(OPERATORS_MAX);
    let printed = format!("{}not true{}", "not (".repeat(OPERATORS_MAX - 1), ")".repeat(OPERATORS_MAX - 1));
    assert_eq!(parse(&deepest).to_string(), printed);
    // As deep as the parser gets: every step of precedence, 32 times.
    let step = "false or true and true eq not (";
    let deepest = step.repeat(DEPTH_MAX) + "false" + &")".repeat(DEPTH_MAX);
    assert_eq!(results(&deepest).len(), 4);
}

#[test]
fn call_limit() {
    let calls = |count: usize| vec!["trim('a')"; count].join(",");
    assert_eq!(results(&format!("'a' in ({})", calls(CALLS_MAX))), "TTTT");
    assert!(refusal(&format!("'a' in ({})", calls(CALLS_MAX + 1))).contains("more than 256 function calls."));
    // A hundred clauses with a function each are a usual filter.
    let clauses: Vec<String> =
        (0..100).map(|number| format!("startswith(tolower(userId),'user{number}')")).collect();
    assert_eq!(results(&clauses.join(" or ")), "Tfff");
}

#[test]
fn length_limit() {
    let of_length = |length: usize| format!("'{}' eq null", "ü".repeat((length - 10) / 2));
    for limit in [QUERY_BYTES_MAX, BODY_BYTES_MAX] {
        let longest = of_length(limit);
        assert_eq!(longest.len(), limit);
        assert!(Filter::parse(&longest, limit).is_ok());
        let message = Filter::parse(&format!("{longest} "), limit).unwrap_err().to_string();
        assert!(
            message
                .ends_with(&format!("ü...': The filter is longer than {limit} bytes. (Parameter 'filter')"))
        );
        assert!(message.len() < 400, "{message}");
    }
    // A list may have as many items as fit.
    let list = format!("userId in ({}'user1')", "'a',".repeat(15_000));
    assert_eq!(results(&list), "Tfff");
}

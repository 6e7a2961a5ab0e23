use super::*;

const VAULT: &str = "https://vault.example/secrets/code";

fn template(text: &str) -> UrlTemplate {
    let secrets = [(VAULT.to_owned(), "s/3 ü={hub}".to_owned())].into_iter().collect();
    UrlTemplate::with_secrets(text, &secrets).expect("a template")
}

fn error(text: &str) -> String {
    UrlTemplate::parse(text).expect_err("it is wrong").to_string()
}

#[test]
fn names_are_put_in() {
    for (text, expected) in [
        ("http://host/api/{hub}/{event}", "http://host/api/Chat/connect"),
        ("https://h:8443/{HUB}/{Event}?h={hub}&e={EVENT}", "https://h:8443/Chat/connect?h=Chat&e=connect"),
        ("http://127.0.0.1:3000/eventhandler", "http://127.0.0.1:3000/eventhandler"),
        ("http://[::1]:80/x{hub}y", "http://[::1]:80/xChaty"),
        ("HTTPS://host/a?code=x%2F==&{hub}", "https://host/a?code=x%2F==&Chat"),
        ("http://host", "http://host/"),
        ("http://host?code={event}", "http://host/?code=connect"),
        ("http://host/?a?b={hub}?", "http://host/?a?b=Chat?"),
        (" http://host/a b/größe?q=ü|\" ", "http://host/a%20b/gr%C3%B6%C3%9Fe?q=%C3%BC%7C%22"),
        ("http://host/100%/[a]/%7Bhub%7D", "http://host/100%/[a]/%7Bhub%7D"),
    ] {
        assert_eq!(template(text).expand("Chat", "connect").to_string(), expected, "{text}");
    }
}

#[test]
fn names_are_one_path_segment_each() {
    let template = template("http://h/{hub}/{event}?e={event}");
    assert_eq!(
        template.expand("a`[1],b", "x/y z?ü&#%2F..~").to_string(),
        "http://h/a%60%5B1%5D%2Cb/x%2Fy%20z%3F%C3%BC%26%23%252F..~?e=x%2Fy%20z%3F%C3%BC%26%23%252F..~"
    );
    assert_eq!(
        template.expand("{event}", "{hub}").path(),
        "/%7Bevent%7D/%7Bhub%7D",
        "names are no templates"
    );
}

#[test]
fn the_longest_names_make_a_url() {
    let text = format!("http://h/{}", "{hub}{event}".repeat(PLACEHOLDERS_MAX / 2));
    let url = template(&text).expand(&"𝄞".repeat(128), &"𝄞".repeat(128));
    assert_eq!(url.path().len(), 1 + PLACEHOLDERS_MAX * 128 * 12);
    assert!(error(&format!("{text}{{hub}}")).contains("more than 16 placeholders"));
}

#[test]
fn secrets_are_looked_up_and_never_shown() {
    let text = format!(
        "https://h/{{@microsoft.keyvault(secreturi={VAULT}/)}}/{{event}}?code={{@Microsoft.KeyVault(SecretUri={VAULT})}}&x=y"
    );
    let template = template(&text);
    let secret = "s%2F3%20%C3%BC%3D%7Bhub%7D";
    assert_eq!(template.expand("chat", "e").to_string(), format!("https://h/{secret}/e?code={secret}&x=y"));
    assert_eq!(template.shown("chat", "e"), "https://h/***/e");
    assert_eq!(template.without_query(), "https://h/***/{event}");
    assert_eq!(format!("{template:?}"), "UrlTemplate(\"https://h/***/{event}\")");
    assert_eq!(template.as_str(), text);
}

#[test]
fn the_query_is_not_shown() {
    let template = template("https://h/{hub}?code=secret");
    assert_eq!(template.expand("chat", "e").query(), Some("code=secret"));
    assert!(
        !format!("{template:?}{}{}", template.shown("chat", "e"), template.without_query())
            .contains("secret")
    );
}

#[test]
fn mistakes_say_what_to_change() {
    let long = format!("http://h/{}", "x".repeat(TEMPLATE_BYTES_MAX));
    for (text, part) in [
        ("", "does not begin with http:// or https://"),
        ("host/path", "does not begin with http:// or https://"),
        ("{hub}", "does not begin with http:// or https://"),
        ("ftp://host/", "The scheme \"ftp\""),
        ("tunnel:///chat/{event}", "Tunnels are not offered yet"),
        ("http://{hub}.example.com/", "{hub} stands in the host"),
        ("http://h:{Event}/", "{Event} stands in the host"),
        ("http://user:pass@host/", "credentials"),
        ("http://{hub}@host/", "{hub} stands in the host"),
        ("http:///path", "no host"),
        ("http://:80/", "host or the port"),
        ("http://h:0/", "host or the port"),
        ("http://h:65536/", "host or the port"),
        ("http://h:/", "host or the port"),
        ("http://h ost/", "no host"),
        ("http://größe/", "beginning with xn--"),
        ("http://h/#{event}", "fragment"),
        ("http://h/\u{7}", "control character"),
        ("http://h/{evnt}", "{evnt} is no placeholder. Did you mean {event}? There are {hub} and {event}"),
        ("http://h/{code=abc}", "{…} is no placeholder. There are"),
        ("http://h/{user}", "{user} is no placeholder. There are"),
        ("http://h/{}", "is no placeholder"),
        ("http://h/{hub", "A brace in the URL"),
        ("http://h/hub}", "A brace in the URL"),
        ("http://h/{@Microsoft.KeyVault(SecretUri=https://v/s)}", "The secret https://v/s is not known here"),
        ("http://h/{@Microsoft.KeyVault(SecretUri=https://v/s}", "not complete"),
        ("http://h/{@Microsoft.KeyVault(SecretUri=)}", "not complete"),
        ("http://{@Microsoft.KeyVault(SecretUri=https://v/s)}/", "stands in the host"),
        (&long, "has 2057 bytes"),
    ] {
        let error = error(text);
        assert!(error.contains(part) && error.ends_with('.'), "{text}: {error}");
    }
}

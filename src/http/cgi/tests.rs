//! Tables of RFC 3875: what a script is told, and what is made of what it says.

use proptest::prelude::*;

use super::super::response::ResponseHead;
use super::*;

const CALL: Call = Call {
    script_name: "/tools",
    path_info: "/a b",
    client: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    https: false,
    trusted: false,
    user: None,
    request_id: "id7",
};

fn variables(head: &str, call: &Call) -> BTreeMap<String, String> {
    let head = RequestHead::parse(head.as_bytes()).unwrap().unwrap();
    cgi_variables(&head, call)
}

fn listed(all: &BTreeMap<String, String>) -> String {
    all.iter().map(|(name, value)| format!("{name}={value}\n")).collect()
}

#[test]
fn the_variables_of_a_request() {
    let head = "POST /tools/a%20b?x=1&y=%20 HTTP/1.1\r\nHost: example.com:3000\r\nContent-Length: 5\r\n\
                Content-Type: text/plain\r\nAccept: text/html\r\nAccept: */*\r\nCookie: a=1\r\ncookie: b=2\r\n\
                X-Odd: caf\u{e9}\r\nX-Request-Id: forged\r\n\r\n";
    let expected = "CONTENT_LENGTH=5\nCONTENT_TYPE=text/plain\nGATEWAY_INTERFACE=CGI/1.1\nHTTP_ACCEPT=text/html, */*\n\
                    HTTP_COOKIE=a=1; b=2\nHTTP_HOST=example.com:3000\nHTTP_X_ODD=caf\u{e9}\nHTTP_X_REQUEST_ID=id7\n\
                    PATH_INFO=/a b\nQUERY_STRING=x=1&y=%20\nREMOTE_ADDR=192.0.2.7\nREMOTE_HOST=192.0.2.7\n\
                    REQUEST_METHOD=POST\nREQUEST_URI=/tools/a%20b?x=1&y=%20\nSCRIPT_NAME=/tools\nSERVER_NAME=example.com\n\
                    SERVER_PORT=3000\nSERVER_PROTOCOL=HTTP/1.1\n";
    let all = listed(&variables(head, &CALL));
    let software = format!("SERVER_SOFTWARE=tenantd/{}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(all, format!("{expected}{software}"));
}

#[test]
fn what_a_script_must_not_see() {
    for (field, name) in [
        ("Proxy: http://evil", "HTTP_PROXY"),
        ("Authorization: Basic x", "HTTP_AUTHORIZATION"),
        ("Proxy-Authorization: Basic x", "HTTP_PROXY_AUTHORIZATION"),
        ("X_Real_IP: 1.1.1.1", "HTTP_X_REAL_IP"),
        ("Remote_User: root", "HTTP_REMOTE_USER"),
        ("X-Forwarded-For: 1.1.1.1", "HTTP_X_FORWARDED_FOR"),
        ("Connection: x-hop\r\nX-Hop: 1", "HTTP_X_HOP"),
        ("Connection: x-hop\r\nX-Hop: 1", "HTTP_CONNECTION"),
        ("Keep-Alive: 5", "HTTP_KEEP_ALIVE"),
        ("TE: trailers", "HTTP_TE"),
        ("Content-Type: a/b", "HTTP_CONTENT_TYPE"),
        ("Content-Length: 0", "HTTP_CONTENT_LENGTH"),
        ("X$Y: 1", "HTTP_X$Y"),
    ] {
        let all = variables(&format!("GET /tools HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n"), &CALL);
        assert!(!all.contains_key(name), "{field}: {all:?}");
        assert!(!all.contains_key("CONTENT_LENGTH") || field.starts_with("Content-Length"), "{field}");
    }
}

#[test]
fn what_depends_on_trust_and_on_the_connection() {
    let head = "GET /tools HTTP/1.0\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n";
    let call = Call { https: true, trusted: true, user: Some("ann"), path_info: "", ..CALL };
    let all = variables(head, &call);
    for (name, value) in [
        ("HTTP_X_FORWARDED_FOR", "1.1.1.1"),
        ("HTTPS", "on"),
        ("AUTH_TYPE", "Basic"),
        ("REMOTE_USER", "ann"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "443"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
        ("QUERY_STRING", ""),
        ("PATH_INFO", ""),
    ] {
        assert_eq!(all.get(name).map(String::as_str), Some(value), "{name}");
    }
    let all = variables(head, &CALL);
    for name in ["HTTPS", "AUTH_TYPE", "REMOTE_USER", "HTTP_X_FORWARDED_FOR", "CONTENT_LENGTH", "CONTENT_TYPE"] {
        assert!(!all.contains_key(name), "{name}");
    }
}

#[test]
fn servers_without_their_ports() {
    for (host, name, port) in [
        ("example.com", "example.com", "80"),
        ("example.com:", "example.com", "80"),
        ("[::1]:8080", "[::1]", "8080"),
        ("[::1]", "[::1]", "80"),
        ("", "localhost", "80"),
    ] {
        assert_eq!(server(host, false), (name, port), "{host}");
    }
}

/// The head that is made, with `;` for its line ends, or why there is none.
fn answer(text: &[u8]) -> Result<(String, usize), &'static str> {
    let mut out = Vec::new();
    match cgi_answer(text, &mut out) {
        Ok(Some(len)) => {
            ResponseHead::parse(&out, false).map_err(|refusal| refusal.reason)?.expect("a whole head");
            Ok((String::from_utf8(out).unwrap().replace("\r\n", ";"), len))
        }
        Ok(None) => Err("more"),
        Err(refusal) => Err(refusal.reason),
    }
}

#[test]
fn answers() {
    for (text, head) in [
        ("Content-Type: a/b\n\nbody", "HTTP/1.1 200 OK;Content-Type: a/b;Transfer-Encoding: chunked;;"),
        ("content-type:a/b\r\n\r\nbody", "HTTP/1.1 200 OK;content-type: a/b;Transfer-Encoding: chunked;;"),
        ("Content-Type: a/b\r\n\nbody", "HTTP/1.1 200 OK;Content-Type: a/b;Transfer-Encoding: chunked;;"),
        ("Content-Type: a\nContent-Length: 4\n\nbody", "HTTP/1.1 200 OK;Content-Type: a;Content-Length: 4;;"),
        (
            "Status: 404 No Way\nContent-Type: a\n\nbody",
            "HTTP/1.1 404 No Way;Content-Type: a;Transfer-Encoding: chunked;;",
        ),
        ("Status: 201\nContent-Type: a\n\nbody", "HTTP/1.1 201 ;Content-Type: a;Transfer-Encoding: chunked;;"),
        ("Status: 204\n\nbody", "HTTP/1.1 204 No Content;Transfer-Encoding: chunked;;"),
        ("Location: /x\n\nbody", "HTTP/1.1 302 Found;Location: /x;Transfer-Encoding: chunked;;"),
        (
            "Location: http://y/\nContent-Type: a\n\nbody",
            "HTTP/1.1 302 Found;Location: http://y/;Content-Type: a;Transfer-Encoding: chunked;;",
        ),
        (
            "Status: 303 See Other\nLocation: /x\n\nbody",
            "HTTP/1.1 303 See Other;Location: /x;Transfer-Encoding: chunked;;",
        ),
        (
            "Set-Cookie: a=1\nContent-Type: a\nSet-Cookie: b=2\n\nbody",
            "HTTP/1.1 200 OK;Set-Cookie: a=1;Content-Type: a;Set-Cookie: b=2;Transfer-Encoding: chunked;;",
        ),
        (
            "Content-Type: a\nConnection: close\nTransfer-Encoding: gzip\nUpgrade: x\nKeep-Alive: 1\n\nbody",
            "HTTP/1.1 200 OK;Content-Type: a;Transfer-Encoding: chunked;;",
        ),
    ] {
        let end = text.len() - "body".len();
        assert_eq!(answer(text.as_bytes()), Ok((head.to_owned(), end)), "{text}");
    }
}

#[test]
fn what_is_no_answer() {
    for (text, reason) in [
        ("", "more"),
        ("Content-Type: a", "more"),
        ("Content-Type: a\n", "more"),
        ("\n", "it says no Content-Type"),
        ("X: y\n\n", "it says no Content-Type"),
        ("hello\n\n", "a line before the empty one is no field"),
        ("<html>: x\n\n", "a field has no right name"),
        (" Content-Type: a\n\n", "a field has no right name"),
        ("Content-Type : a\n\n", "a field has no right name"),
        ("Content-Type: a\n more\n\n", "a line before the empty one is no field"),
        ("Content-Type: a\rX: y\n\n", "the value of a field holds a control character"),
        ("Content-Type: a\0\n\n", "the value of a field holds a control character"),
        ("Content-Type: a\nContent-Type: b\n\n", "it says Content-Type, Location or Content-Length twice"),
        ("Status: 200\nStatus: 404\n\n", "it says Status twice"),
        ("Status: 100 Continue\n\n", "its Status is no number from 200 to 599"),
        ("Status: 101 Switching\n\n", "its Status is no number from 200 to 599"),
        ("Status: 2000\n\n", "its Status is no number from 200 to 599"),
        ("Status: +20\n\n", "its Status is no number from 200 to 599"),
        ("Status: OK\n\n", "its Status is no number of three digits"),
        ("Content-Type: a\nContent-Length: x\n\n", "invalid Content-Length"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: a\r\n\r\n",
            "it speaks HTTP itself (nph), which is not supported: write \"Status: 200 OK\" instead",
        ),
    ] {
        assert_eq!(answer(text.as_bytes()), Err(reason), "{text:?}");
    }
    let long = |size| format!("Content-Type: {}", "a".repeat(size));
    assert_eq!(answer(long(MAX_CGI_HEAD).as_bytes()), Err("its fields are too large"));
    assert_eq!(answer(long(MAX_CGI_HEAD - 20).as_bytes()), Err("more"));
}

proptest! {
    /// However the bytes arrive: a prefix asks for more, or is judged as the whole.
    #[test]
    fn any_split_gives_the_same(
        text in "((Status: (200|404 No|99)|Content-Type: a|Location: /x|X: y|[a-z:\r]{0,6})\r?\n){0,5}\r?\n?[a-z\n]{0,9}",
    ) {
        let whole = answer(text.as_bytes());
        for at in 0..text.len() {
            let part = answer(&text.as_bytes()[..at]);
            prop_assert!(part == Err("more") || part == whole, "{at}: {part:?} {whole:?}");
        }
    }
}

//! What well-behaved sides send, so that the fuzzer need not find out how to spell it.

/// What a client sends; `tag` comes back with the answer.
pub fn request(which: u8, tag: &str) -> Vec<u8> {
    let head = |line: &str, fields: &str| format!("{line}\r\nHost: x\r\nX-Tag: {tag}\r\n{fields}\r\n").into_bytes();
    let get = || head("GET /a HTTP/1.1", "");
    match which % 22 {
        0..=2 => get(),
        3 => head("HEAD /a HTTP/1.1", ""),
        4 => [head("POST /a HTTP/1.1", "Content-Length: 5\r\n"), b"hello".into()].concat(),
        5 => {
            [head("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n"), b"5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n".into()]
                .concat()
        }
        6 => head("GET /a HTTP/1.0", ""),
        7 => head("GET /a HTTP/1.0", "Connection: keep-alive\r\n"),
        8 => head("GET /a HTTP/1.1", "Connection: close\r\n"),
        9 => head("GET /ws HTTP/1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        10 => head("POST /a HTTP/1.1", "Expect: 100-continue\r\nContent-Length: 5\r\n"),
        11 => head("GET /up HTTP/1.1", ""),
        12 => head("OPTIONS * HTTP/1.1", ""),
        13 => [head("PUT /a HTTP/1.1", "Content-Length: 200000\r\n"), vec![b'x'; 200_000]].concat(),
        14 => head("POST /a HTTP/1.1", "Content-Length: 200000\r\n"),
        15 => head("POST /a HTTP/1.1", "Transfer-Encoding: chunked\r\n"),
        16 => b"5\r\nhello\r\n".into(),
        17 => b"0\r\n\r\n".into(),
        18 => b"hello".into(),
        19 => vec![b'y'; 70_000],
        20 => head("DELETE /a HTTP/1.1", "Connection: X-Tag, close\r\n"),
        _ => head("POST /a HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    }
}

/// An answer, and what is true of it.
pub struct Answer {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// It is complete, and another one may follow on the connection.
    pub complete: bool,
}

/// What a tenant answers to the request of this tag and method.
pub fn answer(which: u8, tag: &str, to_head: bool) -> Answer {
    let body = |body: &[u8]| if to_head { Vec::new() } else { body.to_vec() };
    let whole = |head: &str, body: Vec<u8>| {
        let bytes = [format!("HTTP/1.1 {head}X-Tag: {tag}\r\n\r\n").into_bytes(), body].concat();
        Answer { bytes, complete: true }
    };
    let cut = |answer: Answer| Answer { complete: false, ..answer };
    match which % 16 {
        0..=2 => whole("200 OK\r\nContent-Length: 2\r\n", body(b"hi")),
        3 => whole("200 OK\r\nTransfer-Encoding: chunked\r\n", body(b"2\r\nhi\r\n0\r\n\r\n")),
        4 => cut(whole("200 OK\r\n", body(b"until the end"))),
        5 => whole("204 No Content\r\n", Vec::new()),
        6 => whole("304 Not Modified\r\nContent-Length: 9\r\n", Vec::new()),
        7 => whole("103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n", Vec::new()),
        8 => whole("100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n", body(b"hi")),
        9 => {
            let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
            cut(whole(&format!("101 Switching Protocols\r\n{fields}"), b"leftover".into()))
        }
        10 => whole("200 OK\r\nContent-Length: 300000\r\n", body(&vec![b'z'; 300_000])),
        11 => cut(whole("500 Oops\r\nConnection: close\r\nContent-Length: 2\r\n", body(b"no"))),
        12 => cut(whole(
            "200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n",
            body(b"5\r\ndata:\r\n"),
        )),
        13 => cut(whole("200 OK\r\nContent-Length: 100\r\n", body(b"short"))),
        14 => whole("205 Reset Content\r\n", Vec::new()),
        _ => cut(whole("200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n", body(b"hi"))),
    }
}

//! Odd requests, out of a grammar whose every place has its well-known and its strange forms. The same seed and number give
//! the same bytes.

use crate::random::Random;

/// Behind the odd request: whoever reads that one differently reads this one differently, or not at all.
pub const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n";

/// A probe that ends the connection.
pub const LAST_PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

/// The request of this number, most with a probe behind it.
pub fn case(seed: u64, number: u64) -> Vec<u8> {
    let mut maker = Maker { random: Random::with(seed.wrapping_mul(1_000_003).wrapping_add(number + 1)), odd: 0 };
    // A few steps apart: near seeds give near first numbers.
    for _ in 0..4 {
        maker.random.below(2);
    }
    maker.odd = [8, 4, 4, 3, 3, 2, 2][maker.random.below(7) as usize];
    let mut bytes = maker.request();
    if maker.random.below(10) < 8 {
        bytes.extend_from_slice(PROBE);
    }
    if maker.random.below(8) == 0 {
        maker.mutate(&mut bytes);
    }
    bytes
}

struct Maker {
    random: Random,
    /// One in so many places (times ten) is odd.
    odd: u64,
}

impl Maker {
    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.random.below(all.len() as u64) as usize]
    }

    /// The usual form, or now and then one of the odd ones.
    fn rarely<'a>(&mut self, usual: &[&'a str], odd: &[&'a str]) -> &'a str {
        if self.random.below(self.odd * 3) == 0 { self.pick(odd) } else { self.pick(usual) }
    }

    fn request(&mut self) -> Vec<u8> {
        let method = self.rarely(METHODS, ODD_METHODS);
        let mut target = self.rarely(TARGETS, ODD_TARGETS).to_owned();
        if self.random.below(self.odd * 20) == 0 {
            target = format!("/{}", "a".repeat([8100, 8180, 8192, 9000, 40_000][self.random.below(5) as usize]));
        }
        let version = self.rarely(&["HTTP/1.1"], VERSIONS);
        let space = self.rarely(&[" "], &["  ", "\t", "\u{b}", " \t", ""]);
        let mut head = format!("{method} {target}{space}{version}").into_bytes();
        if self.random.below(self.odd * 8) == 0 {
            head.splice(0..0, self.pick(&["\r\n", "\n", "\r\n\r\n", " ", "\r", "\0", "\u{feff}"]).bytes());
        }
        let line = self.rarely(&["\r\n"], LINE_ENDS);
        let mut fields = vec![self.rarely(HOSTS, ODD_HOSTS).to_owned()];
        let body = self.body(method, &mut fields);
        for _ in 0..self.random.below(3) {
            fields.push(self.rarely(FIELDS, ODD_FIELDS).to_owned());
        }
        self.shuffle(&mut fields);
        head.extend_from_slice(line.as_bytes());
        for field in fields {
            let end = self.line_end(line);
            head.extend_from_slice(field.replace('\n', &end).replace('\u{1}', "\n").as_bytes());
            head.extend_from_slice(end.as_bytes());
        }
        let end = self.line_end(line);
        head.extend_from_slice(end.as_bytes());
        head.extend(body);
        head
    }

    /// Mostly the line end of this request; rarely one of its own.
    fn line_end(&mut self, usual: &str) -> String {
        self.rarely(&[usual; 8], LINE_ENDS).to_owned()
    }

    fn shuffle(&mut self, fields: &mut [String]) {
        for at in (1..fields.len()).rev() {
            fields.swap(at, self.random.below(at as u64 + 1) as usize);
        }
    }

    /// A body, and the fields that say how long it is: the right ones, odd ones, both.
    fn body(&mut self, method: &str, fields: &mut Vec<String>) -> Vec<u8> {
        let wanted = if matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS") { 1 } else { 3 };
        if self.random.below(4) >= wanted {
            return Vec::new();
        }
        let payload = self.payload();
        let (length, coding) = match self.random.below(20) {
            0..8 => (true, false),
            8..17 => (false, true),
            17 | 18 => (true, true),
            _ => (false, false),
        };
        let coded = if coding { self.chunks(&payload) } else { payload.clone() };
        if length {
            let right = if coding && self.random.below(2) == 0 { coded.len() } else { payload.len() };
            let form = self.rarely(&["Content-Length: N"], LENGTHS);
            fields.push(form.replace("N+", &(right + 1).to_string()).replace('N', &right.to_string()));
        }
        if coding {
            fields.push(self.rarely(&["Transfer-Encoding: chunked"], CODINGS).to_owned());
        }
        coded
    }

    fn payload(&mut self) -> Vec<u8> {
        match self.random.below(6) {
            0 => Vec::new(),
            1 => b"hello".to_vec(),
            // A request that nobody may see.
            2 => b"GET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n".to_vec(),
            3 => b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n".to_vec(),
            4 => b"\r\n\r\n".to_vec(),
            _ => vec![b'x'; self.random.below(600) as usize],
        }
    }

    fn chunks(&mut self, payload: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), payload);
        while !rest.is_empty() {
            let size = 1 + self.random.below(rest.len() as u64) as usize;
            let (chunk, after) = rest.split_at(size);
            rest = after;
            let form = self.rarely(&["N", "N", "n"], SIZES);
            let size = form.replace('N', &format!("{:X}", chunk.len())).replace('n', &format!("{:x}", chunk.len()));
            out.extend_from_slice(size.as_bytes());
            let extension = self.rarely(&["", "", "", ";a=b", ";a", ";a=\"b c\"", ";a;b=c"], EXTENSIONS);
            out.extend_from_slice(extension.as_bytes());
            out.extend_from_slice(self.line_end("\r\n").as_bytes());
            out.extend_from_slice(chunk);
            let end = self.rarely(&["\r\n"; 4], &["\n", "", "\r", "\rX", "XX", "\r\n\r\n", "X\r\n"]);
            out.extend_from_slice(end.as_bytes());
        }
        let last = self.rarely(&["0"; 4], LAST_CHUNKS);
        out.extend_from_slice(last.as_bytes());
        out.extend_from_slice(self.line_end("\r\n").as_bytes());
        if self.random.below(5) == 0 {
            let trailer = self.rarely(TRAILERS, ODD_TRAILERS);
            out.extend_from_slice(trailer.as_bytes());
            out.extend_from_slice(self.line_end("\r\n").as_bytes());
        }
        out.extend_from_slice(self.line_end("\r\n").as_bytes());
        out
    }

    /// A few bytes anywhere.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const ODD: &[u8] = b"\0\r\n\t :;,\"\x0b\x0c\x7f\xff\x80+-0aA/\\#%@_{}|";
        for _ in 0..=self.random.below(3) {
            let at = self.random.below(bytes.len().min(300) as u64) as usize;
            let byte = ODD[self.random.below(ODD.len() as u64) as usize];
            match self.random.below(4) {
                0 => drop(bytes.remove(at)),
                1 => bytes[at] = byte,
                2 => bytes.insert(at, byte),
                _ => bytes.insert(at, bytes[at]),
            }
        }
    }
}

const METHODS: &[&str] = &["GET", "GET", "POST", "POST", "POST", "PUT", "PATCH", "HEAD", "OPTIONS", "DELETE"];
const ODD_METHODS: &[&str] = &[
    "get",
    "Get",
    "PROPFIND",
    "M-SEARCH",
    "REPORT",
    "A",
    "TRACE",
    "CONNECT",
    "PRI",
    "G,T",
    "GE\tT",
    "G\0T",
    "(GET)",
    "GET:",
    "",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "G3T",
    "GET_",
    "!",
    "\u{e9}",
    "HTTP/1.1",
    "PURGE",
    "QUERY",
    "SSTP_DUPLEX_POST",
];
const TARGETS: &[&str] = &["/", "/a", "/a/b?c=d&e=f", "/a%20b", "/a?", "/a;b=c", "/~a", "/a:b@c", "/?http://x/"];
const ODD_TARGETS: &[&str] = &[
    "*",
    "a",
    "",
    "http://x/a",
    "HTTP://x/a",
    "https://x/a?b",
    "http://y:80/a",
    "http://x",
    "http://x?a",
    "http://x:/",
    "http://u@x/a",
    "http:///a",
    "http:/x/a",
    "ftp://x/a",
    "//x/a",
    "/a//b",
    "/../a",
    "/./a",
    "/a/..",
    "/a#b",
    "/a\\b",
    "/a%",
    "/a%zz",
    "/a%00b",
    "/a\"b",
    "/a<b>",
    "/a{b}",
    "/a|b",
    "/a^b",
    "/a`b",
    "/a\u{e9}",
    "/a\tb",
    "/a b",
    "/a\0b",
    "/a\u{7f}",
    "x:80",
    "?a",
    "/?a?b",
    "/[a]",
    "/a%2fb",
    "http://x/a b",
    "http://x\\a",
    "http://[::1]/a",
    "http://x/a#b",
    "/a'b",
    "/a$b",
    "/*",
    "/%2e%2e/a",
    "http://a,b/c",
    "http://x%2ey/a",
];
const VERSIONS: &[&str] = &[
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/0.9",
    "HTTP/2.0",
    "HTTP/1.2",
    "HTTP/1.10",
    "HTTP/01.1",
    "HTTP/1.",
    "HTTP/1",
    "http/1.1",
    "HTTP/1.1 ",
    "HTTP/1.1\t",
    "HTTP /1.1",
    "HTTP/ 1.1",
    "HTTP/1.1 x",
    "",
    "HTTP/1,1",
    "HTTPS/1.1",
    "HTTP/+1.1",
    "HTTP/1.1\0",
    "ICY/1.1",
    "HTTP/3.0",
    "HTTP/1.9",
];
const LINE_ENDS: &[&str] = &["\n", "\r", "\r\r\n", "\n\r", "\r\n ", " \r\n", "\0\r\n", "\r\n\t", "\t\r\n", "\r\0\n"];
const HOSTS: &[&str] =
    &["Host: x", "Host: x", "host: x:80", "HOST: example.com", "Host:x", "Host: \t x \t", "Host: [::1]:80"];
const ODD_HOSTS: &[&str] = &[
    "X-No: host",
    "Host:",
    "Host: ",
    "Host: a,b",
    "Host: a b",
    "Host: a@b",
    "Host: a:b",
    "Host: a:",
    "Host: :80",
    "Host: a/b",
    "Host: a?b",
    "Host: a#b",
    "Host : x",
    "Host\t: x",
    " Host: x",
    "Host: x\nHost: x",
    "Host: x\nHost: y",
    "Host: x\nhost: x",
    "Host: [::1",
    "Host: a\\b",
    "Host: a:99999",
    "Host: \u{e9}",
    "Host: a%41",
    "Host;: x",
    "Host",
    "Host: x\n y",
    "Hos\0t: x",
    "Host: x\0",
    "Host: a_b",
    "Host: *",
    "Host: http://x",
    "Host: x:0",
    "Host: x:080",
    "Host: x:-1",
    "Host: .",
    "Host: -",
    "Host: x\ty",
    "Host: 1.2.3.4:5",
    "Host:\n x",
];
const LENGTHS: &[&str] = &[
    "Content-Length: N+",
    "Content-Length: +N",
    "Content-Length: -N",
    "Content-Length: 0N",
    "Content-Length: 0xN",
    "Content-Length: N,N",
    "Content-Length: N, N",
    "Content-Length: N,N+",
    "Content-Length: N\nContent-Length: N",
    "Content-Length: N\nContent-Length: 0",
    "Content-Length: 0\nContent-Length: N",
    "Content-Length:N",
    "Content-Length : N",
    "Content-Length\t: N",
    " Content-Length: N",
    "Content-Length: N ",
    "Content-Length: \tN",
    "Content-Length: N x",
    "Content-Length: N.0",
    "Content-Length: Ne0",
    "Content-Length:",
    "Content-Length: ",
    "Content-Length: \"N\"",
    "Content-Length: N;",
    "Content-Length: N\n ",
    "Content-Length:\n N",
    "Content_Length: N",
    "Content-Length: 18446744073709551616",
    "Content-Length: 99999999999999999999",
    "Content-Length: N\u{b}",
    "Content-Length: 0",
    "X: y\n Content-Length: N",
    "Content-Length: N\0",
    "Content-Length: N_0",
    "Content-Length: N\u{e9}",
    "content-LENGTH: N",
    "Content-Length: ,N",
    "Content-Length: N,",
    "Content-Length: \u{1}N",
    "X: y\u{1}Content-Length: N",
    "X: y\rContent-Length: N",
    "Content-Length: 00000000000000000000000N",
    "Connection: Content-Length\nContent-Length: N",
    "Content-Length: nan",
];
const CODINGS: &[&str] = &[
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding:chunked",
    "Transfer-Encoding: \tchunked \t",
    "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\nTransfer-Encoding: chunked",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: chunked;",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: chunked x",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\n ",
    "Transfer-Encoding:\n chunked",
    "Transfer-Encoding: \u{b}chunked",
    "Transfer-Encoding: chunked\u{b}",
    "Transfer-Encoding: chunked\0",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: ",
    "Transfer-Encoding:",
    "X: y\n Transfer-Encoding: chunked",
    "TE: chunked",
    "Transfer-Encoding: chun\u{e9}ked",
    "Transfer-Encoding: trailers",
    "Transfer-Encoding: cow",
    "Transfer-Encoding: \u{1}chunked",
    "X: y\u{1}Transfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Connection: Transfer-Encoding\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\nContent-Length: 0",
    "Content-Length: 3\nTransfer-Encoding: chunked",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked, ",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding\0: chunked",
    "transfer-ENCODING: chunked",
];
const SIZES: &[&str] = &[
    "0N",
    "00000000N",
    "0000000000000000N",
    "00000000000000000000N",
    "0xN",
    "+N",
    "-N",
    " N",
    "N ",
    "N\t",
    "\tN",
    "N.",
    "",
    "G",
    "1N",
    "FN",
    "FFFFFFFFFFFFFFFFN",
    "10000000000000000N",
    "N_",
    "N,N",
    "N\u{b}",
    "\nN",
    "N\0",
    "\"N\"",
    "Nh",
    "N  ",
];
const EXTENSIONS: &[&str] = &[
    ";",
    ";;",
    ";a=",
    ";=b",
    " ;a=b",
    "\t;a",
    "; a = b",
    ";a=\"b",
    ";a=\"b\\\"c\"",
    ";a\u{e9}",
    ";a\0",
    ";a\rb",
    ";a\nb",
    ";a=\"\r\n\"",
    " a",
    ";a b",
    "a",
    ",a",
    ";a=b;",
    ";\u{7f}",
    " ",
    ";a=b\t",
];
const LAST_CHUNKS: &[&str] = &[
    "00",
    "000000000000",
    "0;a=b",
    "0 ",
    " 0",
    "0x0",
    "-0",
    "+0",
    "",
    "0;",
    "0\t",
    "0000000000000000000",
    "0\0",
    "0 ;a",
    "O",
    "0,0",
    "0.0",
];
const TRAILERS: &[&str] = &["X-Sum: 1", "A: b", "X-Sum:"];
const ODD_TRAILERS: &[&str] = &[
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Host: y",
    "Cookie: a",
    "X",
    "X : y",
    " X: y",
    ": y",
    "X: \0",
    "X: y\r\n z",
    "X: a\nb",
    "Authorization: x",
    "GET /smuggled HTTP/1.1",
    "X_Y: z",
    "Connection: close",
    "X: y\rZ: a",
    "X-Forwarded-For: 1",
];
const FIELDS: &[&str] = &[
    "Accept: */*",
    "X-A: b",
    "Cookie: a=b; c=d",
    "Connection: keep-alive",
    "X-Empty:",
    "User-Agent: x (y; z)",
    "X-Forwarded-For: 1.2.3.4",
    "Accept-Encoding: gzip",
    "X-Utf8: \u{e9}",
    "TE: trailers",
];
const ODD_FIELDS: &[&str] = &[
    "Connection: close",
    "Connection: Host",
    "Connection: Content-Length",
    "Connection: Transfer-Encoding",
    "Connection: X-A, close",
    "Connection: upgrade\nUpgrade: websocket",
    "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Expect: 100-Continue",
    "X: a\n b",
    "X: a\n\tb",
    "X: a\rb",
    "X: a\u{1}b",
    "X: a\0b",
    "X y: z",
    "X : y",
    ": y",
    "X",
    "X\t: y",
    "X(): y",
    "X\u{e9}: y",
    "X_Forwarded_For: 6.6.6.6",
    "X-Forwarded-For: 6.6.6.6, 7.7.7.7",
    "Keep-Alive: 5",
    "Proxy-Connection: keep-alive",
    "X: \u{7f}",
    "X: \u{8}",
    "Trailer: X-Sum",
    "Upgrade: websocket",
    "Proxy: x",
    "X-HTTP-Method-Override: PUT",
    "X;y: z",
    "Content-Type: multipart/form-data; boundary=x",
    "Range: bytes=0-1",
    "Content-Encoding: gzip",
    "\"X\": y",
    "X: y\n\n",
    "Connection: \u{e9}",
    "Connection: close, keep-alive",
    "Via: 1.1 x",
    "Max-Forwards: 0",
    "Host: x",
];

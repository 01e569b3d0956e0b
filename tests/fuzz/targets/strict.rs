//! A reader of HTTP/1.1 that is as strict as can be, slow, and shares no code with the one under test: it works on whole
//! messages and knows nothing of splits. What it refuses must never be sent by tenantd.

/// A complete message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The start line without its line end.
    pub start: String,
    /// Names in lower case, values without outer white space, in order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The payload, the chunked coding undone.
    pub body: Vec<u8>,
    /// Bytes of the whole message.
    pub len: usize,
    /// Only the close of the connection ended it.
    pub by_close: bool,
}

/// `None`: it is not complete.
pub type Read<T> = Result<Option<T>, String>;

impl Message {
    /// The values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// Method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// Target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// Status of an answer.
    pub fn status(&self) -> u16 {
        self.start.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    /// Connection has this option.
    pub fn connection(&self, option: &str) -> bool {
        let listed = |value: &[u8]| {
            value.split(|&b| b == b',').any(|found| found.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
        };
        self.all("connection").any(listed)
    }
}

/// Reads the request at the start of `bytes`.
pub fn request(bytes: &[u8]) -> Read<Message> {
    let Some((start, fields, len)) = head(bytes)? else { return Ok(None) };
    let words: Vec<_> = start.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return Err(format!("request line {start:?}")) };
    check(!method.is_empty() && method.bytes().all(is_token), "method")?;
    check(target.starts_with('/') || (target == "*" && method == "OPTIONS"), "target")?;
    check(target.bytes().all(|b| b.is_ascii_graphic() && b != b'#'), "byte in the target")?;
    let mut message = Message { start, fields, body: Vec::new(), len, by_close: false };
    let hosts: Vec<_> = message.all("host").collect();
    check(matches!(hosts[..], [host] if !host.is_empty() && !host.contains(&b',')), "one Host")?;
    let framing = framing(&message)?;
    read_body(message.len, framing.unwrap_or(Framing::Length(0)), bytes, false, &mut message)
        .map(|whole| whole.then_some(message))
}

/// Reads the answer at the start of `bytes`; `to_head`: to a HEAD; `closed`: nothing follows `bytes`.
pub fn response(bytes: &[u8], to_head: bool, closed: bool) -> Read<Message> {
    let Some((start, fields, len)) = head(bytes)? else { return Ok(None) };
    let digits = start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
    let status: u16 = match digits {
        Some((digits, _)) if digits.len() == 3 => digits.parse().map_err(|_| format!("status line {start:?}"))?,
        _ => return Err(format!("status line {start:?}")),
    };
    check((100..600).contains(&status), "status")?;
    let mut message = Message { start, fields, body: Vec::new(), len, by_close: false };
    let framing = framing(&message)?;
    check(framing.is_none() || !matches!(status, 100..200 | 204), "framing of an answer that has no body")?;
    let framing = match framing {
        _ if to_head || matches!(status, 100..200 | 204 | 304) => Framing::Length(0),
        Some(framing) => framing,
        None => Framing::Close,
    };
    read_body(message.len, framing, bytes, closed, &mut message).map(|whole| whole.then_some(message))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

type Fields = Vec<(String, Vec<u8>)>;

/// The start line, the fields, and the length of the head.
fn head(bytes: &[u8]) -> Read<(String, Fields, usize)> {
    let end = find(bytes, b"\r\n\r\n");
    let text = &bytes[..end.map_or(bytes.len(), |end| end + 2)];
    let (mut lines, mut rest) = (Vec::new(), text);
    while let Some(at) = find(rest, b"\r\n") {
        let line = &rest[..at];
        check(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "CR, LF or NUL in a line")?;
        lines.push(line);
        rest = &rest[at + 2..];
    }
    check(!lines.first().is_some_and(|line| line.is_empty()), "empty start line")?;
    let Some(end) = end else { return Ok(None) };
    let start = String::from_utf8(lines[0].to_vec()).map_err(|_| "start line is not UTF-8")?;
    let fields = lines[1..].iter().map(|line| field(line)).collect::<Result<_, _>>()?;
    Ok(Some((start, fields, end + 4)))
}

fn field(line: &[u8]) -> Result<(String, Vec<u8>), String> {
    let colon = line.iter().position(|&b| b == b':').ok_or("a field line without a colon")?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    check(!name.is_empty() && name.iter().copied().all(is_token), "field name")?;
    check(value.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)), "control byte in a field value")?;
    let value = value.trim_ascii().to_vec();
    Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), value))
}

/// What the head says of the body's end, exactly once or not at all.
fn framing(message: &Message) -> Result<Option<Framing>, String> {
    let lengths: Vec<_> = message.all("content-length").collect();
    let codings: Vec<_> = message.all("transfer-encoding").collect();
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(None),
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Some(Framing::Chunked)),
        ([length], []) => Ok(Some(Framing::Length(number(length, 10)?))),
        _ => Err(format!("framing: {lengths:?} {codings:?}")),
    }
}

fn read_body(
    start: usize,
    framing: Framing,
    bytes: &[u8],
    closed: bool,
    message: &mut Message,
) -> Result<bool, String> {
    let rest = &bytes[start..];
    match framing {
        Framing::Length(length) if rest.len() < length => return Ok(false),
        Framing::Length(length) => {
            message.body = rest[..length].to_vec();
            message.len = start + length;
        }
        Framing::Close if !closed => return Ok(false),
        Framing::Close => {
            message.body = rest.to_vec();
            message.len = bytes.len();
            message.by_close = true;
        }
        Framing::Chunked => {
            let Some((payload, len)) = chunks(rest)? else { return Ok(false) };
            message.body = payload;
            message.len = start + len;
        }
    }
    Ok(true)
}

/// Undoes the chunked coding: the payload, and the length of the coded body.
pub fn chunks(bytes: &[u8]) -> Read<(Vec<u8>, usize)> {
    let (mut payload, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = line(&bytes[at..])? else { return Ok(None) };
        at += line.len() + 2;
        let size = size(line)?;
        if size == 0 {
            break;
        }
        let rest = &bytes[at..];
        let Some(data) = rest.get(..size) else { return Ok(None) };
        payload.extend_from_slice(data);
        match &rest[size..] {
            [b'\r', b'\n', ..] => at += size + 2,
            [] | [b'\r'] => return Ok(None),
            _ => return Err("a chunk that is longer than its size".into()),
        }
    }
    loop {
        let Some(line) = line(&bytes[at..])? else { return Ok(None) };
        at += line.len() + 2;
        if line.is_empty() {
            return Ok(Some((payload, at)));
        }
        field(line)?;
    }
}

/// The size at the start of a chunk's line; what follows is an extension.
fn size(line: &[u8]) -> Result<usize, String> {
    let end = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, extension) = line.split_at(end);
    let blank = extension.iter().take_while(|&&b| b == b' ' || b == b'\t').count();
    let extension = &extension[blank..];
    check(end <= 16 && (extension.is_empty() && end == line.len() || extension.starts_with(b";")), "chunk size")?;
    check(extension.iter().all(|&b| b == b'\t' || (b' '..=b'~').contains(&b)), "chunk extension")?;
    number(digits, 16)
}

/// The line at the start of `bytes`, without its CRLF.
fn line(bytes: &[u8]) -> Read<&[u8]> {
    let end = find(bytes, b"\r\n");
    let line = &bytes[..end.unwrap_or(bytes.len())];
    let line = if end.is_none() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    check(!line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)), "CR, LF or NUL in a line")?;
    Ok(end.map(|_| line))
}

fn number(digits: &[u8], radix: u32) -> Result<usize, String> {
    let text = str::from_utf8(digits).unwrap_or("");
    check(!text.is_empty() && text.chars().all(|c| c.is_digit(radix)), "number")?;
    // More than there can ever be is more than there is.
    Ok(usize::from_str_radix(text, radix).unwrap_or(usize::MAX))
}

fn check(good: bool, what: &str) -> Result<(), String> {
    good.then_some(()).ok_or_else(|| format!("invalid {what}"))
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// Where `wanted` begins.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

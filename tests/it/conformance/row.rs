//! A row of the conformance table: what is sent on either side, and what must arrive on the other.

/// One rule, as a conversation of one client with the tenant `/t`.
pub struct Row {
    pub name: String,
    /// Where the rule stands: RFC and section.
    pub rfc: &'static str,
    pub steps: Vec<Step>,
    pub client: Client,
    pub tenant: Tenant,
}

/// A step of a conversation. Bytes that are expected are exact, but for what tenantd makes anew each time: see
/// [`super::masks`].
pub enum Step {
    /// The client sends these bytes, in whatever pieces.
    Send(Vec<u8>),
    /// The client has sent everything, and reads only now.
    Sent,
    /// The client says that no more will come.
    Finish,
    /// The tenant receives exactly this.
    Asked(Vec<u8>),
    /// The tenant sends these bytes, in whatever pieces.
    Answer(Vec<u8>),
    /// The tenant closes.
    Hangup,
    /// The tenant reads the end.
    Ended,
    /// The client receives exactly this.
    Got(Vec<u8>),
    /// The client receives a part of this, or all; then the end.
    GotPart(Vec<u8>),
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The next request on it is answered.
    Lives,
    /// tenantd closes it, without a byte more.
    Ends,
}

/// What becomes of the tenant's connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// The next request comes on it, and nothing before that.
    Lives,
    /// tenantd closes it, without a byte more.
    Ends,
    /// It may see a part of the request, but never the whole: then tenantd closes it.
    NeverWhole,
}

impl Row {
    /// A row without steps; both connections live on.
    pub fn new(name: &str, rfc: &'static str) -> Self {
        Self { name: name.to_owned(), rfc, steps: Vec::new(), client: Client::Lives, tenant: Tenant::Lives }
    }

    /// The client sends.
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(bytes.as_ref().to_vec()))
    }

    /// All is sent before anything is read.
    pub fn sent(self) -> Self {
        self.step(Step::Sent)
    }

    /// The client ends its side.
    pub fn finish(self) -> Self {
        self.step(Step::Finish)
    }

    /// The tenant receives.
    pub fn asked(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Asked(bytes.as_ref().to_vec()))
    }

    /// The tenant sends.
    pub fn answer(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Answer(bytes.as_ref().to_vec()))
    }

    /// The tenant closes; so its connection ends.
    pub fn hangup(self) -> Self {
        self.step(Step::Hangup).tenant(Tenant::Ends)
    }

    /// The client receives.
    pub fn got(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Got(bytes.as_ref().to_vec()))
    }

    /// The tenant answers `ok`, and the client gets it.
    pub fn ok(self) -> Self {
        self.answer(OK).got(GOT_OK)
    }

    /// The tenant reads the end.
    pub fn ended(self) -> Self {
        self.step(Step::Ended)
    }

    /// The tenant reads the end, and the rest comes on another connection.
    pub fn ended_anew(self) -> Self {
        self.ended().step(Step::Hangup)
    }

    /// The client receives a part, and the end.
    pub fn got_part(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::GotPart(bytes.as_ref().to_vec())).ends()
    }

    /// The client's connection ends.
    pub fn ends(mut self) -> Self {
        self.client = Client::Ends;
        self
    }

    /// What becomes of the tenant's connection.
    pub fn tenant(mut self, tenant: Tenant) -> Self {
        self.tenant = tenant;
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// An answer of the tenant.
pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// The same as the client gets it.
pub const GOT_OK: &str = "HTTP/1.1 200 OK\r\nDate: @DATE\r\nX-Request-Id: @ID\r\nContent-Length: 2\r\n\r\nok";

/// A request to the tenant: its first line without the version, fields with their line ends, and a body.
pub fn request(line: &str, fields: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}")
}

/// A request as the tenant gets it: end-to-end fields, then what tenantd makes, then framing and body.
pub fn arrives(line: &str, fields: &str, tail: &str) -> String {
    arrives_for("x", line, fields, tail)
}

/// The same for another host.
pub fn arrives_for(host: &str, line: &str, fields: &str, tail: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: {host}\r\n{fields}X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: {host}\r\nX-Request-Id: @ID\r\nX-Request-Start: @START\r\n{tail}"
    )
}

/// An answer of tenantd's own, after which it closes. One to a head that was refused has no id.
pub fn page(status: &str, detail: &str, id: bool) -> String {
    own_page(status, detail, if id { "X-Request-Id: @ID\r\nConnection: close\r\n" } else { "Connection: close\r\n" })
}

/// An answer of tenantd's own with these last fields.
pub fn own_page(status: &str, detail: &str, last: &str) -> String {
    let body = format!("{status}: {detail}\n");
    format!(
        "HTTP/1.1 {status}\r\nDate: @DATE\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\n{last}\r\n{body}",
        body.len()
    )
}

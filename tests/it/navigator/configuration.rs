//! V27 to V33: what is written is meant, or it is an error.

use std::net::TcpStream;

use crate::harness::Init;
use crate::web::web;

#[test]
fn v29_what_a_unit_may_say_with_variables_is_said() {
    let unit = "[unit]\ndescription = \"Event ${city}\"\n[service]\nexec_start = [\"sh\", \"-c\", \"echo for ${city} %i %p; exec @ORIGIN@\"]\n\
        working_directory = \"@DIR@/${city}\"\nenvironment = { TENANT = \"${city}/%i\", DATABASE_URL = \"sqlite3:/${city}.sqlite3\" }\n\
        pass_environment = [\"GIVEN\"]\n[socket]\nlisten = \"unix:@DIR@/${city}.sock\"\n[route]\npath = \"/events/${city}\"\n\
        [[instance]]\nname = \"one\"\nvars = { city = \"boston\" }\n";
    let setup = Init::new().unit("event@.toml", unit).environment("GIVEN", "from outside");
    std::fs::create_dir(setup.path().join("boston")).expect("a directory");
    let init = setup.start();
    assert_eq!(init.get("/events/boston").expect(200).json()["tenant"], "boston/one");
    let environment = init.get("/events/boston/environment").expect(200).text();
    for line in ["DATABASE_URL=sqlite3:/boston.sqlite3", "GIVEN=from outside"] {
        assert!(environment.lines().any(|found| found == line), "{line} in {environment}");
    }
    init.wait_log(&["event@one", "for boston one event"]);
    assert!(init.file("boston.sock").exists());
}

#[test]
fn v30_it_listens_at_the_address_that_is_written_and_at_no_other() {
    let port = crate::setup::free_address().port();
    let mut init = Init::new().web(&web(&["boston"])).launch(([127, 0, 0, 9], port).into());
    init.wait_listening();
    init.get("/boston").expect(200);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it listens everywhere");
}

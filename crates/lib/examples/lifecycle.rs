//! A jail from its release to its end: `lifecycle DIRECTORY`, as root; the directory must be empty.

use libioc::operation::{Base, Command, Create, Destroy, DestroyRelease, Fetch, Kind, Start};
use libioc::{Host, Ioc, Silent, Source, Sources};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: lifecycle DIRECTORY")?;
    let source: Source = format!("example={directory}").parse()?;
    let ioc = Ioc::open(Host::detect()?, Sources::Given(vec![source.clone()]))?;

    // A release of the host's own base directories: nothing is downloaded.
    let fetch = Fetch { source: source.clone(), name: Some("host".parse()?), kind: Kind::Host };
    ioc.apply(&fetch, &Silent)?;
    ioc.apply(&Create::new(source.clone(), "web".parse()?, Base::Release("host".parse()?)), &Silent)?;

    let web = ioc.jail("web")?;
    ioc.apply(&Start::new(web.clone()), &Silent)?;
    let hostname = Command { argv: vec!["hostname".to_owned()], user: None, environment: Vec::new() };
    let ran = ioc.exec(&web, &hostname);

    // Whatever became of the command: a running jail is stopped first.
    ioc.apply(&Destroy { force: true, ..Destroy::new(web) }, &Silent)?;
    ioc.apply(&DestroyRelease::new(source, "host".parse()?), &Silent)?;
    if ran?.success() { Ok(()) } else { Err("hostname failed in the jail".into()) }
}

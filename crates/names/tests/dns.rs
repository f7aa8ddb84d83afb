//! Look-ups over a name server of the test's own, by UDP on this host.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, PTR};
use hickory_resolver::proto::rr::{Name, RData, Record};
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use waypost_access::{Known, Names};
use waypost_names::Dns;

/// A name, and what it leads to.
type Zone = Vec<(String, RData)>;

/// A name server that knows one zone; of everything below `silent` it says nothing.
async fn serve(zone: Zone) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (socket.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
            count.fetch_add(1, Ordering::Relaxed);
            let question = Message::from_vec(&buffer[..length]).unwrap();
            if let Some(answer) = answer(&zone, question) {
                socket.send_to(&answer.to_vec().unwrap(), client).await.unwrap();
            }
        }
    });
    (address, asked)
}

fn answer(zone: &Zone, mut message: Message) -> Option<Message> {
    let query = message.queries.first()?.clone();
    let name = query.name().to_lowercase();
    if name.to_string().ends_with("silent.") {
        return None;
    }
    let own: Vec<&RData> = zone
        .iter()
        .filter(|(owner, _)| Name::from_str(owner).unwrap() == name)
        .map(|(_, data)| data)
        .collect();
    message.metadata.message_type = MessageType::Response;
    message.metadata.response_code =
        if own.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
    message.answers = own
        .into_iter()
        .filter(|data| data.record_type() == query.query_type())
        .map(|data| Record::from_rdata(query.name().clone(), 60, data.clone()))
        .collect();
    Some(message)
}

fn ptr(address: &str, name: &str) -> (String, RData) {
    let owner = Name::from(address.parse::<IpAddr>().unwrap());
    (owner.to_string(), RData::PTR(PTR(Name::from_str(name).unwrap())))
}

fn host(name: &str, address: &str) -> (String, RData) {
    let data = match address.parse().unwrap() {
        IpAddr::V4(address) => RData::A(A(address)),
        IpAddr::V6(address) => RData::AAAA(AAAA(address)),
    };
    (name.to_owned(), data)
}

async fn known(zone: Zone, address: &str) -> Known {
    let (server, _) = serve(zone).await;
    let dns = Dns::asking(server, Duration::from_millis(500)).unwrap();
    dns.names_of(address.parse().unwrap()).await
}

#[tokio::test]
async fn names_that_lead_back_are_known() {
    let zone = vec![
        ptr("192.0.2.1", "Mail.Example.COM."),
        ptr("192.0.2.1", "other.example."),
        ptr("192.0.2.1", "liar.example."),
        host("mail.example.com.", "192.0.2.9"),
        host("mail.example.com.", "192.0.2.1"),
        host("other.example.", "192.0.2.1"),
        host("liar.example.", "192.0.2.2"),
    ];
    let expected = Known::names(["mail.example.com", "other.example"]);
    assert_eq!(known(zone, "192.0.2.1").await, expected);
    let zone = vec![ptr("2001:db8::1", "six.example."), host("six.example.", "2001:db8::1")];
    assert_eq!(known(zone, "2001:db8::1").await, Known::names(["six.example"]));
}

#[tokio::test]
async fn names_that_lead_elsewhere_or_nowhere_are_a_spoofers() {
    let zone =
        vec![ptr("192.0.2.1", "mail.bank.example."), host("mail.bank.example.", "192.0.2.9")];
    assert_eq!(known(zone, "192.0.2.1").await, Known::Spoofed);
    assert_eq!(known(vec![ptr("192.0.2.1", "no.example.")], "192.0.2.1").await, Known::Spoofed);
    let six_only = vec![ptr("192.0.2.1", "six.example."), host("six.example.", "2001:db8::1")];
    assert_eq!(known(six_only, "192.0.2.1").await, Known::Spoofed);
}

#[tokio::test]
async fn an_address_without_a_name_is_unknown() {
    assert_eq!(known(vec![], "192.0.2.1").await, Known::Unknown);
    let mut odd = ptr("192.0.2.1", "example.");
    odd.1 = RData::PTR(PTR(Name::from_labels([&b"a\nb"[..], b"example"]).unwrap()));
    let odd = vec![odd];
    assert_eq!(known(odd, "192.0.2.1").await, Known::Unknown, "no name of a host");
}

#[tokio::test]
async fn silence_is_unknown_in_time() {
    let begun = Instant::now();
    let silent = vec![ptr("192.0.2.1", "mail.silent.")];
    assert_eq!(known(silent, "192.0.2.1").await, Known::Unknown);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn answers_are_remembered() {
    let zone = vec![ptr("192.0.2.1", "a.example."), host("a.example.", "192.0.2.1")];
    let (server, asked) = serve(zone).await;
    let dns = Dns::asking(server, Duration::from_secs(5)).unwrap();
    for _ in 0..5 {
        let known = dns.names_of("192.0.2.1".parse().unwrap()).await;
        assert_eq!(known, Known::names(["a.example"]));
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

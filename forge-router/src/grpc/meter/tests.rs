//! What comes of a body, piece by piece.

use http_body_util::{BodyExt, Empty};

use super::*;
use crate::request::RequestError;

fn metered(
    budget: usize,
    keep: Keep,
) -> Metered<impl Body<Data = Bytes, Error = hyper::Error> + Unpin> {
    let timeout = Duration::from_secs(9);
    let bounds = Bounds { max_bytes: 100, says_so: "the test", timeout, budget };
    let manner = Manner { draining: None, keep, refused: Box::new(|_| {}) };
    let empty = Empty::new().map_err(|never| match never {});
    Metered::new(empty, bounds, &MemoryBudget::new(budget), manner)
}

fn came<B>(body: &mut Metered<B>, piece: &[u8]) -> Result<Bytes, HttpError> {
    body.came(Bytes::copy_from_slice(piece))
}

#[tokio::test]
async fn each_message_is_reserved_when_it_is_announced() {
    let mut body = metered(100, Keep::Nothing);
    let inbox = body.inbox();
    came(&mut body, &[0, 0, 0]).unwrap();
    assert_eq!(body.budget.used(), 0);
    came(&mut body, &[0, 7, 1, 2]).unwrap();
    assert_eq!(body.budget.used(), 7);
    came(&mut body, &[3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1]).unwrap();
    assert!(!body.is_between());
    came(&mut body, &[2]).unwrap();
    assert!(body.is_between());
    let taken: Vec<usize> =
        std::iter::from_fn(|| inbox.take()).map(|arrived| arrived.memory.bytes()).collect();
    assert_eq!(taken, [7, 0, 2]);
    assert_eq!(body.budget.used(), 0);
}

#[tokio::test]
async fn a_message_beyond_the_bounds_is_refused_when_it_is_announced() {
    for keep in [Keep::Nothing, Keep::Whole, Keep::Pieces] {
        let too_large = came(&mut metered(100, keep), &[0, 0, 0, 0, 101]);
        assert!(matches!(too_large, Err(HttpError::BodyTooLarge { limit: 100, .. })));
        let mut body = metered(100, keep);
        came(&mut body, &[0, 0, 0, 0, 60]).unwrap();
        came(&mut body, &[0; 60]).unwrap();
        let full = came(&mut body, &[0, 0, 0, 0, 60]);
        assert!(matches!(full, Err(HttpError::Request(RequestError::MemoryFull { .. }))));
    }
}

#[tokio::test]
async fn messages_that_are_kept_are_handed_on_empty_once_they_are_whole() {
    let mut body = metered(100, Keep::Whole);
    let inbox = body.inbox();
    assert!(came(&mut body, &[0, 0, 0, 0, 2, 7]).unwrap().is_empty());
    assert!(inbox.take().is_none());
    let handed = came(&mut body, &[8, 1, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(handed, [0; 3 * PREFIX][..]);
    let taken: Vec<(Pieces, bool)> = std::iter::from_fn(|| inbox.take())
        .map(|arrived| (arrived.message, arrived.is_compressed))
        .collect();
    assert_eq!(taken.len(), 3);
    assert_eq!(taken[0], (vec![7, 8].into(), false));
    assert_eq!(taken[1], (vec![9].into(), true));
    assert_eq!(taken[2], (Pieces::default(), false));
}

#[tokio::test]
async fn a_message_of_an_unknown_encoding_is_refused_when_it_is_announced() {
    for (keep, flag, told) in
        [(Keep::Pieces, 1, COMPRESSED), (Keep::Pieces, 2, FLAG), (Keep::Whole, 2, FLAG)]
    {
        let refused = came(&mut metered(100, keep), &[flag, 0, 0, 0, 1]).unwrap_err();
        assert_eq!(refused.to_string(), told);
    }
}

#[tokio::test]
async fn a_body_that_ends_within_a_message_is_refused() {
    let mut body = metered(100, Keep::Pieces);
    came(&mut body, &[0, 0, 0, 0, 2, 7]).unwrap();
    let status = body.frame().await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::Internal);
}

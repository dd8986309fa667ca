//! The file of the socket.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener as StdUnixListener;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_so_is_a_folder_made_for_it() {
    let folder = Folder::new();
    let path = folder.path("new/deep/forge.sock");
    let socket = ControlSocket::bind(&path).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(socket.path(), path);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_nobody_serves_is_replaced() {
    let folder = Folder::new();
    let path = folder.path("s");
    drop(StdUnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _socket = ControlSocket::bind(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(UnixStream::connect(&path).await.is_ok());
}

#[tokio::test]
async fn a_socket_that_somebody_serves_is_left_to_them() {
    let folder = Folder::new();
    let path = folder.path("s");
    let _first = ControlSocket::bind(&path).unwrap();
    let error = ControlSocket::bind(&path).unwrap_err();
    assert!(matches!(error, SocketError::InUse(_)), "{error}");
    assert!(error.to_string().contains("--socket"), "{error}");
    assert!(UnixStream::connect(&path).await.is_ok());
}

#[tokio::test]
async fn what_is_no_socket_is_never_removed() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "mine").unwrap();
    symlink(folder.path("file"), folder.path("link")).unwrap();
    fs::create_dir(folder.path("directory")).unwrap();
    for name in ["file", "link", "directory"] {
        let error = ControlSocket::bind(&folder.path(name)).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{name}: {error}");
    }
    assert_eq!(fs::read_to_string(folder.path("link")).unwrap(), "mine");
}

#[tokio::test]
async fn a_path_is_taken_up_to_what_the_system_takes() {
    let folder = Folder::new();
    let longest = 107 - folder.path("").as_os_str().len();
    drop(ControlSocket::bind(&folder.path(&"s".repeat(longest))).unwrap());
    let error = ControlSocket::bind(&folder.path(&"s".repeat(longest + 1))).unwrap_err();
    assert!(matches!(error, SocketError::TooLong { length: 108, .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "").unwrap();
    let error = ControlSocket::bind(&folder.path("file/s")).unwrap_err();
    assert!(error.is_the_machines() && error.to_string().contains("file/s"), "{error}");
}

#[tokio::test]
async fn the_socket_of_another_server_is_not_removed_at_the_end() {
    let folder = Folder::new();
    let path = folder.path("s");
    let first = ControlSocket::bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _second = ControlSocket::bind(&path).unwrap();
    let inode = fs::symlink_metadata(&path).unwrap().ino();
    drop(first);
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), inode);
}

/// Without the lock one of them takes the new socket of another for a stale one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_servers_that_start_together_over_a_stale_socket_one_gets_it() {
    for _ in 0..20 {
        let folder = Folder::new();
        let path = folder.path("s");
        drop(StdUnixListener::bind(&path).unwrap());
        let start = |_| {
            let path = path.clone();
            tokio::spawn(async move { ControlSocket::bind(&path) })
        };
        let tasks: Vec<_> = (0..4).map(start).collect();
        let mut bound = Vec::new();
        for task in tasks {
            bound.extend(task.await.unwrap());
        }
        assert_eq!(bound.len(), 1);
    }
}

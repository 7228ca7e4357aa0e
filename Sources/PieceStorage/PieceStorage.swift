// PieceStorage: the files of a torrent on disk: layout, reading and writing on threads of their own,
// checking, and the journal that says which pieces are ours after a crash (docs/CRASH-SAFETY.md).
// May import Bytes, Digest, Metainfo, EventLoop, Threads and CSystem. Nothing here runs on a loop,
// but for the last step of a job.

/// The folder in a download folder where Apus keeps its own files.
public let stateFolder = ".apus"

/// Who may make file operations fail or wait: for tests of what happens when a disk does.
///
/// Called before the operation, on the thread that does it, with the path below the download folder.
/// A result other than 0 is the `errno` that the operation fails with.
public typealias FaultInjection = @Sendable (FileOperation, _ path: String) -> Int32

/// An operation on a file that faults can be injected into.
public enum FileOperation: Sendable {
  /// Opening or creating a file.
  case open
  /// Reading from it.
  case read
  /// Writing to it.
  case write
  /// Waiting until it is on the disk.
  case sync
}

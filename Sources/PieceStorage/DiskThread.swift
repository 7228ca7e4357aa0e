internal import CSystem
import Digest
internal import Glibc

/// What a disk thread keeps from job to job, so that jobs allocate nothing: digest contexts and
/// vectors for scattered reads. Confined to its thread.
@safe
public final class DiskThread {
  /// Vectors that one system call takes here; POSIX promises 16, Linux and macOS take 1024.
  static let vectorLimit = 512

  let hasher = PieceHasher()
  /// Pieces that it took from the queue together, but for those that are done with. Keeps its memory.
  var writes: [PieceWrite?] = []
  /// Whether `writes` is what it runs next.
  var isWriting = false
  let vectors: UnsafeMutableBufferPointer<iovec>

  /// For threads outside a pool that run jobs themselves.
  public init() { unsafe vectors = .allocate(capacity: Self.vectorLimit) }

  deinit { unsafe vectors.deallocate() }
}
